"""Exact times of a dataflow design: its schedules replayed cycle by cycle, without any data.

Every process is deterministic and every stream has one writer and one reader, so the design is a
Kahn network with bounded channels: whether it locks up does not depend on when words come and go.
One inference that ends, with nothing left behind, therefore shows that none ever locks up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcompile.plan.process_moves import ReadPort, WritePort
from qcompile.plan.streams import Process, Stream
from qcompile.plan.token_kernel import Array, Bits, simulate

UNBOUNDED = 1 << 40
FRAMES = 5  # inferences after which the rate is taken


@dataclass(frozen=True, eq=False)
class Times:
    """What a replay of some inferences showed, in cycles counted from the first."""

    cycles: int
    given: dict[str, Array]  # when each word of an input was taken, by the stream's name
    taken: dict[str, Array]  # when each word of an output left
    fullest: dict[str, int]  # words that each stream held at most
    written: dict[str, Array]  # when words were written, by stream; empty unless asked for
    frames: int

    @property
    def done(self) -> bool:
        """Whether everything came out; if not, the design has locked up."""
        return all(bool((times >= 0).all()) for times in self.taken.values())

    @property
    def ends(self) -> Array:
        """[frames]: the cycle in which the last word of each inference left."""
        last = [times.reshape(self.frames, -1)[:, -1] for times in self.taken.values()]
        found: Array = np.max(last, axis=0)
        return found

    @property
    def latency(self) -> int:
        """Cycles from the first word in to the last word out of an inference on an empty design."""
        first = min((int(t[0]) for t in self.given.values() if t.size), default=0)
        return int(self.ends[0]) - first

    @property
    def interval(self) -> int:
        """Cycles between the last two inferences."""
        ends = self.ends
        return int(ends[-1] - ends[-2])


@dataclass(frozen=True, eq=False)
class Replay:
    """A design, ready to be replayed with any depths."""

    processes: tuple[Process, ...]
    streams: tuple[Stream, ...]  # the last ones are those of ports
    arrays: tuple[NDArray[np.int64], ...]
    sources: tuple[Stream, ...]
    sinks: tuple[Stream, ...]

    @classmethod
    def of(cls, processes: Sequence[Process], registers: bool = True) -> Replay:
        """Of the RTL, or without the registers of its pipelines, which hold words as well."""
        inside = [s for p in processes for s in p.outputs]
        sources = tuple(p.port.stream for p in processes if isinstance(p, ReadPort))
        sinks = tuple(p.port.stream for p in processes if isinstance(p, WritePort))
        place = {s.name: i for i, s in enumerate(inside)}
        # A stream may be in both, where an input is an output.
        first = {s.name: len(inside) + i for i, s in enumerate(sources)}
        last = {s.name: len(inside) + len(sources) + i for i, s in enumerate(sinks)}
        ins, outs = [], []
        for p in processes:
            ins.append([place[s.name] for s in p.inputs])
            outs.append([place[s.name] for s in p.outputs])
            if isinstance(p, ReadPort):
                ins[-1] = [first[p.port.stream.name]]
            if isinstance(p, WritePort):
                outs[-1] = [last[p.port.stream.name]]
        delays = np.array([p.latency if registers else 0 for p in processes], np.int64)
        arrays = (*_lists(ins), *_lists(outs), delays, *_schedules(processes))
        return cls(tuple(processes), (*inside, *sources, *sinks), arrays, sources, sinks)

    def run(
        self,
        depths: Mapping[str, int] | None = None,
        frames: int = FRAMES,
        offers: Bits | None = None,
        takes: Bits | None = None,
        log: bool = False,
    ) -> Times:
        """Replay `frames` inferences; streams that `depths` does not name hold any number.

        `offers` [cycles, inputs] and `takes` [cycles, outputs] are the patience of a test bench: a
        word is offered from the first cycle on that says so; a word is taken only in cycles that
        say so. Without them, and after their end: always.
        """
        depth = np.full(len(self.streams), UNBOUNDED, np.int64)
        for i, s in enumerate(self.streams):
            depth[i] = (depths or {}).get(s.name, UNBOUNDED)
        first = len(self.streams) - len(self.sources) - len(self.sinks)
        sources = np.arange(first, first + len(self.sources))
        sinks = np.arange(first + len(self.sources), len(self.streams))
        sent = np.array([s.words * frames for s in self.sources], np.int64)
        wanted = np.array([s.words * frames for s in self.sinks], np.int64)
        words = sum(len(p.outputs) * p.schedule.writes for p in self.processes) if log else 0
        room = np.zeros((words * (frames + 1) + int(wanted.sum()) if log else 0, 2), np.int64)
        none = np.zeros((0, 0), np.bool_)
        cycles, gave, took, fullest, logged = simulate(
            *self.arrays,
            depth,
            sources,
            sent,
            sinks,
            wanted,
            none if offers is None else offers,
            none if takes is None else takes,
            1 << 40,
            room,
        )
        return Times(
            cycles=int(cycles),
            given=_split(self.sources, gave, frames),
            taken=_split(self.sinks, took, frames),
            fullest={s.name: int(n) for s, n in zip(self.streams[:first], fullest, strict=False)},
            written=_by_stream(self.streams[:first], room[:logged]) if log else {},
            frames=frames,
        )


def _lists(lists: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Where each list begins in one array of all, and the array."""
    starts = np.cumsum([0, *(len(x) for x in lists)])
    return starts.astype(np.int64), np.array([v for x in lists for v in x], np.int64)


def _schedules(processes: Sequence[Process]) -> tuple[Array, ...]:
    """All schedules as arrays; the order is that of `simulate`."""
    plans = [p.schedule for p in processes]
    flat = [phase for plan in plans for phase in plan.phases]
    runs = [run for phase in flat for run in phase.runs]
    numbers = (
        np.cumsum([0, *(len(plan.phases) for plan in plans)]),
        [phase.repeats for phase in flat],
        np.cumsum([0, *(len(phase.runs) for phase in flat)]),
        [run.steps for run in runs],
        [sum(1 << i for i in run.reads) for run in runs],
        [int(run.writes) for run in runs],
    )
    return tuple(np.asarray(n, np.int64) for n in numbers)


def _split(streams: Sequence[Stream], times: Array, frames: int) -> dict[str, Array]:
    ends = np.cumsum([s.words * frames for s in streams])
    return dict(zip((s.name for s in streams), np.split(times, ends[:-1]), strict=False))


def _by_stream(streams: Sequence[Stream], log: Array) -> dict[str, Array]:
    return {s.name: log[log[:, 0] == i, 1] for i, s in enumerate(streams)}
