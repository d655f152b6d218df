"""Mul: the product of two tensors, element by element."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.add import spread
from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.ops.matmul import aligned
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Mul(IntegerOp):
    """`(a - za)·(b - zb)`; shapes broadcast."""

    zero_points: tuple[int, int] = (0, 0)

    def result(self, *inputs: QType) -> QType:
        shape = np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
        representable(self.reach(*inputs))
        (al, ah), (bl, bh) = (spread(x, shape) for x in inputs)
        za, zb = self.zero_points
        ends = [(p - za) * (q - zb) for p in (al, ah) for q in (bl, bh)]
        return QType.of(shape, np.minimum.reduce(ends), np.maximum.reduce(ends))

    def reach(self, *inputs: QType) -> int:
        a, b = (x.magnitude + abs(z) for x, z in zip(inputs, self.zero_points, strict=True))
        return max(a * b, a, b)

    def run(self, *inputs: Ints) -> Ints:
        a, b = aligned(*inputs)
        product: Ints = (a - self.zero_points[0]) * (b - self.zero_points[1])
        return product

    def work(self, *inputs: QType) -> Work:
        out = self.result(*inputs)
        return Work(multiplies=Counter({(inputs[0].bits, inputs[1].bits): out.size}))
