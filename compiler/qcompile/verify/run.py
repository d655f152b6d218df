"""Verification: oracle, integer graph and emitted code on the same vectors, bit for bit.

How many vectors run depends on the work of the network and not on the clock, so that the same
model gives the same report: about a minute's worth on a common machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np

from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.ops.base import IntegerOp
from qcompile.progress import Progress
from qcompile.qtype import Ints, QType
from qcompile.source import Source
from qcompile.verify.counts import Measurement, Pace
from qcompile.verify.oracle import Difference, compare, drive
from qcompile.verify.probe import probe_model
from qcompile.verify.vectors import CORNERS, Codes, vectors


class Effort(Enum):
    """How much is verified."""

    NONE = "no"
    USUAL = "usual"
    FULL = "full"


class Runner(Protocol):
    """Compiled code that computes an integer model."""

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Output codes by port name, [samples, *stored], from input codes likewise."""

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """The values of the layers by node name, as `IntegerModel.run` has them."""


@dataclass(frozen=True)
class Level:
    """One computation that was compared with the one before it, or why it was not."""

    name: str
    ran: bool
    vectors: int = 0
    probes: int = 0  # codes that requantizers were driven with directly
    undriven: int = 0  # requantizers that only the vectors reached
    why: str = ""
    measured: Measurement | Pace | None = None

    def row(self) -> dict[str, Any]:
        """As in report.json; a mismatch never gets that far."""
        if not self.ran:
            return {"ran": False, "why": self.why}
        counts = {"vectors": self.vectors, "probes": self.probes, "undriven": self.undriven}
        return {"ran": True, **counts, "mismatches": 0}


@dataclass(frozen=True, eq=False)
class Project:
    """What a backend made of a model: the plan that it spelled, and the files."""

    plan: Any
    files: dict[str, str]


class Bench(Protocol):
    """A way to run emitted code."""

    @property
    def name(self) -> str:
        """The level of the report."""

    def build(self, model: IntegerModel, project: Project) -> Runner:
        """Compiles a project; raises `Missing` where a tool is not there."""

    def compare(
        self, model: IntegerModel, project: Project, effort: Effort, given: Codes | None
    ) -> Level:
        """The project against the integer model; raises `Missing` and CompileError."""


@dataclass(frozen=True)
class FastBench:
    """A bench that runs as many vectors as its rate allows, however long they turn out to take."""

    name: str
    emit: Callable[[IntegerModel], Project]
    maker: Callable[[IntegerModel, Project], Runner]
    rate: int
    """Multiply-accumulates and element operations that are run by default."""

    def build(self, model: IntegerModel, project: Project) -> Runner:
        return self.maker(model, project)

    def compare(
        self, model: IntegerModel, project: Project, effort: Effort, given: Codes | None
    ) -> Level:
        """The requantizers first."""
        probed = check_requantizers(
            model, self.name, lambda network: self.build(network, self.emit(network))
        )
        count = amount(model, self.rate, effort, given)
        check(model, self.build(model, project), self.name, vectors(model, count, given))
        return Level(self.name, True, count, probed)


class Missing(Exception):
    """A tool that a level needs is not installed; the text says which."""


ORACLE_RATE = 4_000_000_000
LEAST, USUAL, MOST = 2, 100, 1000  # vectors: of the largest network, of most, with --verify=full
FAULT = "this is a fault of qcompile and not of the model: please report it; nothing is written"
FULL_FACTOR = 20  # how much more work `--verify=full` takes


def verify(
    source: Source,
    model: IntegerModel,
    project: Project,
    benches: tuple[Bench, ...],
    effort: Effort,
    given: Codes | None,
    progress: Progress,
) -> tuple[Level, ...]:
    """Compare everything; raises CompileError that names the first layer which differs."""
    if effort is Effort.NONE or not model.inputs:
        return ()
    levels = [against_oracle(source, model, effort, given, progress)]
    if not benches:
        return tuple(levels)
    progress.step(f"verifying: {', '.join(bench.name for bench in benches)}")
    with ThreadPoolExecutor(len(benches)) as pool:  # each waits for programs of its own
        levels += pool.map(lambda bench: compared(bench, model, project, effort, given), benches)
    return tuple(levels)


