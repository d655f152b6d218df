"""Dense: every output is a weighted sum of the last axis, plus a bias."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.ops.blas import matmul, reduction_bound, weighted_reach
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Dense(IntegerOp):
    """Matrix product with constant weights: [..., I] -> [..., O]."""

    weight: Ints  # [O, I]
    bias: Ints  # [O], in units of the accumulator
    weight_bits: tuple[int, ...]  # stored width of each output channel, 0 where it is pruned

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        if x.channels != self.weight.shape[1]:
            raise CompileError(
                f"the weights take {self.weight.shape[1]} inputs, the input has {x.channels}",
                help="flatten the input first",
            )
        representable(self.reach(x))
        positive: Ints = np.maximum(self.weight, 0)
        negative: Ints = np.minimum(self.weight, 0)
        low = positive @ x.lows() + negative @ x.highs() + self.bias
        high = positive @ x.highs() + negative @ x.lows() + self.bias
        return QType.of((*x.shape[:-1], self.weight.shape[0]), low, high)

    def reach(self, *inputs: QType) -> int:
        (x,) = inputs
        return max(weighted_reach(self.weight, self.bias, x.magnitudes()), x.magnitude)

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        magnitude = np.abs(x).max(axis=tuple(range(x.ndim - 1)), initial=0)
        return matmul(x, self.weight.T, reduction_bound(self.weight.T, magnitude)) + self.bias

    def work(self, *inputs: QType) -> Work:
        (x,) = inputs
        out = self.result(x)
        rows, columns = self.weight.shape
        positions = out.size // rows
        multiplies = Counter[tuple[int, int]]()
        for bits in self.weight_bits:
            multiplies[(x.bits, bits)] += positions * columns
        adds = Counter({out.bits: positions * rows * columns})
        return Work(multiplies, adds, columns * sum(self.weight_bits), 32 * rows)
