"""Add: a weighted sum of tensors on one grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.ops.matmul import aligned
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Add(IntegerOp):
    """`m0·a + m1·b + constant`, exact; shapes broadcast.

    The multipliers bring two grids to their common one; Sub has a negative multiplier.
    """

    multipliers: tuple[int, int]
    constant: int = 0

    def result(self, *inputs: QType) -> QType:
        a, b = inputs
        shape = np.broadcast_shapes(a.shape, b.shape)
        representable(self.reach(a, b))
        low = np.full(1, self.constant, np.int64)
        high = low
        for m, x in zip(self.multipliers, (a, b), strict=True):
            lows, highs = spread(x, shape)
            low = low + np.minimum(m * lows, m * highs)
            high = high + np.maximum(m * lows, m * highs)
        return QType.of(shape, low, high)

    def reach(self, *inputs: QType) -> int:
        sizes = [x.magnitude for x in inputs]
        terms = [abs(m) * s for m, s in zip(self.multipliers, sizes, strict=True)]
        return max(sum(terms) + abs(self.constant), *sizes, *map(abs, self.multipliers))

    def run(self, *inputs: Ints) -> Ints:
        a, b = aligned(*inputs)
        total: Ints = self.multipliers[0] * a + self.multipliers[1] * b + self.constant
        return total

    def work(self, *inputs: QType) -> Work:
        out = self.result(*inputs)
        return Work(adds=Counter({out.bits: out.size}))


def spread(x: QType, shape: tuple[int, ...]) -> tuple[Ints, Ints]:
    """The ranges of `x` for each channel of a broadcast `shape`."""
    channels = shape[-1] if shape else 1
    if x.channels == channels:
        return x.lows(), x.highs()
    return np.full(channels, x.minimum), np.full(channels, x.maximum)
