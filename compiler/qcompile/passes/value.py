"""A tensor on its way from the graph of reals to the integer graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompile import semantics as real
from qcompile.passes.expression import Expr, Fixed
from qcompile.qtype import Shape
from qcompile.semantics.interval import Exact
from qcompile.semantics.movement import slim
from qcompile.semantics.number import Bounded, Grid, Index, Number, raised

CHANNELS_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
"""Stored order of what ONNX calls [N, C, W] and [N, C, H, W]."""


@dataclass(frozen=True, eq=False)
class Value:
    """What a node of the graph of reals is: an expression over integer tensors.

    Everything in `expr` is in stored order: stored axis i is axis `axes[i]` of the ONNX tensor.
    """

    expr: Expr
    shape: Shape  # of the ONNX tensor
    axes: tuple[int, ...]

    @property
    def stored(self) -> Shape:
        return tuple(self.shape[a] for a in self.axes)

    @property
    def is_constant(self) -> bool:
        return isinstance(self.expr, Fixed)


def identity(rank: int) -> tuple[int, ...]:
    return tuple(range(rank))


def same_memory(shape: Shape, order: tuple[int, ...]) -> bool:
    """Whether permuting `shape` to `order` leaves the elements in their row-major order."""
    moved = [a for a in order if shape[a] > 1]
    return moved == sorted(moved)


def number_in(number: Number, axes: tuple[int, ...]) -> Number:
    """A constant number of an ONNX tensor's rank, permuted to a stored order."""
    full = raised(number, len(axes) + 1)
    return real.Transpose(axes).run(full) if axes != identity(len(axes)) else full


def moved_array(array: Exact, shape: Shape, move: Callable[[Any], Any]) -> Exact:
    """Per-element Fractions after a movement; `array` broadcasts to `shape`, no sample axis."""
    if array.size == 1:
        rank = move(np.empty((1, *shape), np.int8)).ndim - 1
        return array.reshape((1,) * rank)
    moved: Exact = slim(move(np.broadcast_to(array, shape)[np.newaxis]))
    return moved.reshape(moved.shape[1:])


def moved_number(number: Number, shape: Shape, move: Callable[[Any], Any]) -> Number:
    """A constant operand after a movement of the tensor, of stored `shape`, that it belongs to."""
    probe = move(np.empty((1, *shape), np.int8))
    if all(s == 1 for s in number.shape):
        if isinstance(number, Grid):
            ones = (1,) * probe.ndim
            return Grid(number.codes.reshape(ones), number.unit.reshape(ones))
        return real.Reshape((1,) * (probe.ndim - 1)).run(number)

    source = np.arange(int(np.prod(number.shape))).reshape(number.shape)
    places = move(np.broadcast_to(source, (1, *shape)))
    for axis in range(places.ndim):
        first = np.take(places, [0], axis=axis)
        places = first if np.all(places == first) else places
    if isinstance(number, Grid):
        unit = np.broadcast_to(number.unit, number.shape).reshape(-1)[places]
        return thin(Grid(number.codes.reshape(-1)[places], unit))
    error = np.broadcast_to(number.error, number.shape).reshape(-1)[places]

    def at(index: Index, precision: int) -> Exact:
        return number.at(places.reshape(-1)[index], precision)

    return Bounded(number.value.reshape(-1)[places], error, at)


def thin(grid: Grid) -> Grid:
    """Without repetition along axes where nothing changes."""
    codes, unit = grid.codes, np.broadcast_to(grid.unit, grid.shape)
    for axis in range(codes.ndim):
        first, first_unit = np.take(codes, [0], axis=axis), np.take(unit, [0], axis=axis)
        if codes.shape[axis] > 1 and np.all(codes == first) and np.all(unit == first_unit):
            codes, unit = first, first_unit
    return Grid(codes, slim(unit))
