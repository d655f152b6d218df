"""Static schedules: in which steps of an inference a process reads and writes.

A process does one step a cycle at most. A step waits for every word that it reads; one that writes
also waits for room. Nothing depends on the data, so everything about the time of a design follows
from its schedules: see `plan.tokens`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """`steps` alike: each reads a word of every input in `reads`, and writes one or not."""

    steps: int
    reads: tuple[int, ...] = ()  # inputs, by place
    writes: bool = False


@dataclass(frozen=True)
class Phase:
    """`runs` one after the other, `repeats` times."""

    repeats: int
    runs: tuple[Run, ...]

    @property
    def steps(self) -> int:
        return self.repeats * sum(run.steps for run in self.runs)


@dataclass(frozen=True)
class Schedule:
    """The steps of one inference; the next inference starts over."""

    phases: tuple[Phase, ...]

    @classmethod
    def of(cls, *phases: tuple[int, Iterable[Run]]) -> Schedule:
        """From pairs of repeats and runs; what has no steps is left out."""
        kept = ((n, tuple(r for r in runs if r.steps)) for n, runs in phases)
        return cls(tuple(Phase(n, runs) for n, runs in kept if n and runs))

    @property
    def steps(self) -> int:
        """Cycles of an inference where nothing has to be waited for."""
        return sum(phase.steps for phase in self.phases)

    def reads(self, place: int) -> int:
        """Words that an inference reads from an input."""
        return sum(
            phase.repeats * run.steps
            for phase in self.phases
            for run in phase.runs
            if place in run.reads
        )

    @property
    def writes(self) -> int:
        """Words that an inference writes to each output."""
        return sum(
            phase.repeats * run.steps for phase in self.phases for run in phase.runs if run.writes
        )


def overlapped(reads: int, writes: int) -> tuple[Run, ...]:
    """Reads and writes that start together, one of each a step, until both are done."""
    both = min(reads, writes)
    return (
        Run(both, (0,), True),
        Run(reads - both, (0,)),
        Run(writes - both, (), True),
    )
