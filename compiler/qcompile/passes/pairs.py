"""Functions of two narrow integers: a 32-bit weighted sum and a shift, right for every pair."""

from __future__ import annotations

import numpy as np

from qcompile.qtype import Ints

MOST_PAIRS = 1 << 16  # pairs that are looked at one by one
SHIFTS = range(4, 23)
WORD = 2**31 - 1


def fitted(
    multipliers: tuple[float, float], a: Ints, b: Ints, wanted: Ints
) -> tuple[int, int, int, int] | None:
    """(ma, mb, offset, shift) with clip((ma·a + mb·b + offset) >> shift) as wanted, or None.

    `wanted` is [A, B], the result for each pair of the codes `a` and `b`; it grows by about
    `multipliers` with them. All numbers fit 32 bits.
    """
    least, most = int(wanted.min()), int(wanted.max())
    if least == most or not any(multipliers):
        return None
    rising, falling = wanted > least, wanted < most
    for shift in SHIFTS:
        ma, mb = (round(m * 2.0**shift) for m in multipliers)
        sums = ma * a[:, np.newaxis] + mb * b
        start = int(((wanted << shift) - sums)[rising].max())
        stop = int((((wanted + 1) << shift) - 1 - sums)[falling].min())
        if start <= stop and int(np.abs(sums).max()) + max(abs(start), abs(stop)) < WORD:
            return ma, mb, (start + stop) // 2, shift
    return None
