"""The rounding modes of QONNX, on integers, floats and rationals."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile.qtype import Ints
from qcompile.semantics.units import Floats


class Rounding(Enum):
    """The rounding modes of QONNX `Quant` (its names), and what ONNX ops use."""

    HALF_EVEN = "ROUND"
    HALF_UP = "HALF_UP"  # ties away from zero
    HALF_DOWN = "HALF_DOWN"  # ties towards zero
    FLOOR = "FLOOR"
    CEIL = "CEIL"
    UP = "UP"  # away from zero
    DOWN = "DOWN"  # towards zero: truncation


def divide(numerator: Ints, denominator: Ints, mode: Rounding) -> Ints:
    """The rounded quotient of integers, denominator > 0."""
    down = numerator // denominator
    rest = numerator - down * denominator
    twice = 2 * rest
    match mode:
        case Rounding.FLOOR:
            up: Any = np.zeros(rest.shape, bool)
        case Rounding.CEIL:
            up = rest > 0
        case Rounding.UP:
            up = (rest > 0) & (numerator > 0)
        case Rounding.DOWN:
            up = (rest > 0) & (numerator < 0)
        case Rounding.HALF_UP:
            up = (twice > denominator) | ((twice == denominator) & (numerator > 0))
        case Rounding.HALF_DOWN:
            up = (twice > denominator) | ((twice == denominator) & (numerator < 0))
        case Rounding.HALF_EVEN:
            up = (twice > denominator) | ((twice == denominator) & (down % 2 != 0))
    out: Ints = down + up
    return out


def round_floats(x: Floats, mode: Rounding) -> Floats:
    """Each float rounded to an integer by `mode`, exactly."""
    down = np.floor(x)
    rest = x - down  # exact
    match mode:
        case Rounding.FLOOR:
            return down
        case Rounding.CEIL:
            return np.ceil(x)
        case Rounding.UP:
            return np.where(x > 0, np.ceil(x), down)
        case Rounding.DOWN:
            return np.trunc(x)
        case Rounding.HALF_UP:
            return np.where((rest > 0.5) | ((rest == 0.5) & (x > 0)), down + 1, down)
        case Rounding.HALF_DOWN:
            return np.where((rest > 0.5) | ((rest == 0.5) & (x < 0)), down + 1, down)
        case Rounding.HALF_EVEN:
            return np.rint(x)


def round_exact(x: Fraction, mode: Rounding) -> int:
    """One rational rounded to an integer by `mode`."""
    numerator, denominator = np.array([x.numerator], object), np.array([x.denominator], object)
    return int(divide(numerator, denominator, mode)[0])
