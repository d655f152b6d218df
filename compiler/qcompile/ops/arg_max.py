"""ArgMax: where the largest codes of the last axis are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp, Work
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class ArgMax(IntegerOp):
    """Places of the `count` largest (or smallest) codes, best first: [..., C] -> [..., count].

    Of equal codes the first comes first, or the last where `last` is set (ONNX ArgMax).
    """

    count: int = 1
    largest: bool = True
    last: bool = False

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        return QType.of((*x.shape[:-1], self.count), 0, x.channels - 1)

    def run(self, *inputs: Ints) -> Ints:
        keys = -inputs[0] if self.largest else inputs[0]
        if not self.last:
            first: Ints = np.argsort(keys, axis=-1, kind="stable")[..., : self.count]
            return first
        order = np.argsort(keys[..., ::-1], axis=-1, kind="stable")[..., : self.count]
        places: Ints = keys.shape[-1] - 1 - order
        return places

    def work(self, *inputs: QType) -> Work:
        return Work(adds=Counter({inputs[0].bits: inputs[0].size * self.count}))
