"""Add, Sub, Mul, Div, Maximum, Minimum: the ops from which most layers are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompile.semantics.base import Elementwise, Signs
from qcompile.semantics.interval import Exact, Interval, ends, fractions
from qcompile.semantics.number import Bounded, Grid, Number, on_common_grid
from qcompile.semantics.once import once
from qcompile.semantics.units import EXACT, ROUNDING, Floats, magnitudes, product

PRECISIONS = (64, 256, 1024)  # bits, with which signs are looked for


@dataclass(frozen=True, eq=False)
class Add(Elementwise):
    """a + b."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return summed(inputs[0], inputs[1], 1.0)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        return a.value + b.value, a.error + b.error + ROUNDING * self.most(a, b)

    def most(self, *inputs: Bounded) -> float:
        return inputs[0].magnitude() + inputs[1].magnitude()

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return inputs[0] + inputs[1]

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(*moves)


@dataclass(frozen=True, eq=False)
class Sub(Elementwise):
    """a - b."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return summed(inputs[0], inputs[1], -1.0)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        return a.value - b.value, a.error + b.error + ROUNDING * self.most(a, b)

    def most(self, *inputs: Bounded) -> float:
        return inputs[0].magnitude() + inputs[1].magnitude()

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return inputs[0] - inputs[1]

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(moves[0], -moves[1])


@dataclass(frozen=True, eq=False)
class Mul(Elementwise):
    """a·b."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        a, b = inputs
        most = a.bound() * b.bound()
        if most >= EXACT:
            most = a.magnitude() * b.magnitude()
        return Grid(multiplied(a, b), product(a.unit, b.unit), most) if most < EXACT else None

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        spread = a.magnitude() * b.error + (b.magnitude() + b.error) * a.error
        return a.value * b.value, spread + ROUNDING * self.most(a, b)

    def most(self, *inputs: Bounded) -> float:
        return inputs[0].magnitude() * inputs[1].magnitude()

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return inputs[0] * inputs[1]

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return scaled_direction(inputs, moves)


@dataclass(frozen=True, eq=False)
class Div(Elementwise):
    """a / b, as real numbers; integer division is this and a rounding."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        a, b = inputs
        if b.codes.size > 4096 or np.any(b.codes == 0):
            return None  # a divisor that varies: no grid to speak of
        plain = np.all(b.codes == 1)  # as stored scales are: the same units in every batch
        unit = quotient(a.unit, b.unit if plain else fractions(b.codes) * b.unit)
        codes = np.broadcast_to(a.codes, np.broadcast_shapes(a.shape, unit.shape))
        return Grid(codes, unit, a.most)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        if b.value.size <= 4096 and np.all(np.abs(b.value) > 2 * b.error):
            least = float((np.abs(b.value) - b.error).min())
            value = a.value / b.value
            most = a.magnitude() / least
            return value, a.error / least + most * (b.error / least + 2 * ROUNDING)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = a.value / b.value
            safe = np.abs(b.value) - b.error
            spread = (a.error + np.abs(value) * b.error) / safe
        error = np.where(safe > 0, spread + 2 * ROUNDING * np.abs(value), np.inf)
        return np.where(np.isfinite(value), value, 0.0), error

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return inputs[0] / inputs[1]

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return None if moves[1].any() else scaled_direction(inputs, moves)


@dataclass(frozen=True, eq=False)
class Maximum(Elementwise):
    """The larger of a and b; Relu is this with 0."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return chosen(np.maximum, *inputs)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        return np.maximum(a.value, b.value), np.maximum(a.error, b.error)

    def most(self, *inputs: Bounded) -> float:
        return max(inputs[0].magnitude(), inputs[1].magnitude())

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return extreme(max, *inputs)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(*moves)


