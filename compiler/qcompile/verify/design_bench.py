"""The level `rtl` of an FPGA design: its SystemVerilog in Verilator, bit by bit, cycle by cycle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.token_kernel import Array, Bits
from qcompile.plan.tokens import Replay
from qcompile.qtype import Ints
from qcompile.rtl.packages import NotInstalled
from qcompile.verify.counts import Pace
from qcompile.verify.rtl_bench import ordered
from qcompile.verify.run import (
    FAULT,
    Effort,
    Level,
    Missing,
    Project,
    amount,
    check,
    check_requantizers,
)
from qcompile.verify.vectors import SEED, Codes
from qcompile.verify.verilated import Verilated, unpacked

NAME = "rtl"
LEAST, USUAL = 3, 24  # vectors, by default: the interval shows between the second and the third
CYCLES = 300_000  # of all vectors together, by default
RATE = 2_000_000_000  # work of all vectors, with --verify=full
MOST_PROBES = 20_000


class DesignRunner:
    """A design in Verilator. What runs is checked for its times as well."""

    def __init__(self, model: IntegerModel, plan: Dataflow) -> None:
        self._model, self._plan = model, plan
        self._replay = Replay.of(plan.processes)
        self._rtl = built(model, plan, trace=False)
        self._traced: Verilated | None = None
        self.pace: Pace | None = None

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """All vectors back to back, as fast as the design takes them."""
        return self.timed(codes)

    def timed(
        self, codes: Mapping[str, Ints], offers: Bits | None = None, takes: Bits | None = None
    ) -> dict[str, Ints]:
        """Raises CompileError where a word enters or leaves in a cycle that was not predicted.

        `offers` and `takes` are those of `Replay.run`.
        """
        ran = self._rtl.run(codes, offers, takes)
        frames = len(next(iter(codes.values())))
        times = self._replay.run(self._plan.depths, frames, offers, takes)
        for wanted, got in ((times.given, ran.given), (times.taken, ran.taken)):
            for stream, cycles in wanted.items():
                same_times(stream, cycles, got[stream])
        if offers is None:
            interval = times.interval if frames > 1 else times.latency
            self.pace = Pace(times.latency, interval, frames)
        return ran.outputs

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        if self._traced is None:
            self._traced = built(self._model, self._plan, trace=True)
        ran = self._traced.run(codes)
        found = {}
        for p in self._plan.processes:
            if p.value:
                stream, shape = p.outputs[0], self._model.graph[p.node].type.shape
                words = ran.words[stream.name]
                whole = len(words) // stream.words * stream.words
                found[p.node] = unpacked(stream, words[:whole]).reshape(-1, *shape)
        frames = len(next(iter(codes.values())))
        return {node: values[:frames] for node, values in found.items()}


def same_times(stream: str, wanted: Array, got: Array) -> None:
    """Raises CompileError at the first word that passed in another cycle than predicted."""
    wanted, got = passed(wanted, got)
    if np.array_equal(wanted, got):
        return
    place = int(np.flatnonzero(wanted != got)[0])
    raise CompileError(
        f"the RTL moves word {place} of {stream!r} in cycle {got[place]}, the plan says "
        f"{wanted[place]}",
        help=FAULT,
    )


def passed(wanted: Array, got: Array) -> tuple[Array, Array]:
    """The times of words that passed: what no output needs may wait when the last one leaves."""
    most = min(len(wanted), len(got))
    return wanted[:most], got[:most]


def built(model: IntegerModel, plan: Dataflow, trace: bool) -> Verilated:
    """Raises Missing where Verilator or a compiler is not installed."""
    try:
        return Verilated(model, plan, trace=trace)
    except NotInstalled as error:
        raise Missing(str(error)) from None


@dataclass(frozen=True)
class DesignBench:
    """SystemVerilog projects in Verilator, the ends of the design first eager, then hesitant."""

    emit: Callable[[IntegerModel], Project]
    name: str = NAME

    def build(self, model: IntegerModel, project: Project) -> DesignRunner:
        return DesignRunner(model, project.plan)

    def compare(
        self, model: IntegerModel, project: Project, effort: Effort, given: Codes | None
    ) -> Level:
        everything = effort is Effort.FULL
        probes = check_requantizers(
            model,
            NAME,
            lambda network: self.build(network, self.emit(network)),
            0 if everything else MOST_PROBES,
        )
        count = amount(model, RATE, effort, given)
        if not everything:
            possible = CYCLES // project.plan.interval
            count = int(np.clip(possible, LEAST, min(count, USUAL)))
        codes = ordered(model, count, given)
        runner = self.build(model, project)
        check(model, runner, NAME, codes)
        check(model, Hesitant(runner, project.plan), NAME, codes)
        return Level(NAME, True, count, probes, measured=runner.pace)


class Hesitant:
    """A design whose surroundings offer and take words in random cycles only."""

    def __init__(self, runner: DesignRunner, plan: Dataflow) -> None:
        self._runner, self._plan = runner, plan

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        return self._runner.timed(codes, *patience(self._plan, SEED))

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        return self._runner.trace(codes)


def patience(plan: Dataflow, seed: int) -> tuple[Bits, Bits]:
    """For two inferences, [cycles, ends]: every end hesitates, each at a rate of its own."""
    random = np.random.default_rng(seed)
    cycles = 2 * plan.interval + 1000
    ends = len(plan.inputs), len(plan.outputs)
    offers, takes = (random.random((cycles, n)) < random.uniform(0.3, 0.9, n) for n in ends)
    return offers, takes