def compared(
    bench: Bench, model: IntegerModel, project: Project, effort: Effort, given: Codes | None
) -> Level:
    """The level of a bench, or why it did not run."""
    try:
        return bench.compare(model, project, effort, given)
    except Missing as missing:
        return Level(bench.name, False, why=str(missing))


def amount(model: IntegerModel, rate: int, effort: Effort, given: Codes | None) -> int:
    """How many vectors a level runs: the usual number, or more where the user gives more.

    What the user gives runs whole as long as the time for it allows.
    """
    factor = FULL_FACTOR if effort is Effort.FULL else 1
    possible = int(np.clip(rate * factor // max(work(model), 1), LEAST, MOST))
    own = 0 if given is None else len(next(iter(given.values()))) + len(CORNERS)
    wanted = MOST if effort is Effort.FULL else max(USUAL, own)
    return min(possible, wanted)


def work(model: IntegerModel) -> int:
    """Multiply-accumulates and elements of one inference."""
    total = 0
    for node in model.graph:
        assert isinstance(node.op, IntegerOp)
        types = [t for n in node.inputs if isinstance(t := model.graph[n].type, QType)]
        done = node.op.work(*types)
        total += done.macs + sum(done.adds.values()) // 8
        total += node.type.size if isinstance(node.type, QType) else 0
    return total


def against_oracle(
    source: Source, model: IntegerModel, effort: Effort, given: Codes | None, progress: Progress
) -> Level:
    """The integer graph against the graph as read, and each requantizer around its steps."""
    progress.step("verifying: requantizers against the oracle")
    driven = drive(source, model)
    if driven.difference is not None:
        raise mismatch("the integer graph", "the graph as read", driven.difference)
    progress.step("verifying: oracle")
    count = amount(model, ORACLE_RATE, effort, given)
    found = compare(source, model, vectors(model, count, given), progress)
    if found is not None:
        raise mismatch("the integer graph", "the graph as read", found)
    return Level("oracle", True, count, driven.codes, driven.skipped)


def check_requantizers(
    model: IntegerModel, name: str, run: Callable[[IntegerModel], Runner], most: int = 0
) -> int:
    """A network of all requantizers of `model`, as `run` runs it; how many codes drive them.

    `most` limits the codes where it is not 0.
    """
    driven = probe_model(model, most)
    if driven is None:
        return 0
    network, codes = driven
    check(network, run(network), name, codes)
    return sum(c.size for c in codes.values())


def check(model: IntegerModel, runner: Runner, name: str, codes: Codes) -> None:
    """Raises CompileError with the first layer that differs, if an output does."""
    expected, found = model.run(codes), runner.run(codes)
    wrong = [p for p in model.outputs if np.any(expected[p.name] != found[p.name])]
    if not wrong:
        return
    bad = np.zeros(len(found[wrong[0].name]), bool)
    for p in wrong:
        unlike = expected[p.name] != found[p.name]
        bad |= unlike.reshape(len(bad), -1).any(axis=1)
    one = {port: c[np.flatnonzero(bad)[:1]] for port, c in codes.items()}
    raise mismatch(name, "the integer graph", located(model, runner, one, wrong[0].node))


def located(model: IntegerModel, runner: Runner, codes: Codes, last: str) -> Difference:
    """The first layer, in the order of execution, whose values differ on one vector."""
    wanted, got = model.run(codes, trace=True), runner.trace(codes)
    for node in model.graph:
        if node.name in got:
            expected, found = np.broadcast_arrays(wanted[node.name], got[node.name])
            places = np.argwhere(expected != found)
            if len(places):
                place = tuple(int(i) for i in places[0])
                example = f"element {list(place[1:])}: {found[place]}, not {expected[place]}"
                return Difference(node.name, node.origin, len(places), example)
    return Difference(last, model.graph[last].origin, 0, "only in the build without a trace")


def mismatch(which: str, other: str, found: Difference) -> CompileError:
    """What is told of a difference."""
    return CompileError(
        f"{which} differs from {other} in {found.elements} elements of {found.node!r}; "
        f"{found.example}",
        at=found.origin,
        help=FAULT,
    )
