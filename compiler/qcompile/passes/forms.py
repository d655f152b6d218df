"""Multiply-shift forms of a staircase, each proved equal to it for every reachable integer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from qcompile.ops.requant import Arithmetic, Scale
from qcompile.passes.split_form import splits
from qcompile.passes.staircase import (
    TRIES,
    WORD_LIMIT,
    Staircase,
    best_slope,
    candidates,
    nearest,
    offsets,
    promising,
)

LONG_LIMIT = 2**62


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
        splits(stairs, slope, sign),
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
    return replace(form, arithmetic=arithmetic, multiplier=-form.multiplier)


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