@dataclass(frozen=True, eq=False)
class Minimum(Elementwise):
    """The smaller of a and b; Clip is a Maximum and this."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return chosen(np.minimum, *inputs)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        return np.minimum(a.value, b.value), np.maximum(a.error, b.error)

    def most(self, *inputs: Bounded) -> float:
        return max(inputs[0].magnitude(), inputs[1].magnitude())

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return extreme(min, *inputs)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(*moves)


def summed(a: Grid, b: Grid, sign: float) -> Grid | None:
    """a + sign·b on their common grid."""
    pair = on_common_grid(a, b)
    if pair is None:
        return None
    most = pair[0].bound() + pair[1].bound()
    if most >= EXACT:
        most = pair[0].magnitude() + pair[1].magnitude()
    add = np.add if sign > 0 else np.subtract
    return Grid(add(pair[0].codes, pair[1].codes), pair[0].unit, most) if most < EXACT else None


def chosen(choose: np.ufunc, a: Grid, b: Grid) -> Grid | None:
    """The larger or smaller of two on their common grid; a negative unit turns the choice round."""
    pair = on_common_grid(a, b)
    if pair is None:
        return None
    unit = pair[0].unit
    most = max(pair[0].bound(), pair[1].bound())
    sign = negatives(unit)
    if sign is None:
        return Grid(choose(pair[0].codes, pair[1].codes), unit, most)
    return Grid(choose(pair[0].codes * sign, pair[1].codes * sign), magnitudes(unit), most)


@once
def negatives(unit: Exact) -> Floats | None:
    """-1 where the unit is negative, else 1; None where it nowhere is."""
    below = unit < 0
    return np.where(below, -1.0, 1.0) if np.any(below) else None


@once
def quotient(unit: Exact, divisor: Exact) -> Exact:
    """The unit of a quotient by constants."""
    found: Exact = unit / divisor
    return found


def multiplied(a: Grid, b: Grid) -> Floats:
    """Products of codes; those by one are not computed."""
    for one, other in ((a, b), (b, a)):
        if one.codes.size == 1 and one.codes.flat[0] == 1:
            return other.codes
    return a.codes * b.codes


def extreme(choose: Any, a: Any, b: Any) -> Any:
    """`max` or `min` of two exact numbers."""
    if not isinstance(a, Interval) and not isinstance(b, Interval):
        return choose(a, b)
    (al, ah), (bl, bh) = ends(a), ends(b)
    return Interval(choose(al, bl), choose(ah, bh))


def agreeing(*moves: Signs) -> Signs | None:
    """The common direction of operands, or None where two of them pull apart."""
    up = np.logical_or.reduce(np.broadcast_arrays(*(m > 0 for m in moves)))
    down = np.logical_or.reduce(np.broadcast_arrays(*(m < 0 for m in moves)))
    if np.any(up & down):
        return None
    found: Signs = up.astype(np.int8) - down.astype(np.int8)
    return found


def scaled_direction(inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
    """The direction of a product or quotient of which only one operand varies."""
    varying = [i for i, m in enumerate(moves) if m.any()]
    if not varying:
        return moves[0]
    if len(varying) > 1:
        return None
    sign = signs(inputs[1 - varying[0]])
    if sign is None:
        return None
    found: Signs = moves[varying[0]] * sign
    return found


def signs(number: Number) -> Signs | None:
    """The sign of each element, or None where one is too near to 0 to be told."""
    bounded = number.bounded()
    found: Signs = np.sign(bounded.value).astype(np.int8)
    error = np.broadcast_to(bounded.error, bounded.shape)
    unsure = np.flatnonzero((np.abs(bounded.value) <= error) & (error > 0))
    for place in unsure:
        exact = sign_at(number, int(place))
        if exact is None:
            return None
        found.flat[place] = exact
    return found


def sign_at(number: Number, place: int) -> int | None:
    """The sign of one element, found exactly; None where it is too near to 0 to be told."""
    for precision in PRECISIONS:
        low, high = ends(number.at(np.array([place]), precision)[0])
        if low > 0 or high < 0 or low == high:
            return (low > 0) - (low < 0)
    return None
