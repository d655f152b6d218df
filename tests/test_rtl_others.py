"""All but weighted sums in RTL: every bit, and every cycle of every word on every stream."""

from __future__ import annotations

import numpy as np
import pytest

from builder import Builder, Case
from cases import cases, form, reached
from hls_models import merged
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Conv,
    Dense,
    Gather,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Requant,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.plan.dataflow import plan_dataflow
from qcompile.plan.processes import Requantize
from rtl_models import check


def others() -> list[Case]:
    """The cases without weighted sums."""
    return [
        case
        for case in cases()
        if not any(isinstance(node.op, Conv | Dense) for node in case.model.graph)
    ]


@pytest.mark.parametrize("target", [None, 1, 10**9])
def test_every_op(target: int | None) -> None:
    """From everything at once to one element a cycle, all words of odd widths and lanes."""
    case = merged("ops", others())
    check(case, plan_dataflow(case.model, target), seed=target or 0)


def random_requantizers(seed: int) -> Case:
    """Channels of random forms and ranges, then one form for all channels."""
    b = Builder(f"requant{seed}", seed)
    draw = b.random.integers
    channels = int(draw(1, 15))
    x = b.input((int(draw(1, 4)), channels), int(draw(1, 15)), bool(draw(0, 2)), seed % 2 == 0)
    first = b.requant(x, int(draw(1, 9)), bool(draw(0, 2)))
    source = b.type(first)
    same = form(b.random, source.minimum, source.maximum, -8, 7, seed)
    low, high = reached(same, source.minimum, source.maximum)
    again = b.add(Requant((same,), np.array([low]), np.array([high])), first)
    return b.case(first, again)


def shifted(seed: int) -> Case:
    """Multiply-shifts of every kind of lane: its shifts alike, or not; halves to even, or not."""
    b = Builder(f"shifted{seed}", seed)
    draw = b.random.integers
    channels = 12
    x = b.input((2, 5, channels), int(draw(2, 12)))
    forms = []
    for c in range(channels):
        even = bool(draw(0, 2)) and seed % 2 == 0
        shift = int(draw(1, 9)) if c % 4 or seed % 3 else 4
        multiplier = int(draw(-9, 10)) if seed % 4 else (-1) ** c << int(draw(0, 3))
        kind = Arithmetic.EVEN if even else Arithmetic.WORD
        low, high = sorted(int(v) for v in draw(-40, 40, 2))
        forms.append(Scale(kind, multiplier, int(draw(-99, 99)), shift, low, high))
    ends = np.array([f.ends() for f in forms])
    return b.case(b.add(Requant(tuple(forms), ends[:, 0], ends[:, 1]), x))


@pytest.mark.parametrize("target", [1, 7, 12])
def test_requantizers(target: int) -> None:
    """Several forms in one layer, in one lane, and alone, with one row of constants or several."""
    parts = [random_requantizers(s) for s in range(12)] + [shifted(s) for s in range(6)]
    case = merged("requantizers", parts)
    plan = plan_dataflow(case.model, target)
    check(case, plan, seed=target)


def test_requantizers_of_all_kinds_are_there() -> None:
    """What the test above runs: every form alone and beside others, in a lane and in a layer."""
    parts = [random_requantizers(s) for s in range(12)] + [shifted(s) for s in range(6)]
    case = merged("requantizers", parts)
    seen: set[str] = set()
    for target in (1, 7, 12):
        for p in plan_dataflow(case.model, target).processes:
            if isinstance(p, Requantize):
                lanes = p.lanes
                seen.add(lanes.alone or ("mixed lanes" if lanes.kind else "mixed"))
                seen |= {"files" if lanes.roms else "literals"}
                seen |= {"even"} if lanes.scale and lanes.scale.even else set()
                seen |= {"shifts"} if lanes.scale and lanes.scale.extra.values.any() else set()
                seen |= {"product"} if lanes.scale and lanes.scale.multiplies else {"no product"}
    wanted = {"scale", "steps", "table", "mixed", "mixed lanes", "files", "literals"}
    assert seen == wanted | {"even", "shifts", "product", "no product"}


