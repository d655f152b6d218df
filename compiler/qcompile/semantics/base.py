"""Ops on reals: what an ONNX graph means, before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.ops.base import Op
from qcompile.qtype import Real, Shape, TensorType
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Bounded, Grid, Index, Number, pull, raised
from qcompile.semantics.units import Floats

Signs = NDArray[np.int8]


class RealOp(Op):
    """An op of the graph as read: its shapes, and its meaning on certified numbers."""

    def infer(self, *inputs: TensorType) -> Real:
        assert all(isinstance(t, Real) for t in inputs), "an integer tensor in a graph of reals"
        return Real(self.shape(*(t.shape for t in inputs)))

    def shape(self, *inputs: Shape) -> Shape:
        """The shape of the result; raises CompileError where the inputs do not fit."""
        raise NotImplementedError

    def run(self, *inputs: Number) -> Number:
        """The result for a batch of samples, certified."""
        raise NotImplementedError


class Elementwise(RealOp):
    """A function of elements at the same place; shapes broadcast as in ONNX."""

    def shape(self, *inputs: Shape) -> Shape:
        try:
            return np.broadcast_shapes(*inputs)
        except ValueError:
            shapes = " and ".join(str(list(s)) for s in inputs)
            raise CompileError(f"the shapes {shapes} do not broadcast") from None

    def run(self, *inputs: Number) -> Number:
        rank = max(len(x.shape) for x in inputs)
        aligned = tuple(raised(x, rank) for x in inputs)
        grids = [x for x in aligned if isinstance(x, Grid)]
        if len(grids) == len(aligned):
            found = self.on_grid(*grids)
            if found is not None:
                return found
        bounded = [x.bounded() for x in aligned]
        value, error = self.on_floats(*bounded)
        most = self.most(*bounded)
        return Bounded(value, error, lazily(self.on_exact, aligned, value.shape), most)

    def on_grid(self, *inputs: Grid) -> Grid | None:
        """The exact result, or None where float64 cannot hold it."""
        return None

    def on_floats(self, *inputs: Bounded) -> tuple[Floats, Floats]:
        """Value and error bound."""
        raise NotImplementedError

    def most(self, *inputs: Bounded) -> float | None:
        """A bound of |value|, where that of the inputs gives one."""
        return None

    def on_exact(self, precision: int, *inputs: Any) -> Any:
        """The function of single exact numbers (Fraction or Interval)."""
        raise NotImplementedError

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        """How the result moves when one thing that the inputs depend on grows: 1, -1, 0 = not.

        `moves` says the same of the inputs (0 for constants, whose values are in `inputs`). None
        where the result is not monotone, or nobody knows. Arrays broadcast like the inputs.
        """
        return None


def lazily(
    function: Callable[..., Any], inputs: tuple[Number, ...], shape: tuple[int, ...]
) -> Callable[[Index, int], Exact]:
    """The exact elements of an elementwise result, found from those of its inputs."""

    def at(index: Index, precision: int) -> Exact:
        operands = [x.at(pull(index, shape, x.shape), precision) for x in inputs]
        out = np.empty(index.shape, object)
        for i, values in enumerate(zip(*operands, strict=True)):
            out[i] = function(precision, *values)
        return out

    return at
