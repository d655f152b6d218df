"""A quick search for a placement within a capacity, in the order of time.

Blocks are placed as they begin, each at an end of the arena or next to one that lives with it. What
came before matters only through the blocks that still live, so that a dead end is met once. This
finds what long chains of layers need, where few blocks live at a time; it proves nothing, as a
block that has to float between others is not tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qcompile.plan.blocks import Block


class Sweep:
    """One attempt to place `blocks` within `capacity`."""

    def __init__(self, blocks: Sequence[Block], capacity: int) -> None:
        self._capacity = capacity
        self._places = sorted(
            range(len(blocks)), key=lambda i: (blocks[i].sections[0], -blocks[i].height, i)
        )
        self._blocks = [blocks[i] for i in self._places]
        self._offsets = [0] * len(blocks)
        self._rivals = [self._earlier(k) for k in range(len(blocks))]
        last = {j: k for k, rivals in enumerate(self._rivals) for j, _, _ in rivals}
        self._alive = [
            tuple(j for j in range(k) if last.get(j, -1) >= k) for k in range(len(blocks))
        ]
        self.work = 0

    def _earlier(self, k: int) -> list[tuple[int, int, int]]:
        """Those placed before block `k` that live with it: (which, height of k there, of it)."""
        own = dict(self._blocks[k].heights)
        found = []
        for j in range(k):
            both = [(own[s], units) for s, units in self._blocks[j].heights if s in own]
            if both:
                found.append((j, max(a for a, _ in both), max(b for _, b in both)))
        return found

    def run(self, limit: int) -> tuple[int, ...] | None:
        """Offsets in the order of the blocks given; None if none are found with this much work."""
        stack = [self._options(0)]
        failed: set[tuple[int, ...]] = set()
        while stack and self.work <= limit:
            k = len(stack) - 1
            offset = next(stack[-1], None)
            if offset is None:
                stack.pop()
                failed.add(self._state(k))
                continue
            self._offsets[k] = offset
            if k + 1 == len(self._blocks):
                made = dict(zip(self._places, self._offsets, strict=True))
                return tuple(made[i] for i in range(len(made)))
            seen = self._state(k + 1) in failed
            stack.append(iter(()) if seen else self._options(k + 1))
        return None

    def _state(self, k: int) -> tuple[int, ...]:
        """All that matters for the blocks from `k` on."""
        return (k, *(self._offsets[j] for j in self._alive[k]))

    def _options(self, k: int) -> Iterator[int]:
        """Offsets of block `k`, those near an end of the arena first."""
        rivals = [(self._offsets[j], own, other) for j, own, other in self._rivals[k]]
        top = self._capacity - self._blocks[k].height
        places = {0, top, *(o - own for o, own, _ in rivals), *(o + h for o, _, h in rivals)}
        self.work += 1 + len(places) * len(rivals)
        free = [
            place
            for place in places
            if 0 <= place <= top
            and all(place + own <= o or place >= o + other for o, own, other in rivals)
        ]
        return iter(sorted(free, key=lambda place: (min(place, top - place), place)))
