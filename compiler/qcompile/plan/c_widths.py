"""The widths with which weights are executed: those whose kernels are worth their code."""

from __future__ import annotations

from collections import Counter

from qcompile.graph import Graph
from qcompile.ops import Conv, Dense
from qcompile.plan.tiles import EXECUTED, QUAD
from qcompile.qtype import QType
from qcompile.rtl import Isa

WORTH = 2048  # products of a width in an inference: its kernels are a kilobyte and more


def executed(graph: Graph, isa: Isa) -> tuple[int, ...]:
    """For all layers of a network; 8 bits always."""
    if isa is not Isa.RV32IMC:
        return EXECUTED
    products: Counter[int] = Counter()
    for node in graph:
        if isinstance(node.op, Conv | Dense) and isinstance(node.type, QType):
            outputs, taps = node.op.weight.shape[0], int(node.op.weight[0].size)
            pixels = node.type.size // outputs
            for first in range(0, outputs, QUAD):
                bits = node.op.weight_bits[first : first + QUAD]
                products[max(bits)] += pixels * taps * len(bits) * (min(bits) == max(bits))
    return tuple(b for b in EXECUTED if b == 8 or products[b] >= WORTH)
