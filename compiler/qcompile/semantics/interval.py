"""Exact numbers: rationals, and rational intervals where a root or an exponential enters."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[Any]
"""An array of `Fraction` or `Interval`."""


class Interval:
    """All numbers from `low` to `high`, both rational: an enclosure of one real number."""

    __slots__ = ("high", "low")

    def __init__(self, low: Fraction, high: Fraction) -> None:
        self.low, self.high = low, high

    def __add__(self, other: Any) -> Interval:
        low, high = ends(other)
        return Interval(self.low + low, self.high + high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Any) -> Interval:
        low, high = ends(other)
        return Interval(self.low - high, self.high - low)

    def __rsub__(self, other: Any) -> Interval:
        out: Interval = -self + other
        return out

    def __mul__(self, other: Any) -> Interval:
        products = [a * b for a in (self.low, self.high) for b in ends(other)]
        return Interval(min(products), max(products))

    def __truediv__(self, other: Any) -> Interval:
        return self * inverse(other)

    def __rtruediv__(self, other: Any) -> Interval:
        out: Interval = inverse(self) * other
        return out

    def __abs__(self) -> Interval:
        least, most = sorted((abs(self.low), abs(self.high)))
        return Interval(Fraction(0) if self.low <= 0 <= self.high else least, most)

    __radd__ = __add__
    __rmul__ = __mul__


def ends(x: Any) -> tuple[Fraction, Fraction]:
    """The two ends of an exact number; equal for a rational."""
    return (x.low, x.high) if isinstance(x, Interval) else (x, x)


def inverse(x: Any) -> Interval:
    """1 / x; raises ZeroDivisionError where x may be 0."""
    low, high = ends(x)
    if low <= 0 <= high:
        raise ZeroDivisionError
    return Interval(1 / high, 1 / low)


def increasing(function: Any, x: Any) -> Any:
    """An increasing function of Fractions, of an exact number."""
    if not isinstance(x, Interval):
        return function(x)
    (low, _), (_, high) = ends(function(x.low)), ends(function(x.high))
    return Interval(low, high)


def square_root(x: Any, precision: int) -> Interval:
    """The root of x >= 0 within 2^-precision of its own size."""

    def root(value: Fraction) -> Any:
        if value < 0:
            raise ValueError("the square root of a negative number")
        scale = 1 << (2 * precision)
        down = isqrt(value.numerator * value.denominator * scale)
        size = value.denominator << precision
        return Interval(Fraction(down, size), Fraction(down + 1, size))

    found: Interval = increasing(root, x)
    return found


def exponential(x: Any, precision: int) -> Interval:
    """e^x within 2^-precision of its own size; Decimal.exp rounds correctly."""
    digits = precision * 3 // 10 + 8
    context = Context(prec=digits)

    def power(value: Fraction) -> Any:
        point = context.divide(Decimal(value.numerator), Decimal(value.denominator))
        result = Fraction(context.exp(point))
        # The argument is off by one unit in its last place, the result by as much again.
        slack = result * (abs(value) + 1) * Fraction(4, 10 ** (digits - 1))
        return Interval(result - slack, result + slack)

    found: Interval = increasing(power, x)
    return found


def fractions(values: Any) -> Exact:
    """An array of Fractions, each exactly the number (float or integer) in `values`."""
    array = np.asarray(values)
    out = np.empty(array.shape, object)
    flat = out.reshape(-1)
    for i, v in enumerate(array.reshape(-1).tolist()):
        flat[i] = v if isinstance(v, Fraction) else Fraction(v)
    return flat.reshape(array.shape)
