"""MaxPool, AveragePool, ReduceSum."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.ops.blas import output_size
from qcompile.qtype import Shape
from qcompile.semantics.base import RealOp
from qcompile.semantics.interval import Exact
from qcompile.semantics.movement import places
from qcompile.semantics.number import Bounded, Grid, Index, Number, uniform
from qcompile.semantics.units import EXACT, ROUNDING


@dataclass(frozen=True, eq=False)
class Window:
    """How a pooling window moves over the spatial axes of [N, C, spatial...]."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]  # all beginnings, then all ends; ceil mode is in the ends

    def shape(self, x: Shape) -> Shape:
        rank = len(self.kernel)
        if len(x) != rank + 2 or rank not in (1, 2):
            raise CompileError(f"pooling {list(x)} with a kernel of {rank} axes is not supported")
        sizes = [
            output_size(
                x[2 + i], k, self.strides[i], self.dilations[i], self.pads[i], self.pads[rank + i]
            )
            for i, k in enumerate(self.kernel)
        ]
        if min(sizes) < 1:
            raise CompileError(f"the window {list(self.kernel)} does not fit into {list(x)}")
        return (*x[:2], *sizes)

    def views(self, x: NDArray[Any], padding: Any) -> NDArray[Any]:
        """[S, N, C, spatial...] as [S, N, C, out..., taps]; padded places hold `padding`."""
        rank = len(self.kernel)
        widths = [(0, 0)] * 3 + [(self.pads[i], self.pads[rank + i]) for i in range(rank)]
        full = np.pad(x, widths, constant_values=padding)
        reach = tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))
        axes = tuple(range(3, 3 + rank))
        view = np.lib.stride_tricks.sliding_window_view(full, reach, axis=axes)
        steps = tuple(slice(None, None, s) for s in self.strides)
        gaps = tuple(slice(None, None, d) for d in self.dilations)
        view = view[(slice(None),) * 3 + steps + gaps]
        return view.reshape(*view.shape[: 3 + rank], -1)


@dataclass(frozen=True, eq=False)
class MaxPool(RealOp):
    """The largest element of each window; padding never wins."""

    window: Window

    def shape(self, *inputs: Shape) -> Shape:
        return self.window.shape(inputs[0])

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        if isinstance(x, Grid):
            flat = uniform(x, tuple(range(3, x.codes.ndim)))
            if flat is not None and all(u > 0 for u in flat.unit.flat):
                return Grid(self.window.views(flat.codes, -np.inf).max(axis=-1), flat.unit)
        b = x.bounded()
        value = self.window.views(b.value, -np.inf).max(axis=-1)
        error = self.window.views(np.broadcast_to(b.error, b.shape), 0.0).max(axis=-1)
        taps = self.window.views(places(x.shape), -1)

        def at(index: Index, precision: int) -> Exact:
            out = np.empty(index.shape, object)
            rows = taps.reshape(-1, taps.shape[-1])[index]
            for i, row in enumerate(rows):
                out[i] = largest(x.at(row[row >= 0], precision))
            return out

        return Bounded(value, error, at)


def largest(values: Exact) -> Any:
    """The maximum of exact numbers."""
    from qcompile.semantics.arithmetic import extreme

    best = values[0]
    for v in values[1:]:
        best = extreme(max, best, v)
    return best


@dataclass(frozen=True, eq=False)
class AveragePool(RealOp):
    """The mean of each window, over all its places or only those that are not padding."""

    window: Window
    count_padding: bool = False

    def shape(self, *inputs: Shape) -> Shape:
        return self.window.shape(inputs[0])

    def counts(self, x: Shape) -> NDArray[np.int64]:
        """By how many each output place divides: [out...]; `x` is the shape of the input."""
        ones = np.ones((1, 1, 1, *x[2:]), np.int64)
        counts: NDArray[np.int64] = self.window.views(ones, 0).sum(axis=-1)[0, 0, 0]
        if self.count_padding:
            counts = np.full_like(counts, prod(self.window.kernel))
        return counts

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        counts = self.counts(x.shape[1:])
        parts = np.array([Fraction(1, int(c)) for c in counts.flat], object)
        share = parts.reshape(1, 1, 1, *counts.shape)
        if np.all(counts == counts.flat[0]):
            share = np.full((1,) * len(x.shape), share.flat[0], object)
        if isinstance(x, Grid):
            flat = uniform(x, tuple(range(3, x.codes.ndim)))
            if flat is not None and flat.magnitude() * prod(self.window.kernel) < EXACT:
                return Grid(self.window.views(flat.codes, 0.0).sum(axis=-1), flat.unit * share)
        b = x.bounded()
        value = self.window.views(b.value, 0.0).sum(axis=-1) / counts
        size = self.window.views(np.abs(b.value), 0.0).sum(axis=-1)
        error = self.window.views(np.broadcast_to(b.error, b.shape), 0.0).sum(axis=-1)
        error = (error + size * (prod(self.window.kernel) + 2) * ROUNDING) / counts
        taps = self.window.views(places(x.shape), -1)
        divisors = np.broadcast_to(counts, value.shape).reshape(-1)

        def at(index: Index, precision: int) -> Exact:
            out = np.empty(index.shape, object)
            rows = taps.reshape(-1, taps.shape[-1])[index]
            for i, row in enumerate(rows):
                total = sum(x.at(row[row >= 0], precision))
                out[i] = total * Fraction(1, int(divisors[index[i]]))
            return out

        return Bounded(value, error * (1 + 1e-9), at)


@dataclass(frozen=True, eq=False)
class ReduceSum(RealOp):
    """The sum over `axes`, which stay with length 1; a mean is this divided by their size."""

    axes: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        return tuple(1 if i in self.axes else s for i, s in enumerate(x))

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        axes = tuple(a + 1 for a in self.axes)
        count = prod(x.shape[a] for a in axes)
        if isinstance(x, Grid):
            flat = uniform(x, axes)
            if flat is not None and flat.magnitude() * count < EXACT:
                return Grid(flat.codes.sum(axis=axes, keepdims=True), flat.unit)
        b = x.bounded()
        value = b.value.sum(axis=axes, keepdims=True)
        error = np.broadcast_to(b.error, b.shape).sum(axis=axes, keepdims=True)
        error = error + np.abs(b.value).sum(axis=axes, keepdims=True) * (count + 2) * ROUNDING
        index_of = np.moveaxis(places(x.shape), axes, range(-len(axes), 0)).reshape(-1, count)

        def at(index: Index, precision: int) -> Exact:
            out = np.empty(index.shape, object)
            for i, row in enumerate(index_of[index]):
                out[i] = sum(x.at(row, precision))
            return out

        return Bounded(value, error * (1 + 1e-9), at)
