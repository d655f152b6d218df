"""Forms on two 32-bit products, where one product would not fit.

With the multiplier M = upper·2^k + lower, `(M·a + b·2^k) >> S` is
`(upper·a + (lower·a >> k) + b) >> (S - k)`: floors nest. `lower·a` fits where k is small enough,
`upper·a` where it is large enough; lower has a sign, so that it is small. Where the steps lie in a
small part of [lo, hi], a is clamped to that part first: all that is beyond it has the first or the
last result anyway.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from qcompile.ops.requant import Arithmetic, Scale, parts
from qcompile.passes.staircase import WORD_LIMIT, Staircase, candidates, nearest, offsets


def splits(stairs: Staircase, slope: float, sign: int) -> Iterator[Scale]:
    """Forms of sign·a, proved also for registers that hold a; clamped only where that is needed.

    The multiplier has as few bits as do, which is what an FPGA pays for, but not many less than
    would fit one product.
    """
    height = max(slope, 2.0**-40) * max(-stairs.lo, stairs.hi, 1)
    least = min(max(int(29 - math.log2(height)), 1), 60)
    for bound in bounds(stairs):
        near = clamped(stairs, bound)
        largest = WORD_LIMIT << most_bits(max(-near.lo, near.hi, 1))
        for multiplier, shift in candidates(near, slope, range(least, 61), largest):
            found = split_of(near, multiplier, shift, bound, sign)
            if found is not None and proves(found, stairs, sign):
                yield found
                return


def clamped(stairs: Staircase, bound: int | None) -> Staircase:
    """The part of a staircase of a or -a that a clamped `a` meets, and maybe one step more."""
    if bound is None:
        return stairs
    lo, hi = max(stairs.lo, -bound - 1), min(stairs.hi, bound + 1)
    return Staircase(lo, hi, stairs.first, stairs.breaks)


def bounds(stairs: Staircase) -> list[int | None]:
    """None where the range fits 32 bits; 2^n - 1 beyond all steps; one just around the steps."""
    size = max(-stairs.lo - 1, stairs.hi)
    found: list[int | None] = [None] if size <= WORD_LIMIT else []
    reach = max(abs(int(stairs.breaks[0])), abs(int(stairs.breaks[-1]))) + 1  # also of -a
    found += [b for b in tight(reach) if b < size and b <= WORD_LIMIT]
    return found


def tight(reach: int) -> list[int]:
    """Bounds that are at least `reach`: the first may be an instruction's immediate."""
    power = (1 << reach.bit_length()) - 1
    return [power] if power == reach else [power, reach]


def most_bits(size: int) -> int:
    """The most bits of a signed number whose product with any |a| <= size fits 32 bits."""
    return min((WORD_LIMIT // size).bit_length(), 31)


def split_of(
    stairs: Staircase, multiplier: int, shift: int, bound: int | None, sign: int
) -> Scale | None:
    """The form with this multiplier and shift whose lower part has the fewest bits, or None."""
    least, greatest = offsets(stairs, multiplier, shift)
    low, high = sorted((sign * stairs.lo, sign * stairs.hi))
    for split in range(1, min(shift, 31) + 1):
        lowest, highest = -(-least >> split), greatest >> split
        if lowest > highest:
            return None
        offset = nearest(0, lowest, highest) << split
        if fits(sign * multiplier, offset, shift, split, low, high):
            first, last = stairs.first, stairs.last
            return Scale(
                Arithmetic.SPLIT,
                multiplier,
                offset,
                shift,
                first,
                last,
                split=split,
                bound=bound,
            )
    return None


def proves(form: Scale, stairs: Staircase, sign: int) -> bool:
    """Whether a SPLIT form of x = sign·a is the staircase at every x, in registers that hold a."""
    if (form.low, form.high) != (stairs.first, stairs.last) or form.multiplier < 0:
        return False
    low, high = sorted((sign * stairs.lo, sign * stairs.hi))
    if form.bound is not None:
        # A step at x is one at a = x or a = 1 - x: clamping must not cross it.
        steps = (int(stairs.breaks[0]), int(stairs.breaks[-1]))
        places = steps if sign > 0 else tuple(1 - x for x in steps)
        if max(map(abs, places)) > form.bound:
            return False
        low, high = max(low, -form.bound - 1), min(high, form.bound)
    if not fits(sign * form.multiplier, form.offset, form.shift, form.split, low, high):
        return False
    least, greatest = offsets(stairs, form.multiplier, form.shift)
    return least <= form.offset <= greatest


def fits(multiplier: int, offset: int, shift: int, split: int, low: int, high: int) -> bool:
    """Whether every intermediate value for a in [low, high] fits 32 bits; all rise or fall."""
    if not 0 <= split <= shift or shift - split > 31 or split > 31 or offset % (1 << split):
        return False
    (upper, lower), rest = parts(multiplier, split), offset >> split
    numbers = [upper, lower, rest, low, high]
    for a in (low, high):
        total = upper * a + (lower * a >> split)
        numbers += [lower * a, upper * a, total, total + rest]
    return all(-WORD_LIMIT - 1 <= n <= WORD_LIMIT for n in numbers)
