"""Exact placement of memory blocks: the smallest arena that holds them, by branch and bound.

Time is cut into sections, in each of which a block either takes some units from its offset on or
is not there at all. Any placement can be pressed down until every block rests on the floor or on
another block. Read from low offsets to high ones, such a placement is a sequence in which each
block lands on the highest top below it, so the search builds that sequence and leaves out

- prefixes that cannot end within the capacity: in some section, what is still to come starts no
  lower than the least start of the blocks that are missing there, and its heights add up;
- blocks that land so high that a missing one still fits below them: dropping that one there first
  gives a placement whose offsets have a smaller sum;
- all but one order of blocks that land at equal offsets, and of equal blocks;
- states that were searched before.

Of the smallest placements, one whose offsets have the least sum is never left out, so an empty
search proves that there is none. The ideas of sections, of canonical placements and of the
dominance rule are those of Moffitt, "MiniMalloc: A Lightweight Memory Allocator for Hardware-
Accelerated Machine Learning", ASPLOS 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from qcompile.plan.blocks import Block, extent, units_in_use
from qcompile.plan.sweep import Sweep

FIRST_LIMIT = 2_000  # work of the first attempt of each kind, at least; it doubles
WORK = 600_000  # blocks looked at in all: about a second


@dataclass(frozen=True)
class Placement:
    """Offsets of all blocks, the units they take, and the units that any placement takes."""

    offsets: tuple[int, ...]
    size: int
    proven: int


# Orders in which blocks that land equally low are tried, in turn.
PREFERENCES: tuple[Callable[[Block], tuple[int, ...]], ...] = (
    lambda b: (-sum(units for _, units in b.heights), b.sections[0]),
    lambda b: (-b.height, b.sections[0]),
    lambda b: (-len(b.heights), -b.height, b.sections[0]),
)


def smallest(
    blocks: list[Block], start: tuple[int, ...], enough: int, work: int = WORK
) -> Placement:
    """The smallest placement, or one of at most `enough` units; `start` is one to improve on.

    Looks at the least capacity that is still possible, at one in the middle, and just below the
    best placement, with limits that double until they meet or `work` is spent.
    """
    best, size = start, extent(blocks, start)
    low = max(*units_in_use(blocks), enough)
    for attempt in count():
        order = PREFERENCES[attempt % len(PREFERENCES)]
        tried: set[int] = set()
        for part in range(3):
            if low >= size or work <= 0:
                return Placement(best, size, min(low, size))
            capacity = (low, (low + size) // 2, size - 1)[part]
            if capacity in tried:
                continue
            tried.add(capacity)
            limit = min(max(FIRST_LIMIT, len(blocks) ** 2) << attempt, work)
            sweep, search = Sweep(blocks, capacity), Search(blocks, order, capacity)
            found = sweep.run(limit) or search.run(limit)
            work -= sweep.work + search.work
            if found is not None:
                best, size = found, extent(blocks, found)
            elif not search.stopped:
                low = max(low, search.needed)
    raise AssertionError("counting ended")


@dataclass
class Branch:
    """What is tried at one point of the search: (offset, block) in turn, and what to take back."""

    left: tuple[int, ...]  # the blocks that are missing
    state: tuple[object, ...]
    options: Iterator[tuple[int, int]]
    taken: tuple[int, list[int]] | None = None  # the block placed last, the floors before it


class Search:
    """One attempt to place `blocks` within `capacity`."""

    def __init__(
        self, blocks: list[Block], order: Callable[[Block], tuple[int, ...]], capacity: int
    ) -> None:
        self._places = sorted(range(len(blocks)), key=lambda i: (order(blocks[i]), i))
        self._blocks = [blocks[i] for i in self._places]
        self._capacity = capacity
        self._rest = units_in_use(blocks)
        self._floor = [0] * len(self._rest)
        self._offsets = [0] * len(blocks)
        self._failed: set[tuple[object, ...]] = set()
        equal: dict[Block, int] = {}
        self._twins = [-1] * len(blocks)  # of each block, the equal one before it
        for i, block in enumerate(self._blocks):
            self._twins[i] = equal.get(block, -1)
            equal[block] = i
        self.work = 0
        self.stopped = False
        self.needed = 1 << 62
        """The least capacity at which a branch that was cut might go on."""

    def run(self, limit: int) -> tuple[int, ...] | None:
        """Offsets in the order of the blocks given, or None: there are none, or it `stopped`."""
        first = self._branch(tuple(range(len(self._blocks))), 0, -1)
        stack = [first] if first else []
        while stack:
            branch = stack[-1]
            self._take_back(branch)
            low, i = next(branch.options, (0, -1))
            if i < 0:
                self._failed.add(branch.state)
                stack.pop()
                continue
            self._put(branch, low, i)
            left = tuple(j for j in branch.left if j != i)
            if not left:
                made = dict(zip(self._places, self._offsets, strict=True))
                return tuple(made[i] for i in range(len(made)))
            if self.work > limit:
                self.stopped = True
                return None
            deeper = self._branch(left, low, i)
            if deeper:
                stack.append(deeper)
        return None

    def _branch(self, left: tuple[int, ...], last: int, previous: int) -> Branch | None:
        """How the blocks `left` can follow `previous`, which is at offset `last`, if they can."""
        self.work += len(left)
        lows = [max(self._floor[s] for s in self._blocks[i].sections) for i in left]
        needed = self._need(left, lows, last)
        if needed > self._capacity:
            self.needed = min(self.needed, needed)
            return None
        floors = tuple(f for f, rest in zip(self._floor, self._rest, strict=True) if rest)
        state = (left, floors, last, previous)
        if state in self._failed:
            return None
        ceiling = min(low + self._blocks[i].height for i, low in zip(left, lows, strict=True))
        options = [
            (low, i)
            for low, i in sorted(zip(lows, left, strict=True))
            if last <= low < ceiling
            and not (low == last and i < previous)
            and self._twins[i] not in left
        ]
        return Branch(left, state, iter(options))

    def _put(self, branch: Branch, low: int, i: int) -> None:
        block = self._blocks[i]
        branch.taken = (i, [self._floor[s] for s in block.sections])
        self._offsets[i] = low
        for section, units in block.heights:
            self._floor[section] = low + units
            self._rest[section] -= units

    def _take_back(self, branch: Branch) -> None:
        if branch.taken is None:
            return
        i, floors = branch.taken
        for (section, units), floor in zip(self._blocks[i].heights, floors, strict=True):
            self._floor[section] = floor
            self._rest[section] += units
        branch.taken = None

    def _need(self, left: tuple[int, ...], lows: list[int], last: int) -> int:
        """A capacity below which the blocks `left` do not fit on what is placed."""
        starts: dict[int, int] = {}
        needed = 0
        for i, low in zip(left, lows, strict=True):
            block = self._blocks[i]
            start = max(low, last)
            needed = max(needed, start + block.height)
            for section in block.sections:
                if start < starts.get(section, start + 1):
                    starts[section] = start
        return max(needed, *(start + self._rest[s] for s, start in starts.items()))
