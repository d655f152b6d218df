"""Where each buffer lives in the arena: offsets that no two living buffers share.

Buffers may be joined: then they have one offset, and while two of them live, both are in the
memory of the larger one (an op that writes its result over its input).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from qcompile.plan.blocks import Block
from qcompile.plan.placement import WORK, smallest


@dataclass(frozen=True)
class Buffer:
    """`size` bytes that are needed from step `first` to step `last`, both included."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are needed at some step."""
        return self.first <= other.last and other.first <= self.last


class Proof(Enum):
    """Why no plan of these buffers, at these steps, is smaller; or that this is not known."""

    BOUND = "every plan needs as much: it is all in use at one step"
    SEARCH = "an exhaustive search finds nothing smaller"
    NONE = "the search for a smaller plan was stopped"


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in bytes by buffer name, the arena's size, and the least that any plan needs."""

    offsets: dict[str, int]
    size: int
    lower_bound: int  # the most bytes in use at one step
    peak: int  # the first step at which they are
    proof: Proof

    @property
    def optimal(self) -> bool:
        return self.proof is not Proof.NONE


Group = tuple[Buffer, ...]  # of one offset


def place(
    buffers: list[Buffer],
    alignment: int,
    joined: Iterable[tuple[str, str]] = (),
    work: int = WORK,
) -> MemoryPlan:
    """The smallest plan for `buffers`, every offset a multiple of `alignment`.

    `joined` are pairs of buffers with one offset, which may share their bytes while both live.
    `work` limits the search, see `placement`; the same buffers always give the same plan.
    """
    groups = _groups([b for b in buffers if b.size], joined, alignment)
    offsets = {b.name: 0 for b in buffers}
    bound, peak = _busiest(groups)
    size = proven = bound
    parts = sorted(_components(groups), key=lambda part: -_size(part, _greedy(part)))
    for part in parts:
        start = _greedy(part)
        blocks = _blocks(part)
        found = smallest(blocks, tuple(start), size, work)
        proven = max(proven, found.proven)
        size = max(size, found.size)
        for group, offset in zip(part, found.offsets, strict=True):
            offsets |= {b.name: offset * alignment for b in group}
    proof = Proof.BOUND if size == bound else Proof.SEARCH if size == proven else Proof.NONE
    return MemoryPlan(offsets, size * alignment, bound * alignment, peak, proof)


def _groups(
    buffers: list[Buffer], joined: Iterable[tuple[str, str]], alignment: int
) -> list[Group]:
    """The buffers that are joined with each other, in the order of their first step, in units."""
    group = {b.name: [replace(b, size=-(-b.size // alignment))] for b in buffers}
    for one, other in joined:
        if one in group and other in group and group[one] is not group[other]:
            group[one] += group[other]
            for member in group[other]:
                group[member.name] = group[one]
    found = {id(g): tuple(sorted(g, key=lambda b: (b.first, b.name))) for g in group.values()}
    return sorted(found.values(), key=lambda g: (g[0].first, g[0].name))


def _columns(groups: list[Group]) -> dict[int, dict[int, int]]:
    """At each step at which a buffer begins: the units that each group takes, by its place."""
    columns: dict[int, dict[int, int]] = {step: {} for step in sorted(_beginnings(groups))}
    steps = list(columns)
    for i, group in enumerate(groups):
        for b in group:
            for step in steps[bisect_left(steps, b.first) : bisect_right(steps, b.last)]:
                columns[step][i] = max(columns[step].get(i, 0), b.size)
    return columns


def _beginnings(groups: list[Group]) -> set[int]:
    return {b.first for group in groups for b in group}


def _busiest(groups: list[Group]) -> tuple[int, int]:
    """The most units that are in use at a step, and the first such step."""
    sums = [(sum(column.values()), -step) for step, column in _columns(groups).items()]
    most, step = max(sums, default=(0, 0))
    return most, -step


def _components(groups: list[Group]) -> list[list[Group]]:
    """Groups by stretches of steps that no group crosses."""
    parts: list[list[Group]] = []
    end = -1
    for group in groups:
        if not parts or group[0].first > end:
            parts.append([])
        parts[-1].append(group)
        end = max(end, *(b.last for b in group))
    return parts


def _blocks(groups: list[Group]) -> list[Block]:
    """The groups over the steps that matter: those whose neighbours do not demand as much."""
    kept: list[dict[int, int]] = []
    for column in _columns(groups).values():
        while kept and _covers(column, kept[-1]):
            kept.pop()
        if not kept or not _covers(kept[-1], column):
            kept.append(column)
    return [
        Block(tuple((s, column[i]) for s, column in enumerate(kept) if i in column))
        for i in range(len(groups))
    ]


def _covers(column: dict[int, int], other: dict[int, int]) -> bool:
    """Whether every group takes in `column` what it takes in `other`, or more."""
    return all(column.get(i, 0) >= units for i, units in other.items())


# Orders in which groups take the lowest place that is free; the best plan of them is improved.
ORDERS: tuple[Callable[[Group], tuple[int, ...]], ...] = (
    lambda g: (-_most(g), g[0].first),
    lambda g: (-_most(g) * (_last(g) - g[0].first + 1), g[0].first),
    lambda g: (g[0].first - _last(g), -_most(g)),
    lambda g: (g[0].first, -_most(g)),
    lambda g: (-_last(g), -_most(g)),
)


def _most(group: Group) -> int:
    return max(b.size for b in group)


def _last(group: Group) -> int:
    return max(b.last for b in group)


def _size(groups: list[Group], offsets: list[int]) -> int:
    return max((o + _most(g) for g, o in zip(groups, offsets, strict=True)), default=0)


def _greedy(groups: list[Group]) -> list[int]:
    """Offsets of the best of a few orders: each group at the tightest gap between those it meets.

    A group is taken as if it had its largest size from its first step to its last.
    """
    spans = [(g[0].first, _last(g), _most(g)) for g in groups]
    plans = []
    for order in ORDERS:
        offsets: dict[int, int] = {}
        for i in sorted(range(len(groups)), key=lambda i: (order(groups[i]), i)):
            first, last, units = spans[i]
            met = [
                (offset, spans[j][2])
                for j, offset in offsets.items()
                if spans[j][0] <= last and first <= spans[j][1]
            ]
            offsets[i] = _gap(sorted(met), units)
        plans.append([offsets[i] for i in range(len(groups))])
    return min(plans, key=lambda plan: _size(groups, plan))


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    """Offset of the smallest hole of at least `size` units between (offset, size) pairs."""
    end, best, slack = 0, -1, -1
    for offset, length in taken:
        hole = offset - end
        if hole >= size and (best < 0 or hole - size < slack):
            best, slack = end, hole - size
        end = max(end, offset + length)
    return best if best >= 0 else end
