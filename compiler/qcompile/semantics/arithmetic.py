"""Add, Sub, Mul, Div, Maximum, Minimum: the ops from which most layers are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompile.semantics.base import Elementwise, Signs
from qcompile.semantics.interval import Interval, ends, fractions
from qcompile.semantics.number import (
    EXACT,
    ROUNDING,
    Bounded,
    Floats,
    Grid,
    Number,
    on_common_grid,
)


@dataclass(frozen=True, eq=False)
class Add(Elementwise):
    """a + b."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        return summed(inputs[0], inputs[1], 1.0)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        value = a.value + b.value
        return value, a.error + b.error + ROUNDING * np.abs(value)

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
        value = a.value - b.value
        return value, a.error + b.error + ROUNDING * np.abs(value)

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return inputs[0] - inputs[1]

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(moves[0], -moves[1])


@dataclass(frozen=True, eq=False)
class Mul(Elementwise):
    """a·b."""

    def on_grid(self, *inputs: Grid) -> Grid | None:
        a, b = inputs
        if a.magnitude() * b.magnitude() >= EXACT:
            return None
        return Grid(a.codes * b.codes, a.unit * b.unit)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
        value = a.value * b.value
        spread = np.abs(a.value) * b.error + (np.abs(b.value) + b.error) * a.error
        return value, spread + ROUNDING * np.abs(value)

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
        divisor = fractions(b.codes) * b.unit
        unit = a.unit / divisor
        return Grid(np.broadcast_to(a.codes, np.broadcast_shapes(a.shape, unit.shape)), unit)

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        a, b = inputs
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

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        return extreme(min, *inputs)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return agreeing(*moves)


def summed(a: Grid, b: Grid, sign: float) -> Grid | None:
    """a + sign·b on their common grid."""
    pair = on_common_grid(a, b)
    if pair is None or pair[0].magnitude() + pair[1].magnitude() >= EXACT:
        return None
    return Grid(pair[0].codes + sign * pair[1].codes, pair[0].unit)


def chosen(choose: np.ufunc, a: Grid, b: Grid) -> Grid | None:
    """The larger or smaller of two on their common grid; a negative unit turns the choice round."""
    pair = on_common_grid(a, b)
    if pair is None:
        return None
    unit = pair[0].unit
    sign = np.where(unit > 0, 1.0, -1.0)
    return Grid(choose(pair[0].codes * sign, pair[1].codes * sign), np.abs(unit))


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
    other = inputs[1 - varying[0]].bounded()
    if np.any((np.abs(other.value) <= other.error) & (other.value != 0)):
        return None
    sign = np.sign(other.value).astype(np.int8)
    found: Signs = moves[varying[0]] * sign
    return found
