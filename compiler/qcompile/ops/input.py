"""Input: codes that arrive from outside."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Input(IntegerOp):
    """An input of the network, with the grid that was declared or read for it."""

    type: QType

    def result(self, *inputs: QType) -> QType:
        return self.type

    def run(self, *inputs: Ints) -> Ints:
        raise AssertionError("the simulator feeds inputs")
