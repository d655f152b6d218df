"""Constant: a tensor of fixed integers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.ops.base import IntegerOp, Work
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Constant(IntegerOp):
    """The same integers for every sample; `value` is int64 [*shape]."""

    value: Ints

    def result(self, *inputs: QType) -> QType:
        rows = self.value.reshape(-1, self.value.shape[-1] if self.value.ndim else 1)
        return QType.of(self.value.shape, rows.min(axis=0), rows.max(axis=0))

    def run(self, *inputs: Ints) -> Ints:
        return self.value[np.newaxis]

    def work(self, *inputs: QType) -> Work:
        return Work(Counter(), Counter(), constant_bits=self.value.size * self.result().bits)
