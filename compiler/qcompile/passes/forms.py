"""Multiply-shift forms of a staircase, each proved equal to it for every reachable integer.

A rising staircase is given by its steps: T_k is the least a with f(a) >= k. Then
`clip((M·a + B) >> S, low, high) = f(a)` on all of [lo, hi] exactly when, for every k that is
reached, `M·T_k + B >= k·2^S` and `M·(T_k - 1) + B < k·2^S`. For fixed M and S
that is an interval for B.

A shift that rounds halves to even reaches k at `k·2^S - 2^(S-1)` if k is even and one later if k
is odd, since (k - 1/2) goes to its even neighbour. With these numbers in place of `k·2^S` the same
interval for B proves it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from qcompile.ops.requant import Arithmetic, Scale
from qcompile.qtype import Ints

WORD_LIMIT = 2**31 - 1
LONG_LIMIT = 2**62
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


def scale_form(stairs: Staircase, negate: bool) -> Scale | None:
    """The cheapest proved multiply-shift, or None; with `negate` the staircase is of -a."""
    sign = -1 if negate else 1
    if not len(stairs.breaks):
        return Scale(Arithmetic.CLIP, sign, 0, 0, stairs.first, stairs.first)
    slope = best_slope(stairs)
    cheapest_first = chain(
        shifts(stairs),
        words(stairs, slope),
        evens(stairs, slope),
        highs(stairs, slope),
        longs(stairs, slope),
    )
    found = next(cheapest_first, None)
    return None if found is None else oriented(found, sign)


def oriented(form: Scale, sign: int) -> Scale:
    """The form as a function of a, when it was found for sign·a."""
    if sign > 0:
        return form
    arithmetic = Arithmetic.WORD if form.arithmetic is Arithmetic.SHIFT else form.arithmetic
    if form.arithmetic is Arithmetic.CLIP:
        arithmetic = Arithmetic.WORD
    return Scale(
        arithmetic, -form.multiplier, form.offset, form.shift, form.low, form.high, form.pre
    )


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


def peak(stairs: Staircase, multiplier: int, offset: int) -> int:
    """The largest magnitude of the product and of the sum."""
    ends = [multiplier * stairs.lo, multiplier * stairs.hi]
    return max(abs(e) for end in ends for e in (end, end + offset))


def shifts(stairs: Staircase) -> Iterator[Scale]:
    """Forms without a multiplication."""
    tried = list(range(31))
    for shift, good in zip(tried, promising(stairs, [1] * len(tried), tried), strict=True):
        if not good:
            continue
        least, greatest = offsets(stairs, 1, shift)
        offset = nearest(0 if shift == 0 else 1 << (shift - 1), least, greatest)
        if least > greatest or peak(stairs, 1, offset) > WORD_LIMIT:
            continue
        kind = Arithmetic.CLIP if shift == 0 and offset == 0 else Arithmetic.SHIFT
        yield Scale(kind, 1, offset, shift, stairs.first, stairs.last)
        return


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


def words(stairs: Staircase, slope: float) -> Iterator[Scale]:
    """Forms whose product and sum fit 32 bits."""
    for multiplier, shift in candidates(stairs, slope, range(32), 2 * WORD_LIMIT):
        least, greatest = offsets(stairs, multiplier, shift)
        offset = nearest(0, least, greatest)
        if least <= greatest and peak(stairs, multiplier, offset) <= WORD_LIMIT:
            low, high = stairs.first, stairs.last
            yield Scale(Arithmetic.WORD, multiplier, offset, shift, low, high)
            return


def evens(stairs: Staircase, slope: float) -> Iterator[Scale]:
    """Forms on 32 bits whose shift rounds halves to even."""
    for multiplier, shift in candidates(stairs, slope, range(1, 31), WORD_LIMIT, even=True):
        least, greatest = offsets(stairs, multiplier, shift, even=True)
        offset = nearest(0, least, greatest)
        largest = peak(stairs, multiplier, offset) + (1 << shift - 1)
        if least <= greatest and largest <= WORD_LIMIT:
            low, high = stairs.first, stairs.last
            yield Scale(Arithmetic.EVEN, multiplier, offset, shift, low, high)
            return


def highs(stairs: Staircase, slope: float) -> Iterator[Scale]:
    """Forms on the upper half of a 32x32-bit product: `(((a << pre)·m >> 32) + b) >> s`."""
    largest = max(abs(stairs.lo), abs(stairs.hi), 1)
    if largest > WORD_LIMIT:
        return
    pre = 31 - largest.bit_length()
    steepest = round(math.log2(WORD_LIMIT / slope)) - 32 + pre if slope > 0 else 30
    for shift in range(min(steepest + 1, 30), max(steepest - 6, -1), -1):
        middle = round(slope * 2.0 ** (32 + shift - pre))
        if not 0 < middle <= WORD_LIMIT - 2:
            continue
        for m in (middle + d for d in TRIES if middle + d > 0):
            least, greatest = offsets(stairs, m << pre, 32 + shift)
            b = -(-least >> 32)  # the least multiple of 2^32 that is allowed
            upper = (m << pre) * largest >> 32
            if b << 32 > greatest or abs(b) + upper + 1 > WORD_LIMIT:
                continue
            low, high = stairs.first, stairs.last
            yield Scale(Arithmetic.HIGH, m << pre, b << 32, 32 + shift, low, high, pre)
            return


def longs(stairs: Staircase, slope: float) -> Iterator[Scale]:
    """Forms whose product and sum fit 64 bits."""
    for multiplier, shift in candidates(stairs, slope, range(8, 61), LONG_LIMIT):
        least, greatest = offsets(stairs, multiplier, shift)
        offset = nearest(0, least, greatest)
        if least <= greatest and peak(stairs, multiplier, offset) < LONG_LIMIT:
            low, high = stairs.first, stairs.last
            yield Scale(Arithmetic.LONG, multiplier, offset, shift, low, high)
            return


def nearest(wish: int, least: int, greatest: int) -> int:
    """The allowed number nearest to `wish`."""
    return min(max(wish, least), greatest)


def with_exceptions(stairs: Staircase, negate: bool, most: int = 8) -> Scale | None:
    """A 64-bit multiply-shift that is wrong for at most `most` inputs, which are listed."""
    slope = best_slope(stairs)
    size = max(abs(stairs.lo), abs(stairs.hi), 1)
    shift = 60
    while shift > 8 and slope * 2.0**shift * size > LONG_LIMIT / 4:
        shift -= 1
    multiplier = max(round(slope * 2.0**shift), 1)
    least, greatest = offsets(stairs, multiplier, shift)
    offset = (least + greatest) // 2
    if peak(stairs, multiplier, offset) >= LONG_LIMIT:
        return None
    # Where the form's own steps are: the least a with (M·a + B) >> S >= k.
    own = [-((offset - (int(k) << shift)) // multiplier) for k in stairs.levels()]
    wrong: dict[int, int] = {}
    for mine, true in zip(own, stairs.breaks.tolist(), strict=True):
        mine = min(max(mine, stairs.lo), stairs.hi + 1)
        for a in range(min(mine, true), max(mine, true)):
            if len(wrong) > most:
                return None
            wrong[a] = stairs.first + int(np.searchsorted(stairs.breaks, a, side="right"))
    if len(wrong) > most:
        return None
    sign = -1 if negate else 1
    listed = tuple(sorted((sign * a, r) for a, r in wrong.items()))
    low, high = stairs.first, stairs.last
    return Scale(Arithmetic.LONG, sign * multiplier, offset, shift, low, high, exceptions=listed)
