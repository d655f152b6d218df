"""Units: arrays of Fractions that scale integers, and what is asked of them again and again."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd

import numpy as np
from numpy.typing import NDArray

from qcompile.semantics.interval import Exact
from qcompile.semantics.once import once

Floats = NDArray[np.float64]
EXACT = float(2**53)  # integers below are float64, and so are their sums and products below
ROUNDING = 2.0**-52  # bound of the relative error of one float64 operation (twice the true one)


def largest(values: Floats) -> float:
    """The largest magnitude; inf where there is NaN."""
    if not values.size:
        return 0.0
    found = max(float(values.max()), -float(values.min()))
    return found if found == found else np.inf


@dataclass(frozen=True, eq=False)
class Factor:
    """A unit in floating point: the nearest floats, and what holds for all of them."""

    floats: Floats
    power_of_two: bool  # and so exact
    one: bool
    largest: float


@once
def factors(unit: Exact) -> Factor:
    floats = unit.astype(np.float64)
    same = all(Fraction(u) == f for u, f in zip(floats.flat, unit.flat, strict=True))
    power = same and all(is_power_of_two(f) for f in unit.flat)
    one = all(f == 1 for f in unit.flat)
    return Factor(floats, power, one, largest(floats) * (1 + ROUNDING))


@once
def product(a: Exact, b: Exact) -> Exact:
    """The unit of a product."""
    return a * b


@once
def magnitudes(unit: Exact) -> Exact:
    return np.asarray(np.abs(unit))


@once
def finest(a: Exact, b: Exact) -> Exact:
    """The coarsest unit of which both are integer multiples."""
    return np.asarray(common_unit(a, b))


@dataclass(frozen=True, eq=False)
class Steps:
    """How many steps of a fine unit one of a coarse unit has."""

    floats: Floats
    most: float
    plain: bool  # one, everywhere
    fine: Exact  # the fine unit, as wide


@once
def steps(coarse: Exact, fine: Exact) -> Steps:
    ratio: Exact = coarse / fine
    assert all(f.denominator == 1 for f in np.ravel(ratio)), "the grid is not finer"
    most = max((abs(int(f)) for f in np.ravel(ratio)), default=0)
    plain = all(f == 1 for f in np.ravel(ratio))
    floats = ratio.astype(np.float64) if most < EXACT else np.full(ratio.shape, EXACT)
    return Steps(floats, float(min(most, 1 << 60)), plain, np.broadcast_to(fine, ratio.shape))


@once
def grown(unit: Exact, missing: int) -> Exact:
    """With new axes after that of the samples."""
    return unit.reshape(unit.shape[0], *(1,) * missing, *unit.shape[1:])


def is_power_of_two(x: Fraction) -> bool:
    top, bottom = abs(x.numerator), x.denominator
    return top & (top - 1) == 0 and bottom & (bottom - 1) == 0


def without_zeros(unit: Exact) -> Exact:
    """Units as they are, 1 in place of 0 (whose codes are 0)."""
    out = unit.copy()
    out[unit == 0] = Fraction(1)
    return out


@once
def whole(unit: Fraction, rank: int) -> Exact:
    """One unit for a tensor of `rank` axes."""
    out = np.empty((1,) * rank, object)
    out[...] = unit
    return out


def rational_gcd(a: Fraction, b: Fraction) -> Fraction:
    """The largest rational of which both are integer multiples."""
    if not a or not b:
        return abs(a or b) or Fraction(1)
    top = gcd(a.numerator * b.denominator, b.numerator * a.denominator)
    return Fraction(top, a.denominator * b.denominator)


common_unit = np.frompyfunc(rational_gcd, 2, 1)


@once
def finest_along(unit: Exact, axes: tuple[int, ...]) -> Exact:
    """One unit for all places along `axes`."""
    found: Exact = np.abs(unit)
    for axis in axes:
        found = np.asarray(common_unit.reduce(found, axis=axis, keepdims=True))
    return found


@once
def integer_ratio(unit: Exact) -> tuple[Exact, Exact]:
    """Numerators and denominators, as Python integers."""
    top = np.array([u.numerator for u in unit.flat], object).reshape(unit.shape)
    bottom = np.array([u.denominator for u in unit.flat], object).reshape(unit.shape)
    return top, bottom
