"""Functions of one real: LeakyRelu, Abs, Power, Exp, Sigmoid, Tanh, Erf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.semantics.base import Elementwise, Signs
from qcompile.semantics.interval import Interval, exponential, increasing, square_root
from qcompile.semantics.number import Bounded, Grid, Number, on_common_grid
from qcompile.semantics.units import ROUNDING, Floats

LIBRARY = 16 * ROUNDING  # bound of the relative error of numpy's exp and tanh (they claim 4 ulp)


@dataclass(frozen=True, eq=False)
class LeakyRelu(Elementwise):
    """x where x >= 0, else alpha·x."""

    alpha: Fraction

    def on_grid(self, *inputs: Grid) -> Grid | None:
        (x,) = inputs
        if not all(u > 0 for u in x.unit.flat):
            return None
        pair = on_common_grid(
            Grid(np.maximum(x.codes, 0), x.unit), Grid(np.minimum(x.codes, 0), x.unit * self.alpha)
        )
        return None if pair is None else Grid(pair[0].codes + pair[1].codes, pair[0].unit)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        alpha = float(self.alpha)
        value = np.where(x.value >= 0, x.value, alpha * x.value)
        return value, max(1.0, abs(alpha)) * x.error + ROUNDING * np.abs(value)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return increasing(lambda v: v if v >= 0 else self.alpha * v, inputs[0])

    def shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        if self.alpha < 0:
            raise CompileError("a LeakyRelu with a negative slope is not supported")
        return super().shape(*inputs)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Abs(Elementwise):
    """|x|."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return Grid(np.abs(inputs[0].codes), np.abs(inputs[0].unit))

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        return np.abs(inputs[0].value), inputs[0].error

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return abs(inputs[0])


@dataclass(frozen=True, eq=False)
class Sqrt(Elementwise):
    """The square root of x >= 0."""

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        if np.any(x.value < -x.error):
            raise CompileError("the square root of a negative number")
        value = np.sqrt(np.maximum(x.value, 0))
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(x.error > 0, x.error / value, 0.0)
        return value, error + ROUNDING * value

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return square_root(inputs[0], precision)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Exp(Elementwise):
    """e^x."""

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        value = np.exp(x.value)
        return value, value * (np.expm1(np.minimum(x.error, 700.0)) + LIBRARY)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return exponential(inputs[0], precision)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Sigmoid(Elementwise):
    """1 / (1 + e^-x)."""

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        small = np.exp(-np.abs(x.value))
        value = np.where(x.value >= 0, 1 / (1 + small), small / (1 + small))
        return value, x.error / 4 + 4 * LIBRARY * value

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return Fraction(1) / (exponential(-1 * inputs[0], precision) + 1)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Tanh(Elementwise):
    """(e^2x - 1) / (e^2x + 1)."""

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        value = np.tanh(x.value)
        return value, x.error + LIBRARY * np.abs(value)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        def tangent(v: Fraction) -> Any:
            return 1 - 2 / (exponential(2 * v, precision) + 1)

        return increasing(tangent, inputs[0])

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Erf(Elementwise):
    """The error function, as GELU needs it."""

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        value = np.vectorize(math.erf, otypes=[np.float64])(x.value)
        return value, 2 * x.error + LIBRARY * np.abs(value)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return increasing(lambda v: erf_series(v, precision), inputs[0])

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Power(Elementwise):
    """x to a whole power >= 1."""

    exponent: int

    def on_grid(self, *inputs: Grid) -> Grid | None:
        (x,) = inputs
        if x.magnitude() ** self.exponent >= 2.0**53:
            return None
        return Grid(x.codes**self.exponent, x.unit**self.exponent)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        (x,) = inputs
        value = x.value**self.exponent
        slope = self.exponent * (np.abs(x.value) + x.error) ** (self.exponent - 1)
        return value, slope * x.error + LIBRARY * np.abs(value)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        out = inputs[0]
        for _ in range(self.exponent - 1):
            out = out * inputs[0]
        return out


def erf_series(x: Fraction, precision: int) -> Interval:
    """erf by its Maclaurin series, and 2/sqrt(pi) by Machin's formula; an enclosure."""
    if abs(x) > 40:
        sign = 1 if x > 0 else -1
        tail = Fraction(1, 1 << precision)
        low, high = sorted((Fraction(sign), sign * (1 - tail)))
        return Interval(low, high)
    bits = precision + int(3 * x * x) + 16
    term, total, n = x, x, 0
    while abs(term) > Fraction(1, 1 << bits) or n < x * x:
        n += 1
        term = -term * x * x / n
        total += term / (2 * n + 1)
    rest = abs(term)
    enclosed = Interval(total - rest, total + rest)
    factor = 2 / square_root(pi(bits), bits)
    return factor * enclosed


def pi(bits: int) -> Interval:
    """pi within 2^-bits: 16 atan(1/5) - 4 atan(1/239) (Machin)."""

    def arctangent(inverse: int) -> Fraction:
        total, power, n = Fraction(0), Fraction(1, inverse), 1
        while power / n > Fraction(1, 1 << (bits + 8)):
            total += power / n if n % 4 == 1 else -power / n
            power /= inverse * inverse
            n += 2
        return total

    middle = 16 * arctangent(5) - 4 * arctangent(239)
    slack = Fraction(1, 1 << bits)
    return Interval(middle - slack, middle + slack)
