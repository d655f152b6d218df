"""Where each buffer lives in the arena: offsets that no two living buffers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


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


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in bytes by buffer name, the arena's size, and the least that any plan needs."""

    offsets: dict[str, int]
    size: int
    lower_bound: int


# Orders in which buffers take the lowest place that is free; the best plan of them is kept.
ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.size, b.first),
    lambda b: (-b.size * (b.last - b.first + 1), b.first),
    lambda b: (b.first - b.last, -b.size),
    lambda b: (b.first, -b.size),
    lambda b: (-b.last, -b.size),
)


def place(buffers: list[Buffer], alignment: int) -> MemoryPlan:
    """A plan for `buffers`, every offset a multiple of `alignment`: the best of a few orders."""
    rounded = [replace(b, size=-(-b.size // alignment) * alignment) for b in buffers]
    bound = lower_bound(rounded)
    best: MemoryPlan | None = None
    for order in ORDERS:
        offsets = _greedy(sorted(rounded, key=order))
        size = max((offsets[b.name] + b.size for b in rounded), default=0)
        if best is None or size < best.size:
            best = MemoryPlan(offsets, size, bound)
        if size == bound:
            break
    assert best is not None
    return best


def lower_bound(buffers: list[Buffer]) -> int:
    """The most bytes that are needed at one step: no plan is smaller."""
    steps = {b.first for b in buffers}
    return max((sum(b.size for b in buffers if b.first <= s <= b.last) for s in steps), default=0)


def _greedy(buffers: list[Buffer]) -> dict[str, int]:
    """Each buffer in turn at the tightest gap that holds it between those it meets."""
    offsets: dict[str, int] = {}
    placed: list[Buffer] = []
    for buffer in buffers:
        others = sorted((offsets[o.name], o.size) for o in placed if o.meets(buffer))
        offsets[buffer.name] = _gap(others, buffer.size)
        placed.append(buffer)
    return offsets


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    """Offset of the smallest hole of at least `size` bytes between (offset, size) pairs."""
    end, best, slack = 0, -1, -1
    for offset, length in taken:
        hole = offset - end
        if hole >= size and (best < 0 or hole - size < slack):
            best, slack = end, hole - size
        end = max(end, offset + length)
    return best if best >= 0 else end
