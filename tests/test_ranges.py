"""Ranges: sums that no 64-bit integer holds are refused; those that one just holds are exact."""

from __future__ import annotations

import numpy as np
import pytest

from qcompile.errors import CompileError
from qcompile.graph import Graph
from qcompile.ops import (
    Add,
    Conv,
    Dense,
    Input,
    IntegerOp,
    MatMul,
    Mul,
    RoundedSumPool,
    SumPool,
)
from qcompile.qtype import QType, Shape

LARGEST = 2**63 - 1


def built(op: IntegerOp, *inputs: tuple[Shape, int]) -> QType:
    """The type of `op` on inputs of these shapes whose codes reach from -n to n."""
    graph = Graph()
    names = [
        graph.add(f"x{i}", Input(QType.of(shape, -n, n))) for i, (shape, n) in enumerate(inputs)
    ]
    found = graph[graph.add("y", op, *names, origin="/net/op")].type
    assert isinstance(found, QType)
    return found


ONE = np.array([0], np.int64)
IMAGE = (1, 2, 2, 1)
FACTORS = np.array([[2**30]])

TOO_WIDE: tuple[tuple[IntegerOp, tuple[tuple[Shape, int], ...], int], ...] = (
    (Dense(np.array([[2**31, 2**31]]), ONE, (33,)), (((2,), 2**31),), 65),
    (Dense(np.array([[1]]), np.array([LARGEST]), (2,)), (((1,), 1),), 65),
    (Conv(np.full((1, 2, 2, 1), 2**31), ONE, (33,)), ((IMAGE, 2**31),), 66),
    (Conv(np.ones((1, 1, 1, 1), np.int64), ONE, (2,), pads=(1,) * 4, pad_value=2**63),
     ((IMAGE, 5),), 65),
    (MatMul(), (((2, 4), 2**31), ((4, 2), 2**31)), 66),
    (MatMul((2**40, 0)), (((2, 4), 1), ((4, 2), 2**31)), 75),
    (Mul(), (((3,), 2**32), ((3,), 2**32)), 66),
    (Add((2**40, 1)), (((3,), 2**30), ((3,), 1)), 72),
    (Add((1, 1), LARGEST), (((3,), 1), ((3,), 1)), 65),
    (SumPool((2, 2), (1, 1)), ((IMAGE, 2**61),), 65),
    (SumPool((2, 2), (1, 1), place_factors=FACTORS), ((IMAGE, 2**40),), 74),
)  # fmt: skip


@pytest.mark.parametrize(("op", "inputs", "bits"), TOO_WIDE)
def test_sums_that_do_not_fit(
    op: IntegerOp, inputs: tuple[tuple[Shape, int], ...], bits: int
) -> None:
    with pytest.raises(CompileError) as caught:
        built(op, *inputs)
    assert str(caught.value).splitlines() == [
        f"error: its sums take {bits} bits, of 64 that there are",
        "   at: /net/op",
        " help: use narrower weights and activations, or scales that are closer to each other",
    ]


def test_sums_that_just_fit() -> None:
    half = 2**31
    dense = built(Dense(np.array([[half, half]]), np.array([-1]), (33,)), ((2,), half - 1))
    assert (dense.minimum, dense.maximum) == (-2 * half * (half - 1) - 1, 2 * half * (half - 1) - 1)
    added = built(Add((1, 2), 5), ((3,), 2**62), ((3,), 2**60))
    assert (added.minimum, added.maximum) == (-(2**62) - 2**61 + 5, 2**62 + 2**61 + 5)
    product = built(Mul(), ((3,), 2**31), ((3,), 2**31))
    assert (product.minimum, product.maximum) == (-(2**62), 2**62)


def test_float32_sums_stay_within_a_double() -> None:
    """`rounded` finds leading bits through float64."""
    pool = RoundedSumPool(2**24 - 1, 0, (2, 2), (1, 1))
    assert built(pool, (IMAGE, 2**25)).bits <= 53
    with pytest.raises(CompileError, match="its sums take 55 bits, of 53 that there are"):
        built(pool, (IMAGE, 2**27))
