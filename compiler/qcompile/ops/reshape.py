"""Reshape: the same elements in the same order, under another shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType, Shape


@dataclass(frozen=True, eq=False)
class Reshape(IntegerOp):
    """`shape` has as many elements as the input."""

    shape: Shape

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        if x.low.size == 1:
            return QType.of(self.shape, x.low, x.high)
        low = self._channels(np.broadcast_to(x.low, x.shape), np.minimum)
        return QType.of(
            self.shape, low, self._channels(np.broadcast_to(x.high, x.shape), np.maximum)
        )

    def _channels(self, ends: Ints, join: np.ufunc) -> Ints:
        """What each channel of the new last axis holds of the old ranges."""
        rows = ends.reshape(-1, self.shape[-1] if self.shape else 1)
        merged: Ints = join.reduce(rows, axis=0)
        return merged

    def run(self, *inputs: Ints) -> Ints:
        return inputs[0].reshape(inputs[0].shape[0], *self.shape)
