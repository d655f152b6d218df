"""Gather: chosen places along an axis; slices, splits, strides and nearest resizing are this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Gather(IntegerOp):
    """Output place i along `axis` is input place `indices[i]`."""

    axis: int
    indices: tuple[int, ...]

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        shape = (*x.shape[: self.axis], len(self.indices), *x.shape[self.axis + 1 :])
        if self.axis == len(x.shape) - 1:
            chosen = list(self.indices)
            return QType.of(shape, x.lows()[chosen], x.highs()[chosen])
        return QType.of(shape, x.low, x.high)

    def run(self, *inputs: Ints) -> Ints:
        return np.take(inputs[0], self.indices, axis=self.axis + 1)
