"""Transpose, Reshape, Concat, Gather, Pad: elements change places, not values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.semantics.base import RealOp
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Bounded, Grid, Index, Number, rescaled
from qcompile.semantics.once import once
from qcompile.semantics.units import common_unit


class Movement(RealOp):
    """An op of one input whose result holds elements of it."""

    def move(self, array: NDArray[Any]) -> NDArray[Any]:
        """The op on any array [samples, *shape]."""
        raise NotImplementedError

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        if isinstance(x, Grid):
            return Grid(self.move(x.codes), moved_unit(self, x.unit, x.shape[1:]), x.most)
        value = self.move(x.value)
        if x.error.size == 1:
            error = x.error.reshape((1,) * value.ndim)
        else:
            error = self.move(np.broadcast_to(x.error, x.shape))
        return Bounded(value, error, moved_from(x, self), x.most)


@once
def moved_unit(op: Movement, unit: Exact, shape: Shape) -> Exact:
    """The unit of a moved tensor; places are moved instead of Fractions, which are slow."""
    if unit.size == 1:
        return unit.reshape((1,) * (len(op.shape(shape)) + 1))
    distinct: dict[Any, int] = {}
    first = [distinct.setdefault(u, i) for i, u in enumerate(unit.flat)]
    source = np.broadcast_to(np.array(first).reshape(unit.shape), (1, *shape))
    found: Exact = unit.reshape(-1)[slim(op.move(source))]
    return found


def places(shape: Shape) -> Index:
    """The flat index of each element, at its place."""
    return np.arange(prod(shape)).reshape(shape)


def moved_from(x: Number, op: Movement) -> Any:
    """Exact elements of a moved tensor: those at the places that move there."""

    def at(index: Index, precision: int) -> Exact:
        return x.at(op.move(places(x.shape)).reshape(-1)[index], precision)

    return at


def slim(unit: NDArray[Any]) -> NDArray[Any]:
    """Axes along which nothing changes, reduced to length 1, so that units stay few."""
    for axis in range(unit.ndim):
        first = np.take(unit, [0], axis=axis)
        if unit.shape[axis] > 1 and np.all(unit == first):
            unit = first
    return unit


@dataclass(frozen=True, eq=False)
class Transpose(Movement):
    """Axis i of the result is axis `axes[i]` of the input."""

    axes: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if sorted(self.axes) != list(range(len(x))):
            raise CompileError(f"{list(self.axes)} does not permute the axes of {list(x)}")
        return tuple(x[a] for a in self.axes)

    def move(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.transpose(0, *(a + 1 for a in self.axes))


@dataclass(frozen=True, eq=False)
class Reshape(Movement):
    """The same elements in row-major order, as `to`."""

    to: Shape

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if prod(x) != prod(self.to):
            raise CompileError(f"{list(x)} has {prod(x)} elements, {list(self.to)} {prod(self.to)}")
        return self.to

    def move(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.reshape(array.shape[0], *self.to)


@dataclass(frozen=True, eq=False)
class Gather(Movement):
    """Place i along `axis` is place `indices[i]` of the input: slices, splits, nearest resizing."""

    axis: int
    indices: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if self.indices and not 0 <= min(self.indices) <= max(self.indices) < x[self.axis]:
            raise CompileError(f"an index is outside axis {self.axis} of {list(x)}")
        return (*x[: self.axis], len(self.indices), *x[self.axis + 1 :])

    def move(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.take(array, self.indices, axis=self.axis + 1)


@dataclass(frozen=True, eq=False)
class Pad(RealOp):
    """A border of one value; negative pads cut, and are not accepted."""

    pads: tuple[tuple[int, int], ...]  # (before, after) of each axis
    value: Fraction

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        if any(p < 0 for pair in self.pads for p in pair):
            raise CompileError("negative pads are not supported", help="use Slice to cut")
        return tuple(s + a + b for s, (a, b) in zip(x, self.pads, strict=True))

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        widths = ((0, 0), *self.pads)
        if isinstance(x, Grid):
            found = self._on_grid(x, widths)
            if found is not None:
                return found
        b = x.bounded()
        source = np.pad(places(x.shape), widths, constant_values=-1)
        value = np.pad(b.value, widths, constant_values=float(self.value))
        border = abs(float(self.value)) * 2.0**-52
        error = np.pad(np.broadcast_to(b.error, b.shape), widths, constant_values=border)

        def at(index: Index, precision: int) -> Exact:
            chosen = source.reshape(-1)[index]
            out = np.full(index.shape, self.value, object)
            out[chosen >= 0] = x.at(chosen[chosen >= 0], precision)
            return out

        return Bounded(value, error, at)

    def _on_grid(self, x: Grid, widths: tuple[tuple[int, int], ...]) -> Grid | None:
        unit = x.unit
        if self.value:
            border = np.full((1,) * unit.ndim, self.value, object)
            unit = common_unit(np.abs(unit), border)
        fine = rescaled(x, unit)
        if fine is None:
            return None
        if unit.size == 1:
            level = float(self.value / unit.flat[0])
            return Grid(np.pad(fine.codes, widths, constant_values=level), unit)
        # Units that differ: bring all to one, so that the border has it too.
        whole = np.full((1,) * unit.ndim, common_unit.reduce(np.ravel(unit)), object)
        again = rescaled(fine, whole)
        if again is None:
            return None
        level = float(self.value / whole.flat[0])
        return Grid(np.pad(again.codes, widths, constant_values=level), whole)


@dataclass(frozen=True, eq=False)
class Concat(RealOp):
    """Tensors one after the other along `axis`."""

    axis: int

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        for x in inputs:
            if len(x) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(x, first, strict=True)) if i != self.axis
            ):
                raise CompileError(f"the shapes {list(first)} and {list(x)} do not join")
        total = sum(x[self.axis] for x in inputs)
        return (*first[: self.axis], total, *first[self.axis + 1 :])

    def run(self, *inputs: Number) -> Number:
        samples = max(x.shape[0] for x in inputs)
        axis = self.axis + 1

        def join(arrays: list[NDArray[Any]]) -> NDArray[Any]:
            spread = [np.broadcast_to(a, (samples, *a.shape[1:])) for a in arrays]
            return np.concatenate(spread, axis=axis)

        if all(isinstance(x, Grid) for x in inputs):
            grids = [x for x in inputs if isinstance(x, Grid)]
            units = [np.broadcast_to(g.unit, (1, *g.shape[1:])) for g in grids]
            return Grid(join([g.codes for g in grids]), slim(np.concatenate(units, axis=axis)))
        parts = [x.bounded() for x in inputs]
        errors = [np.broadcast_to(p.error, p.shape) for p in parts]
        owner = join([np.full(p.shape, i) for i, p in enumerate(parts)]).reshape(-1)
        source = join([places(p.shape) for p in parts]).reshape(-1)

        def at(index: Index, precision: int) -> Exact:
            out = np.empty(index.shape, object)
            for i, x in enumerate(inputs):
                mine = owner[index] == i
                out[mine] = x.at(source[index][mine], precision)
            return out

        return Bounded(join([p.value for p in parts]), join(errors), at)
