"""Pad: a border of one code around a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Pad(IntegerOp):
    """`pads` holds (before, after) for each axis of the tensor; none is negative."""

    pads: tuple[tuple[int, int], ...]
    value: int

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        shape = tuple(s + a + b for s, (a, b) in zip(x.shape, self.pads, strict=True))
        low, high = x.lows(), x.highs()
        before, after = self.pads[-1]
        if any(a or b for a, b in self.pads[:-1]):
            low, high = np.minimum(low, self.value), np.maximum(high, self.value)
        low = np.pad(low, (before, after), constant_values=self.value)
        return QType.of(shape, low, np.pad(high, (before, after), constant_values=self.value))

    def run(self, *inputs: Ints) -> Ints:
        return np.pad(inputs[0], ((0, 0), *self.pads), constant_values=self.value)
