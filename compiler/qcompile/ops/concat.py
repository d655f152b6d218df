"""Concat: tensors one after the other along an axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType, Shape


@dataclass(frozen=True, eq=False)
class Concat(IntegerOp):
    """Joins along `axis` (0 or more, of the tensor's own axes); all codes are on one grid."""

    axis: int

    def result(self, *inputs: QType) -> QType:
        first = inputs[0].shape
        for x in inputs:
            if self._rest(x.shape) != self._rest(first):
                raise CompileError(f"shapes {list(first)} and {list(x.shape)} do not join")
        size = sum(x.shape[self.axis] for x in inputs)
        shape = (*first[: self.axis], size, *first[self.axis + 1 :])
        if self.axis == len(first) - 1:
            low = np.concatenate([x.lows() for x in inputs])
            return QType.of(shape, low, np.concatenate([x.highs() for x in inputs]))
        low = np.minimum.reduce([x.lows() for x in inputs])
        return QType.of(shape, low, np.maximum.reduce([x.highs() for x in inputs]))

    def _rest(self, shape: Shape) -> Shape:
        """The shape with the joined axis left open."""
        return (*shape[: self.axis], -1, *shape[self.axis + 1 :])

    def run(self, *inputs: Ints) -> Ints:
        samples = max(x.shape[0] for x in inputs)
        parts = [np.broadcast_to(x, (samples, *x.shape[1:])) for x in inputs]
        return np.concatenate(parts, axis=self.axis + 1)
