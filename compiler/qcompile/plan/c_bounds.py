"""How large sums can become on the way: what chooses the type of an accumulator."""

from __future__ import annotations

from math import prod

import numpy as np

from qcompile.ops import Add, Conv, Dense, MatMul, Mul, RoundedSumPool, SumPool
from qcompile.ops.base import IntegerOp
from qcompile.qtype import Ints, QType


def sum_bound(op: IntegerOp, inputs: tuple[QType, ...]) -> int:
    """The most that the magnitudes of the terms of one sum of `op` add up to.

    Partial sums in any order, and each operand on its own, stay within it.
    """
    reach = [max(abs(x.minimum), abs(x.maximum)) for x in inputs]
    match op:
        case Dense():
            return max(_weighted(np.abs(op.weight), op.bias, _magnitudes(inputs[0])), reach[0])
        case Conv():
            pad = abs(op.pad_value) if any(op.pads) else 0
            groups = np.maximum(_magnitudes(inputs[0]), pad).reshape(op.groups, -1)
            rows = np.repeat(groups, len(op.weight) // op.groups, axis=0)
            return max(_weighted(np.abs(op.weight).sum(axis=(1, 2)), op.bias, rows), reach[0], pad)
        case Add():
            terms = [abs(m) * r for m, r in zip(op.multipliers, reach, strict=True)]
            return max(sum(terms) + abs(op.constant), *reach, *map(abs, op.multipliers))
        case Mul() | MatMul():
            depth = inputs[0].shape[-1] if isinstance(op, MatMul) else 1
            a, b = (r + abs(z) for r, z in zip(reach, op.zero_points, strict=True))
            return max(depth * a * b, a, b)
        case SumPool():
            tap = max(reach[0], abs(op.pad_value) if any(op.pads) else 0)
            factor = 1 if op.place_factors is None else int(np.abs(op.place_factors).max())
            return max(prod(op.kernel) * tap * factor, factor)
        case RoundedSumPool():
            out = op.result(inputs[0])  # all partial sums have the sign and the bound of the ends
            return max(-out.minimum, out.maximum, reach[0])
        case _:
            return reach[0]


def _magnitudes(x: QType) -> Ints:
    """The largest |code| of each channel."""
    return np.maximum(np.abs(x.lows()), np.abs(x.highs()))


def _weighted(weights: Ints, bias: Ints, reach: Ints) -> int:
    """The largest |bias| + sum of weights times reach; weights [O, I], reach [I] or [O, I]."""
    top = int(weights.max(initial=0)) * int(reach.max(initial=0)) * weights.shape[1]
    number = np.int64 if top < 2**62 else object  # Python's integers have no end
    sums = (weights.astype(number) * reach.astype(number)).sum(axis=1)
    return max((int(s) + abs(int(b)) for s, b in zip(sums, bias, strict=True)), default=0)
