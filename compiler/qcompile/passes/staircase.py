"""A rising staircase, and the line and shift that make one.

A staircase is given by its steps: T_k is the least a with f(a) >= k. Then
`clip((M·a + B) >> S, low, high) = f(a)` on all of [lo, hi] exactly when, for every k that is
reached, `M·T_k + B >= k·2^S` and `M·(T_k - 1) + B < k·2^S`. For fixed M and S
that is an interval for B.

A shift that rounds halves to even reaches k at `k·2^S - 2^(S-1)` if k is even and one later if k
is odd, since (k - 1/2) goes to its even neighbour. With these numbers in place of `k·2^S` the same
interval for B proves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcompile.qtype import Ints

WORD_LIMIT = 2**31 - 1
TRIES = (0, 1, -1, 2, -2)  # multipliers around slope·2^S


@dataclass(frozen=True, eq=False)
class Staircase:
    """A rising function on [lo, hi] with integer values; `first` is its value at lo.

    `breaks[i]` is the least a with f(a) >= first + 1 + i; they do not fall.
    """

    lo: int
    hi: int
    first: int
    breaks: Ints

    @property
    def last(self) -> int:
        return self.first + len(self.breaks)

    def levels(self) -> Ints:
        """The values that the breaks lead to."""
        return self.first + 1 + np.arange(len(self.breaks), dtype=np.int64)


def best_slope(stairs: Staircase) -> float:
    """The slope that leaves the most room for an offset, found by sectioning a concave gap."""
    levels, breaks = stairs.levels().astype(np.float64), stairs.breaks.astype(np.float64)
    span = max(float(breaks[-1] - breaks[0]), 1.0)
    rise = float(levels[-1] - levels[0])
    least, most = max((rise - 1) / (span + 1), 0.0), (rise + 1) / max(span - 1, 0.5)

    if len(breaks) == 1:
        return 1.0 / max(stairs.hi - stairs.lo, 1)
    parts = np.arange(17)[:, np.newaxis] / 16
    for _ in range(16):
        slopes = least + (most - least) * parts
        products = slopes * breaks
        room = (levels - products).min(axis=1) + slopes[:, 0] - (levels - products).max(axis=1)
        best = int(room.argmax())
        least, most = float(slopes[max(best - 1, 0), 0]), float(slopes[min(best + 1, 16), 0])
    return (least + most) / 2


def edges(levels: Ints, shift: int, even: bool) -> Ints:
    """The least sum that the shift takes to each level."""
    if not even:
        return levels << shift
    return (levels << shift) - (1 << shift >> 1) + (levels & 1)


def offsets(stairs: Staircase, multiplier: int, shift: int, even: bool = False) -> tuple[int, int]:
    """The least and the greatest B for which M and S are right; empty if least > greatest."""
    levels, breaks = stairs.levels(), stairs.breaks
    if (
        abs(multiplier) * max(abs(stairs.lo), abs(stairs.hi) + 1) < 2**61
        and ((max(abs(stairs.first), abs(stairs.last)) + 1) << shift) < 2**61
    ):
        edge = edges(levels, shift, even)
        least = int((edge - multiplier * breaks).max())
        greatest = int((edge - 1 - multiplier * (breaks - 1)).min())
        return least, greatest
    assert not even, "a form of 32 bits"
    pairs = list(zip(levels.tolist(), breaks.tolist(), strict=True))
    least = max((k << shift) - multiplier * t for k, t in pairs)
    return least, min((k << shift) - 1 - multiplier * (t - 1) for k, t in pairs)


def promising(
    stairs: Staircase, multipliers: list[int], shifts: list[int], even: bool = False
) -> list[bool]:
    """Which (M, S) may leave room for an offset, judged by float64 with slack; exact follows."""
    slopes = np.array([float(m) * 2.0**-s for m, s in zip(multipliers, shifts, strict=True)])
    levels, breaks = stairs.levels().astype(np.float64), stairs.breaks.astype(np.float64)
    products = slopes[:, np.newaxis] * breaks
    unit = 2.0 ** -np.array(shifts, np.float64)
    # Half a unit of the result lowers all edges alike; that odd ones are one later matters.
    later = unit[:, np.newaxis] * (stairs.levels() & 1) if even else 0.0
    gaps = levels + later - products
    room = gaps.min(axis=1) + slopes - gaps.max(axis=1)
    slack = 1e-9 * (1 + np.abs(products).max(axis=1, initial=0))
    return [bool(r) for r in room + slack >= unit]


def candidates(
    stairs: Staircase, slope: float, shifts: range, largest_product: int, even: bool = False
) -> Iterator[tuple[int, int]]:
    """(M, S) worth an exact look, in the order of the shifts."""
    size = max(abs(stairs.lo), abs(stairs.hi), 1)
    pairs = []
    for shift in shifts:
        middle = round(slope * 2.0**shift)
        if middle * size <= largest_product:
            # Halves occur only where the slope is M/2^S exactly: its neighbours need no look.
            pairs += [(middle + d, shift) for d in TRIES[: 1 if even else None] if middle + d > 0]
    if pairs:
        good = promising(stairs, [m for m, _ in pairs], [s for _, s in pairs], even)
        yield from (pair for pair, keep in zip(pairs, good, strict=True) if keep)


def nearest(wish: int, least: int, greatest: int) -> int:
    """The allowed number nearest to `wish`."""
    return min(max(wish, least), greatest)
