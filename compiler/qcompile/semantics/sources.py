"""Input and Constant: where values come from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.qtype import Shape
from qcompile.semantics.base import RealOp
from qcompile.semantics.number import Number, constant


@dataclass(frozen=True)
class InputGrid:
    """What may arrive at an input: real = unit·(code - zero_point), low <= code <= high."""

    unit: Fraction
    zero_point: Fraction
    low: int
    high: int
    assumed: bool = False  # nobody said so: integers outside may come in a simulation


@dataclass(frozen=True, eq=False)
class Input(RealOp):
    """An input of the graph. `grid` is None for reals that a quantizer must round first."""

    declared: Shape
    dtype: np.dtype[Any]  # as ONNX declares it
    grid: InputGrid | None = None
    batched: bool = False  # the declared first axis was symbolic, or 1: a batch of samples

    def shape(self, *inputs: Shape) -> Shape:
        return self.declared

    def run(self, *inputs: Number) -> Number:
        raise AssertionError("the evaluator feeds inputs")


@dataclass(frozen=True, eq=False)
class Constant(RealOp):
    """A stored array; what it means is exactly its numbers."""

    value: NDArray[Any]

    def shape(self, *inputs: Shape) -> Shape:
        return self.value.shape

    def run(self, *inputs: Number) -> Number:
        return constant(self.value)


@dataclass(frozen=True, eq=False)
class Levels:
    """Between which values a quantizer lets a tensor be; `bipolar`: only these two."""

    low: Number
    high: Number
    bipolar: bool = False


@dataclass(frozen=True, eq=False)
class Known(RealOp):
    """A constant that was computed from stored ones, exactly: what folding leaves behind."""

    number: Number
    levels: Levels | None = None

    def shape(self, *inputs: Shape) -> Shape:
        return self.number.shape[1:]

    def run(self, *inputs: Number) -> Number:
        return self.number
