"""What runs on RTL measured: of each step of an inference, or of a streaming design."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from qcompile.rtl import Interval

START, END = 0, 2047  # ids of the markers around an inference, see templates/c/verify


@dataclass(frozen=True)
class Counts:
    """Loads and stores are accesses of the data bus."""

    cycles: int = 0
    instructions: int = 0
    loads: int = 0
    stores: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.cycles + other.cycles,
            self.instructions + other.instructions,
            self.loads + other.loads,
            self.stores + other.stores,
        )


Inference = tuple[Counts, ...]  # of each step, in the order of execution


@dataclass(frozen=True)
class Measurement:
    """What was measured while a project ran on the RTL.

    `steps` are the counts of the first vector with memory that answers at once, `fewest` and `most`
    the cycles of all vectors. `waiting` are the cycles of the first vector when each fetch and load
    from flash takes `flash_wait` cycles longer. `plain` are its cycles without layers in bands,
    where there are some.
    """

    steps: Inference
    fewest: int
    most: int
    vectors: int
    stack_bytes: int
    revision: str
    flash_wait: int = 0
    waiting: int | None = None
    plain: int | None = None

    @property
    def total(self) -> Counts:
        return total(self.steps)


@dataclass(frozen=True)
class Pace:
    """Cycles as they were measured; the plan predicted the same, or compiling would have failed."""

    latency: int  # from the first word in to the last word out, on an empty design
    interval: int  # between the last two inferences
    vectors: int


def total(steps: Inference) -> Counts:
    """The sum, which is all that one call of the network takes."""
    return sum(steps, Counts())


def inferences(intervals: Iterable[Interval]) -> list[Inference]:
    """The counts of each inference, from the intervals between the markers of a run.

    What follows the last step's marker, the return, is part of the last step.
    """
    found: list[Inference] = []
    steps: list[Counts] = []
    inside = False
    for part in intervals:
        if part.id == START:
            inside, steps = True, []
        elif part.id == END:
            inside = False
            found.append(folded(steps))
        if inside:
            steps.append(Counts(part.cycles, part.instructions, part.loads, part.stores))
    return [*found, folded(steps)] if inside else found


def folded(steps: list[Counts]) -> Inference:
    """The last two as one."""
    return tuple(steps) if len(steps) < 2 else (*steps[:-2], steps[-2] + steps[-1])
