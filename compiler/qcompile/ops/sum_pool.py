"""SumPool: the sum of each window; an average is a sum on a finer grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.ops.blas import padded, windows
from qcompile.ops.max_pool import pooled_shape
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class SumPool(IntegerOp):
    """[N, H, W, C] -> [N, OH, OW, C]; a tap on padding adds `pad_value`.

    An average that does not count padding divides by a number that depends on the place:
    `place_factors` [OH, OW] then holds lcm / count, so that one unit serves the whole image.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    pad_value: int = 0
    place_factors: Ints | None = None

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        representable(self.reach(x))
        low, high = x.low, x.high
        if any(self.pads):
            low, high = np.minimum(low, self.pad_value), np.maximum(high, self.pad_value)
        taps = self.kernel[0] * self.kernel[1]
        ends = [taps * low, taps * high]
        if self.place_factors is not None:
            ends = [
                e * f for e in ends for f in (self.place_factors.min(), self.place_factors.max())
            ]
        shape = pooled_shape(x.shape, self)
        return QType.of(shape, np.minimum.reduce(ends), np.maximum.reduce(ends))

    def reach(self, *inputs: QType) -> int:
        (x,) = inputs
        tap = max(x.magnitude, abs(self.pad_value) if any(self.pads) else 0)
        factor = 1 if self.place_factors is None else int(np.abs(self.place_factors).max())
        return max(self.kernel[0] * self.kernel[1] * tap * factor, factor)

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        full = padded(x, self.pads, self.pad_value)
        total: Ints = windows(full, self.kernel, self.strides, self.dilations).sum(axis=(-3, -2))
        if self.place_factors is not None:
            total = total * self.place_factors[:, :, np.newaxis]
        return total

    def work(self, *inputs: QType) -> Work:
        out = self.result(*inputs)
        return Work(adds=Counter({out.bits: out.size * self.kernel[0] * self.kernel[1]}))
