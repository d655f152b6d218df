"""Softmax, LogSoftmax, ArgMax: what classifiers end with."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.semantics.base import RealOp
from qcompile.semantics.interval import Exact, exponential
from qcompile.semantics.number import Bounded, Grid, Index, Number, uniform
from qcompile.semantics.units import ROUNDING, Floats, whole


@dataclass(frozen=True, eq=False)
class Softmax(RealOp):
    """e^x over its sum along `axis`; with `logarithm`, the logarithm of that."""

    axis: int
    logarithm: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def run(self, *inputs: Number) -> Number:
        x = inputs[0].bounded()
        axis = self.axis + 1
        shifted = x.value - x.value.max(axis=axis, keepdims=True)
        powers = np.exp(shifted)
        total = powers.sum(axis=axis, keepdims=True)
        spread = 2 * np.broadcast_to(x.error, x.shape).max(axis=axis, keepdims=True)
        slack = np.expm1(spread) * 2 + (x.shape[axis] + 64) * ROUNDING
        slack = slack + ROUNDING * np.abs(x.value).max(axis=axis, keepdims=True) * 2
        if self.logarithm:
            value = shifted - np.log(total)
            return Bounded(value, slack + 4 * ROUNDING * np.abs(value), self._no_exact)
        value = powers / total
        return Bounded(value, value * slack, self._exactly(inputs[0], x.shape))

    def _no_exact(self, index: Index, precision: int) -> Exact:
        raise CompileError(
            "a quantizer after LogSoftmax is not supported", help="end the graph before LogSoftmax"
        )

    def _exactly(self, x: Number, shape: Shape) -> Any:
        last = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), self.axis + 1, -1)
        rows = last.reshape(-1, last.shape[-1])
        row_of = np.empty(rows.size, np.int64)
        row_of[rows.reshape(-1)] = np.repeat(np.arange(len(rows)), rows.shape[1])

        def at(index: Index, precision: int) -> Exact:
            out = np.empty(index.shape, object)
            for i, place in enumerate(index):
                row = rows[row_of[place]]
                powers = [exponential(v, precision) for v in x.at(row, precision)]
                mine = int(np.flatnonzero(row == place)[0])
                total = sum(powers[1:], powers[0])
                out[i] = powers[mine] / total
            return out

        return at


@dataclass(frozen=True, eq=False)
class ArgMax(RealOp):
    """Places of the `count` largest (or smallest) along `axis`, best first; ties: the first one.

    With `last`, of equal ones the last comes first.
    """

    axis: int
    count: int = 1
    largest: bool = True
    last: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if not 0 < self.count <= x[self.axis]:
            raise CompileError(f"the best {self.count} of {x[self.axis]} do not exist")
        return (*x[: self.axis], self.count, *x[self.axis + 1 :])

    def run(self, *inputs: Number) -> Number:
        keys = np.moveaxis(ranked(inputs[0], self.axis + 1), self.axis + 1, -1)
        keys = -keys if self.largest else keys
        if self.last:
            order = np.argsort(keys[..., ::-1], axis=-1, kind="stable")[..., : self.count]
            order = keys.shape[-1] - 1 - order
        else:
            order = np.argsort(keys, axis=-1, kind="stable")[..., : self.count]
        codes = np.moveaxis(order, -1, self.axis + 1).astype(np.float64)
        return Grid(codes, whole(Fraction(1), codes.ndim))


def ranked(x: Number, axis: int) -> Floats:
    """Floats that compare along `axis` as the exact numbers do; raises where that is unknown."""
    if isinstance(x, Grid):
        even = uniform(x, (axis,))
        if even is not None:
            return even.codes * np.where(even.unit > 0, 1.0, -1.0)
    b = x.bounded()
    order = np.sort(b.value, axis=axis)
    gaps = np.diff(order, axis=axis)
    error = 2 * np.broadcast_to(b.error, b.shape).max(axis=axis, keepdims=True)
    if not np.any((gaps <= error) & (error > 0)):
        return b.value
    exact = x.at(np.arange(b.value.size), 256)
    middle = [v if isinstance(v, Fraction) else (v.low + v.high) / 2 for v in exact]
    rank = {v: i for i, v in enumerate(sorted(set(middle)))}
    return np.array([float(rank[v]) for v in middle]).reshape(b.shape)
