"""RoundedSumPool: window sums rounded to 24 bits at each step, as float32 adds them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.ops.blas import padded, windows
from qcompile.ops.max_pool import pooled_shape
from qcompile.qtype import Ints, QType

MANTISSA = 24  # bits of a float32's significand
DOUBLE = (1 << 52) - 1  # what `rounded` finds the leading bits of


@dataclass(frozen=True, eq=False)
class RoundedSumPool(IntegerOp):
    """[N, H, W, C] -> [N, OH, OW, C]: s = r(s + r(multiplier·(x - zero_point))), tap after tap.

    r rounds to 24 significant bits, ties to even: with `multiplier` the mantissa of a float32
    scale, this is what a float32 accumulator holds, in units of the scale's last place. Taps go
    row by row; padding adds nothing.
    """

    multiplier: int
    zero_point: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        representable(self.reach(x), DOUBLE)
        return QType.of(pooled_shape(x.shape, self), *self._ends(x))

    def reach(self, *inputs: QType) -> int:
        (x,) = inputs
        return max(*map(abs, self._ends(x)), x.magnitude + abs(self.zero_point))

    def _ends(self, x: QType) -> tuple[int, int]:
        """Bounds of all partial sums, 0 included."""
        taps = self.kernel[0] * self.kernel[1]
        terms = [self.multiplier * (end - self.zero_point) for end in (x.minimum, x.maximum)]
        # Each rounding moves a sum by at most one part in 2^24.
        sums = [taps * t + (taps * t * (taps + 1) >> MANTISSA) for t in terms]
        return min(0, *sums) - 1, max(0, *sums) + 1

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        full = padded(x, self.pads, self.zero_point)
        view = windows(full, self.kernel, self.strides, self.dilations)
        total = np.zeros(view.shape[:-3] + view.shape[-1:], np.int64)
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                term = rounded(self.multiplier * (view[..., i, j, :] - self.zero_point))
                total = rounded(total + term)
        return total

    def work(self, *inputs: QType) -> Work:
        out = self.result(*inputs)
        return Work(adds=Counter({out.bits: out.size * self.kernel[0] * self.kernel[1]}))


def rounded(values: Ints) -> Ints:
    """Each integer with its 24 leading bits, ties to even; |values| < 2^52."""
    _, exponent = np.frexp(values.astype(np.float64))
    drop = np.maximum(exponent - MANTISSA, 0)
    down = values >> drop
    twice = (values - (down << drop)) * 2
    one = np.int64(1) << drop
    up = (twice > one) | ((twice == one) & (down & 1 == 1))
    out: Ints = (down + up) << drop
    return out
