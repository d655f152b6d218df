"""MatMul: the product of two tensors that both arrive at run time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.ops import blas
from qcompile.ops.base import IntegerOp, Work, representable
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class MatMul(IntegerOp):
    """[..., M, K] x [..., K, P] -> [..., M, P]; codes count from their zero points."""

    zero_points: tuple[int, int] = (0, 0)

    def result(self, *inputs: QType) -> QType:
        a, b = inputs
        if len(a.shape) < 2 or len(b.shape) < 2 or a.shape[-1] != b.shape[-2]:
            raise CompileError(f"a product of {a} and {b} does not exist")
        representable(self.reach(a, b))
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        za, zb = self.zero_points
        ends = [(p - za) * (q - zb) for p in (a.minimum, a.maximum) for q in (b.minimum, b.maximum)]
        k = a.shape[-1]
        shape = (*lead, a.shape[-2], b.shape[-1])
        return QType.of(shape, k * min(ends), k * max(ends))

    def reach(self, *inputs: QType) -> int:
        a, b = (x.magnitude + abs(z) for x, z in zip(inputs, self.zero_points, strict=True))
        return max(inputs[0].channels * a * b, a, b)

    def run(self, *inputs: Ints) -> Ints:
        a, b = (x - z for x, z in zip(inputs, self.zero_points, strict=True))
        a, b = aligned(a, b)
        bound = int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0)) * a.shape[-1]
        return blas.matmul(a, b, bound)

    def work(self, *inputs: QType) -> Work:
        a, b = inputs
        out = self.result(a, b)
        macs = out.size * a.shape[-1]
        return Work(Counter({(a.bits, b.bits): macs}), Counter({out.bits: macs}))


def aligned(a: Ints, b: Ints) -> tuple[Ints, Ints]:
    """Both with as many axes after the one of samples, as ONNX broadcasts them."""
    rank = max(a.ndim, b.ndim)
    return (
        a.reshape(a.shape[0], *(1,) * (rank - a.ndim), *a.shape[1:]),
        b.reshape(b.shape[0], *(1,) * (rank - b.ndim), *b.shape[1:]),
    )
