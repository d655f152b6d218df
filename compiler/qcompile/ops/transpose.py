"""Transpose: the axes in another order."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Transpose(IntegerOp):
    """Axis i of the result is axis `axes[i]` of the input."""

    axes: tuple[int, ...]

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        shape = tuple(x.shape[a] for a in self.axes)
        if not self.axes or self.axes[-1] == len(self.axes) - 1:
            return QType.of(shape, x.low, x.high)
        return QType.of(shape, x.minimum, x.maximum)

    def run(self, *inputs: Ints) -> Ints:
        return inputs[0].transpose(0, *(a + 1 for a in self.axes))