def random_pools(seed: int) -> Case:
    """Windows and whole images, largest codes and sums, with and without factors and rounding."""
    b = Builder(f"pools{seed}", seed)
    draw = b.random.integers
    kernel = (int(draw(1, 4)), int(draw(1, 4)))
    strides = (int(draw(1, 3)), int(draw(1, 3)))
    top, left, bottom, right = (int(draw(0, k)) for k in (*kernel, *kernel))
    pads = (top, left, bottom, right)
    size = (kernel[0] + int(draw(0, 4)), kernel[1] + int(draw(0, 4)))
    channels = int(draw(1, 7))
    x = b.input((int(draw(1, 3)), *size, channels), int(draw(1, 12)), bool(draw(0, 2)))
    largest = b.add(MaxPool(kernel, strides, (1, 1), pads), x)
    total = b.add(SumPool(kernel, strides, (1, 1), pads, int(draw(0, 2))), x)
    out = b.type(total).shape[1:3]
    factors = draw(-5, 9, out)
    scaled = b.add(SumPool(kernel, strides, (1, 1), pads, 0, factors), x)
    rounded = b.add(RoundedSumPool(int(draw(1, 2**24)), int(draw(-4, 4)), kernel, strides), x)
    whole = b.add(MaxPool(size, (1, 1)), x)
    return b.case(largest, total, scaled, rounded, whole, b.add(SumPool(size, (1, 1)), x))


def random_moves(seed: int) -> Case:
    """Orders of channels and of pixels, constants among them, ends joined."""
    b = Builder(f"moves{seed}", seed)
    draw = b.random.integers
    shape = tuple(int(n) for n in draw(1, 6, 3))
    x = b.input(shape, int(draw(1, 10)), bool(draw(0, 2)))
    y = b.input(shape, int(draw(1, 10)), bool(draw(0, 2)))
    chosen = tuple(int(i) for i in draw(0, shape[2], int(draw(1, 9))))
    axis = int(draw(0, 2))
    rows = tuple(int(i) for i in draw(0, shape[axis], int(draw(1, 6))))
    ends = tuple((int(a), int(c)) for a, c in draw(0, 3, (3, 2)))
    value = int(draw(b.type(x).minimum, b.type(x).maximum, endpoint=True))
    axes = tuple(int(a) for a in b.random.permutation(3))
    picked = b.add(Gather(2, chosen), x)
    wider = b.add(Pad(((0, 0), (0, 0), ends[2]), value - 3), x)
    both = b.add(Concat(int(draw(0, 3))), x, y, x)
    ranks = b.add(ArgMax(int(draw(1, shape[2], endpoint=True)), bool(draw(0, 2)), seed % 2 == 1), x)
    return b.case(
        picked,
        wider,
        b.add(Gather(axis, rows), y),
        b.add(Pad(ends, value), x),
        b.add(Transpose(axes), x),
        both,
        ranks,
    )


def random_products(seed: int) -> Case:
    """Sums and products of streams, and of matrices on streams."""
    b = Builder(f"products{seed}", seed)
    draw = b.random.integers
    rows, depth, columns = (int(n) for n in draw(1, 7, 3))
    images = int(draw(1, 3))
    x = b.input((images, rows, depth), int(draw(1, 10)), bool(draw(0, 2)))
    y = b.input((images if seed % 2 else 1, depth, columns), int(draw(1, 10)), bool(draw(0, 2)))
    z = b.input((images, rows, depth), int(draw(1, 10)), bool(draw(0, 2)))
    zeros = (int(draw(-3, 9)), int(draw(-3, 9)))
    factors = (int(draw(-9, 10)), int(draw(-9, 10)))
    total = b.add(Add(factors, int(draw(-99, 99))), x, z)
    return b.case(b.add(MatMul(zeros), x, y), total, b.add(Mul(zeros), x, z))


@pytest.mark.parametrize("target", [1, 25])
def test_random_ops(target: int) -> None:
    parts = [make(s) for make in (random_pools, random_moves, random_products) for s in range(6)]
    case = merged("random", parts)
    check(case, plan_dataflow(case.model, target), seed=target)
