"""Conv and MatMul: sums of products."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.ops.blas import FLOAT32_EXACT, output_size, padded, windows
from qcompile.qtype import Shape
from qcompile.semantics.base import RealOp
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Bounded, Grid, Index, Number, raised, uniform
from qcompile.semantics.once import once
from qcompile.semantics.units import EXACT, ROUNDING, product


@dataclass(frozen=True, eq=False)
class Conv(RealOp):
    """ONNX Conv of x [N, C, spatial...] with weights [O, C / groups, kernel...], 1-D or 2-D.

    Padding contributes 0. A bias is an Add of its own.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]  # all beginnings, then all ends
    groups: int = 1

    def shape(self, *inputs: Shape) -> Shape:
        x, w = inputs
        if len(x) != len(w) or len(x) not in (3, 4):
            raise CompileError(f"a convolution of {list(x)} with {list(w)} is neither 1-D nor 2-D")
        if x[1] != w[1] * self.groups or w[0] % self.groups:
            raise CompileError(
                f"{self.groups} group(s) of {w[1]} channels, and the input has {x[1]}; "
                f"{w[0]} filters"
            )
        rank = len(x) - 2
        sizes = []
        for i in range(rank):
            before, after = self.pads[i], self.pads[rank + i]
            args = (w[2 + i], self.strides[i], self.dilations[i], before, after)
            sizes.append(output_size(x[2 + i], *args))
        if min(sizes) < 1:
            raise CompileError(f"the kernel {list(w[2:])} does not fit into the input {list(x)}")
        return (x[0], w[0], *sizes)

    def run(self, *inputs: Number) -> Number:
        x, w = inputs
        if isinstance(x, Grid) and isinstance(w, Grid):
            found = self._on_grid(x, w)
            if found is not None:
                return found
        return self._bounded(x, w)

    def _on_grid(self, x: Grid, w: Grid) -> Grid | None:
        a = uniform(x, tuple(range(1, x.codes.ndim)))
        b = uniform(w, tuple(range(2, w.codes.ndim)))
        if a is None or b is None:
            return None
        bound = self._bound(a, b)
        if bound >= EXACT:
            return None
        number = np.float32 if bound < FLOAT32_EXACT else np.float64
        codes = self._sums(a.codes.astype(number), b.codes.astype(number))
        return Grid(codes.astype(np.float64), filter_unit(a.unit, b.unit, codes.ndim), bound)

    def _bound(self, x: Grid, w: Grid) -> float:
        """The largest sum of |w|·max|x| of a filter, or a little more."""
        sizes = np.abs(w.codes[0]).reshape(w.codes.shape[1], -1, prod(w.codes.shape[3:])).sum(-1)
        total = float(sizes.sum(axis=-1).max(initial=0.0))
        for peak in (x.bound, x.magnitude):
            if total * peak() < FLOAT32_EXACT:
                return total * peak()
        axes = (0, 1, *range(3, x.codes.ndim))
        top = np.maximum(x.codes.max(axis=axes, initial=0.0), -x.codes.min(axis=axes, initial=0.0))
        groups = sizes.reshape(self.groups, -1, sizes.shape[1])
        return float((groups @ top.reshape(self.groups, -1, 1)).max(initial=0.0))

    def _sums(self, x: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
        """The convolution in the number type of the arguments; x [S, N, C, ...], w [1, O, ...]."""
        image, kernel = np.moveaxis(x, 2, -1), np.moveaxis(w[0], 1, -1)  # channels last
        flat = image.ndim == 4
        if flat:
            image, kernel = image[:, :, None], kernel[:, None]
        view = self._windows(image, kernel.shape[1:3], flat)
        rows, lanes = kernel.shape[0] // self.groups, kernel.shape[3]
        if lanes == 1 and rows == 1:
            out = by_taps(view, kernel[..., 0])
        else:
            parts = []
            for g in range(self.groups):
                patch = view[..., g * lanes : (g + 1) * lanes]
                matrix = kernel[g * rows : (g + 1) * rows].reshape(rows, -1).T
                parts.append(patch.reshape(*patch.shape[:4], -1) @ matrix)
            out = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return np.moveaxis(out[:, :, 0] if flat else out, -1, 2)

    def _windows(self, image: NDArray[Any], kernel: Any, flat: bool) -> NDArray[Any]:
        if flat:
            pads = (0, self.pads[0], 0, self.pads[1])
            strides, dilations = (1, *self.strides), (1, *self.dilations)
        else:
            pads = (self.pads[0], self.pads[1], self.pads[2], self.pads[3])
            strides, dilations = self.strides, self.dilations
        full = padded(image, pads, 0)
        return windows(full, tuple(kernel), strides, dilations)  # type: ignore[arg-type]

    def _bounded(self, x: Number, w: Number) -> Bounded:
        a, b = x.bounded(), w.bounded()
        value = self._sums(a.value, b.value)
        taps = prod(b.shape[2:])
        size = self._sums(np.abs(a.value), np.abs(b.value))
        error = (taps + 2) * ROUNDING * size
        spread = np.broadcast_to(a.error, a.shape), np.broadcast_to(b.error, b.shape)
        error = error + self._sums(spread[0], np.abs(b.value) + spread[1])
        error = error + self._sums(np.abs(a.value), spread[1])

        def at(index: Index, precision: int) -> Exact:
            return self._exact_sums(x, w, value.shape, index, precision)

        return Bounded(value, error * (1 + 1e-9), at)

    def _exact_sums(
        self, x: Number, w: Number, shape: Shape, index: Index, precision: int
    ) -> Exact:
        """Single outputs, each from the exact elements under its window."""
        places = np.arange(prod(x.shape), dtype=np.float64).reshape(x.shape) + 1  # 0 is padding
        out = np.empty(index.shape, object)
        image = np.moveaxis(places, 2, -1)
        flat = image.ndim == 4
        image = image[:, :, None] if flat else image
        kernel_shape = (1, w.shape[3]) if flat else w.shape[3:]
        view = self._windows(image, kernel_shape, flat)
        lanes, rows = w.shape[2], w.shape[1] // self.groups
        for i, place in enumerate(zip(*np.unravel_index(index, shape), strict=True)):
            s, n, o, *spot = (int(p) for p in place)
            if flat:
                spot = [0, *spot]
            group = o // rows
            patch = view[s, n, spot[0], spot[1], :, :, group * lanes : (group + 1) * lanes]
            taps = np.moveaxis(patch, -1, 0).reshape(-1).astype(np.int64)
            real = np.flatnonzero(taps)
            values = x.at(taps[real] - 1, precision)
            weights = w.at(o * prod(w.shape[2:]) + real, precision)
            out[i] = sum(values * weights)
        return out


@once
def filter_unit(x: Exact, w: Exact, rank: int) -> Exact:
    """The unit of a convolution: one a filter, or one for all; x has one."""
    found: Exact = (w.reshape(-1) * x.flat[0]).reshape(1, 1, -1, *(1,) * (rank - 3))
    return found


def by_taps(view: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    """A depthwise convolution: windows [S, N, H, W, KH, KW, C] with [C, KH, KW], tap by tap."""
    out: NDArray[Any] = view[:, :, :, :, 0, 0] * kernel[:, 0, 0]
    part = np.empty_like(out)
    for i, j in np.ndindex(*kernel.shape[1:]):
        if (i, j) != (0, 0):
            np.multiply(view[:, :, :, :, i, j], kernel[:, i, j], out=part)
            out += part
    return out


@dataclass(frozen=True, eq=False)
class MatMul(RealOp):
    """ONNX MatMul: [..., M, K] x [..., K, P]."""

    def shape(self, *inputs: Shape) -> Shape:
        a, b = inputs
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            raise CompileError(f"a product of {list(a)} and {list(b)} does not exist")
        try:
            return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
        except ValueError:
            text = f"the leading axes of {list(a)} and {list(b)} do not broadcast"
            raise CompileError(text) from None

    def run(self, *inputs: Number) -> Number:
        rank = max(len(x.shape) for x in inputs)
        x, w = (raised(n, rank) for n in inputs)
        if isinstance(x, Grid) and isinstance(w, Grid):
            found = self._on_grid(x, w)
            if found is not None:
                return found
        return self._bounded(x, w)

    def _on_grid(self, x: Grid, w: Grid) -> Grid | None:
        lead = tuple(range(x.codes.ndim - 2))
        a = uniform(x, (x.codes.ndim - 1,))
        b = uniform(w, (w.codes.ndim - 2,))
        if a is None or b is None:
            return None
        weight = np.abs(b.codes).max(axis=lead, initial=0.0)
        total = float(weight.sum(axis=0).max(initial=0.0))
        bound = total * a.bound()
        if bound >= FLOAT32_EXACT:
            bound = total * a.magnitude()
        if bound >= FLOAT32_EXACT:
            peak = np.abs(a.codes).max(axis=(*lead, -2), initial=0.0)
            bound = float((peak @ weight).max(initial=0.0))
        if bound >= EXACT:
            return None
        number = np.float32 if bound < FLOAT32_EXACT else np.float64
        codes = a.codes.astype(number) @ b.codes.astype(number)
        return Grid(codes.astype(np.float64), product(a.unit, b.unit), bound)

    def _bounded(self, x: Number, w: Number) -> Bounded:
        a, b = x.bounded(), w.bounded()
        value = a.value @ b.value
        ae, be = np.broadcast_to(a.error, a.shape), np.broadcast_to(b.error, b.shape)
        size = np.abs(a.value) @ np.abs(b.value)
        error = (a.shape[-1] + 2) * ROUNDING * size
        error = error + ae @ (np.abs(b.value) + be) + np.abs(a.value) @ be

        def at(index: Index, precision: int) -> Exact:
            return exact_products(x, w, value.shape, index, precision)

        return Bounded(value, error * (1 + 1e-9), at)


def exact_products(x: Number, w: Number, shape: Shape, index: Index, precision: int) -> Exact:
    """Single elements of a matrix product."""
    rows = np.broadcast_to(places(x.shape), (*shape[:-2], *x.shape[-2:]))
    columns = np.broadcast_to(places(w.shape), (*shape[:-2], *w.shape[-2:]))
    out = np.empty(index.shape, object)
    for i, place in enumerate(zip(*np.unravel_index(index, shape), strict=True)):
        *lead, m, p = place
        left = x.at(rows[(*lead, m)], precision)
        right = w.at(columns[(*lead, slice(None), p)], precision)
        out[i] = sum(left * right)
    return out


def places(shape: Shape) -> Index:
    """Flat indices, in the shape."""
    return np.arange(prod(shape)).reshape(shape)
