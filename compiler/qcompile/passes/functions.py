"""Functions of one integer tensor: whether they are integers, their grid, and their proof."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.passes.expression import (
    Apply,
    Base,
    Expr,
    Fixed,
    constants,
    evaluated,
    leaves,
    moves,
    readings,
)
from qcompile.passes.requantize import Proved, prove
from qcompile.qtype import Ints
from qcompile.semantics.base import Signs
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Grid, Number
from qcompile.semantics.units import rational_gcd, whole


def finest(base: Base) -> Fraction:
    """The largest unit of which every unit and offset is a multiple."""
    unit: Fraction = reduce(rational_gcd, map(abs, base.unit.flat))
    for offset in base.offset.flat:
        unit = rational_gcd(unit, abs(offset))
    return unit


def integral(expr: Expr) -> bool:
    """Whether an expression is an integer by the ops that make it."""
    if isinstance(expr, Fixed):
        return isinstance(expr.number, Grid) and all(
            u.denominator == 1 for u in expr.number.unit.flat
        )
    if isinstance(expr, Base):
        return all(u.denominator == 1 for a in (expr.unit, expr.offset) for u in a.flat)
    if not isinstance(expr, Apply):
        return False
    match expr.op:
        case real.Round() | real.Bipolar() | real.MultiThreshold():
            return True
        case real.OrtRequantize() | real.OrtAdd() | real.OrtScale() | real.OrtMean():
            return True
        case real.OrtTable() | real.Wrap():
            return True
        case real.Maximum() | real.Minimum() | real.Add() | real.Sub() | real.Mul():
            return all(integral(a) for a in expr.args)
    return False


def integers(number: Number, unit: Exact | None) -> Ints:
    """The integers n for which number = unit·n; raises CompileError where there are none."""
    if isinstance(number, Grid):
        factor = number.unit if unit is None else number.unit / unit
        if all(f.denominator == 1 for f in np.ravel(factor)):
            out: Ints = (number.codes * factor.astype(np.float64)).astype(np.int64)
            return out
        # A grid may be finer than the numbers that are on it.
        top = np.vectorize(lambda f: f.numerator, otypes=[np.float64])(factor)
        bottom = np.vectorize(lambda f: f.denominator, otypes=[np.float64])(factor)
        exact = number.codes * top
        if np.all(np.mod(exact, bottom) == 0):
            fine: Ints = (exact / bottom).astype(np.int64)
            return fine
    raise CompileError("a value does not lie on the grid that was found for its tensor")


def reference_unit(inner: Expr, leaf: Base) -> Exact | None:
    """The grid, for each channel, on which an expression lies; None where there is none."""
    rank = len(leaf.shape)
    if integral(inner):
        return whole(Fraction(1), rank)
    channels = leaf.shape[-1] if leaf.shape else 1
    lo, hi = (np.broadcast_to(e, (channels,)) for e in (leaf.low, leaf.high))
    places = np.stack([lo, hi, np.clip(0, lo, hi), np.clip(1, lo, hi), np.clip(-1, lo, hi)])
    number = evaluated(inner, {leaf.node: spread(places, rank)})
    if not isinstance(number, Grid):
        return None
    unit = np.abs(number.unit)
    if unit.shape[-1] > 1 and np.all(unit == unit.flat[0]):
        unit = unit[..., :1]
    return unit.reshape((1,) * (rank - 1) + (-1,)) if rank else unit.reshape(())


def spread(places: Ints, rank: int) -> Ints:
    """[K, C] as [K, 1, ..., 1, C] with `rank` axes after the first."""
    return places.reshape(places.shape[0], *(1,) * (rank - 1), -1)


def proved_forms(inner: Expr, leaf: Base, unit: Exact) -> tuple[Proved, Ints, Ints]:
    """The function of each channel (or the one of all), and the range that it is proved on."""
    rank = len(leaf.shape)
    varying = [f.number.shape[-1] for f in constants(inner)]
    varying += [a.shape[-1] for e in readings(inner) for a in (e.unit, e.offset)]
    many = max(varying) > 1
    if many:
        channels = leaf.shape[-1]
        lo, hi = (np.broadcast_to(e, (channels,)).copy() for e in (leaf.low, leaf.high))
    else:
        lo, hi = leaf.low.min(keepdims=True), leaf.high.max(keepdims=True)
    shaped = unit.reshape(1, *unit.shape)

    def function(a: Ints) -> Ints:
        number = evaluated(inner, {leaf.node: spread(a, rank)})
        found = integers(number, shaped)
        return np.broadcast_to(found.reshape(found.shape[0], -1), a.shape)

    return prove(function, lo, hi, per_channel(moves(inner, rank + 1), leaf, len(lo))), lo, hi


def proved_range(expr: Expr, rank: int) -> tuple[float, float] | None:
    """Least and greatest value of a monotone function of one integer tensor, or None."""
    found = leaves(expr)
    if len(found) != 1 or not isinstance(found[0], Base):
        return None
    leaf = found[0]
    if moves(expr, rank + 1) is None or len(leaf.shape) != rank:
        return None
    channels = leaf.shape[-1] if leaf.shape else 1
    ends = np.stack([np.broadcast_to(e, (channels,)) for e in (leaf.low, leaf.high)])
    number = evaluated(expr, {leaf.node: spread(ends, rank)}).bounded()
    return float((number.value - number.error).min()), float((number.value + number.error).max())


def per_channel(direction: Signs | None, leaf: Base, channels: int) -> Signs | None:
    """The direction for each channel, as a function of the codes."""
    if direction is None:
        return None
    return np.broadcast_to(direction.reshape(-1), (channels,))
