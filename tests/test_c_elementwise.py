"""Kernels for bytes: sums, functions, pools and moves, bit for bit on the RTL and on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pytest

from benchmarks import kernels_elementwise
from benchmarks.steps import Program, Trial, connected
from builder import form, reached
from qcompile.ops import (
    Add,
    Concat,
    Gather,
    MaxPool,
    Pad,
    Requant,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.base import IntegerOp
from qcompile.ops.requant import Arithmetic, Scale, Steps
from qcompile.plan.c_byte_cycles import cycles
from qcompile.plan.c_elementwise import AddCodes, LookUp, ScaleCodes
from qcompile.plan.c_moves import GatherCode, MovesCode
from qcompile.plan.c_pools import MaxPoolCode, SumCodes
from qcompile.qtype import Ints, QType, Shape
from qcompile.rtl import Isa

BYTES = ((-128, 127), (0, 255))
LIMITS = (*BYTES, (-100, 127), (0, 63), (-16, 15))
CHANNELS = (1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 40, 67)
WINDOWS = (  # kernel, strides, dilations, pads
    ((2, 2), (2, 2), (1, 1), (0, 0, 0, 0)),
    ((3, 3), (2, 2), (1, 1), (1, 1, 1, 1)),
    ((3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),
    ((4, 2), (1, 3), (2, 1), (1, 1, 0, 1)),
    ((2, 3), (3, 1), (1, 2), (0, 2, 1, 2)),
    ((1, 1), (1, 1), (1, 1), (0, 0, 0, 0)),
    ((6, 7), (1, 1), (1, 1), (0, 0, 0, 0)),
)
Random = np.random.Generator


def trial(
    random: Random,
    name: str,
    op: IntegerOp,
    shapes: tuple[Shape, ...],
    ranges: tuple[tuple[int, int], ...],
    requant: Callable[[QType], Requant] | None = None,
    over: int | None = None,
) -> Trial:
    """Random codes with both ends frequent, at any place in a word."""
    types = tuple(QType.of(s, *r) for s, r in zip(shapes, ranges, strict=True))
    raw = op.result(*types)
    made = requant(raw) if requant else None
    widest = max(t.container for t in (*types, made.result(raw) if made else raw))
    skew = int(random.integers(0, 4)) if widest == 8 else 0
    return Trial(name, op, made, types, tuple(codes(random, t) for t in types), over, skew)


def codes(random: Random, x: QType) -> Ints:
    values = random.integers(x.minimum, x.maximum, x.shape, endpoint=True)
    draw = random.integers(0, 8, x.shape)
    return np.where(draw == 0, x.minimum, np.where(draw == 1, x.maximum, values))


def line(random: Random, low: int, high: int, fine: int = 44) -> Callable[[QType], Requant]:
    """One scale for all channels that brings most sums between the limits."""

    def made(x: QType) -> Requant:
        span = max(x.maximum - x.minimum, 1)
        slope = random.uniform(0.7, 1.6) * (high - low + 1) / span
        shift = max(fine - span.bit_length(), 8)
        multiplier = max(round(slope * 2**shift), 1)
        offset = (low << shift) - multiplier * x.minimum + (1 << shift >> 1)
        scale = Scale(Arithmetic.LONG, multiplier, offset, shift, low, high)
        return Requant((scale,), *map(np.atleast_1d, reached(scale, x.minimum, x.maximum)))

    return made


def by_channel(random: Random, low: int, high: int) -> Callable[[QType], Requant]:
    """A form of another kind for each channel."""

    def made(x: QType) -> Requant:
        ends = zip(x.lows().tolist(), x.highs().tolist(), strict=True)
        forms = tuple(form(random, a, b, low, high, c) for c, (a, b) in enumerate(ends))
        results = np.array([f.ends() for f in forms])
        return Requant(forms, results[:, 0], results[:, 1])

    return made


def adds(random: Random) -> Iterator[Trial]:
    """Both signs, multipliers of both signs and all sizes, every place of the result."""
    kinds = product(BYTES, BYTES, LIMITS)
    for i, (a, b, limits) in enumerate(kinds):
        bits = int(random.integers(1, 26))
        multipliers = random.integers(2 ** (bits - 1), 2**bits, 2) * random.choice([1, -1], 2)
        op = Add(
            (int(multipliers[0]), int(multipliers[1])), int(random.integers(-(2**bits), 2**bits))
        )
        shape = (1, *random.integers(1, 6, 2).tolist(), CHANNELS[i % len(CHANNELS)])
        over = (None, 0, 1)[i % 3]
        signs = (a, b, limits)
        if over is not None and (signs[over][0] < 0) != (limits[0] < 0):
            over = None
        requant = line(random, *limits)
        yield trial(random, f"add {i} {multipliers}", op, (shape, shape), (a, b), requant, over)


def functions(random: Random) -> Iterator[Trial]:
    """Tables for bytes, lines for wider codes, odd lengths, in place."""
    ranges = (*BYTES, (-7, 9), (3, 3), (-300, 5000), (0, 65535), (-(2**18), 2**19), (0, 2**20))
    for i, (x, limits) in enumerate(product(ranges, LIMITS)):
        shape = (int(random.integers(1, 40)), 3)
        op = line(random, *limits, fine=30)(QType.of(shape, *x))
        same = QType.of(shape, *x).container == 8 and (x[0] < 0) == (limits[0] < 0)
        over = 0 if i % 2 and same else None
        yield trial(random, f"function {x} {limits}", op, (shape,), (x,), over=over)
    steps = Steps(np.array([-90, -5, 0, 3, 100]), np.array([7, 1, -9, 120, -128, 6]))
    op = Requant((steps,), np.array([-128]), np.array([120]))
    yield trial(random, "steps", op, ((1, 9, 7),), ((-128, 127),))


def pools() -> Iterator[tuple[tuple[object, ...], tuple[int, int], int]]:
    """Windows, ranges and channels: each window with every third number of channels."""
    for i, (window, x) in enumerate(product(WINDOWS, BYTES)):
        for c in CHANNELS[i % 3 :: 3]:
            yield window, x, c


def max_pools(random: Random) -> Iterator[Trial]:
    for window, x, c in pools():
        op = MaxPool(*window)
        yield trial(random, f"max {window} {x} {c}", op, ((2, 7, 9, c),), (x,))


def sum_pools(random: Random) -> Iterator[Trial]:
    """With one line, with forms by channel, and without a requantizer."""
    for i, (window, x, c) in enumerate(pools()):
        pad = int(random.integers(x[0], x[1]))
        factors = None
        op = SumPool(*window, pad)
        if i % 4 == 0:
            size = op.result(QType.of((2, 7, 9, c), *x)).shape[1:3]
            factors = random.integers(1, 9, size)
        endings = (line(random, *LIMITS[i % 5]), by_channel(random, -128, 127), None)
        op = SumPool(*window, pad, factors)
        yield trial(random, f"sum {window} {x} {c}", op, ((2, 7, 9, c),), (x,), endings[i % 3])
    long = SumPool((20, 30), (20, 30))
    yield trial(random, "long", long, ((1, 20, 30, 12),), ((0, 255),), line(random, 0, 255))
    longer = SumPool((1, 700), (1, 1))
    yield trial(random, "longer", longer, ((1, 2, 701, 8),), ((-128, 127),))


def rounded_pools(random: Random) -> Iterator[Trial]:
    op = RoundedSumPool(0xABCDEF, -3, (3, 4), (2, 1), (1, 2), (1, 2, 0, 1))
    yield trial(random, "rounded", op, ((1, 9, 7, 4),), ((-128, 127),), line(random, -128, 127))


def moves(random: Random) -> Iterator[Trial]:
    """Stretches of every length, of codes of 1, 2, 4 and 8 bytes."""
    wide = (BYTES[0], (-3000, 3000), (-(2**30), 2**30), (-(2**40), 2**40))
    for c, x in product((1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 19, 32), wide):
        shape = (2, 4, 5, c)
        ops: list[tuple[IntegerOp, tuple[Shape, ...]]] = [
            (Concat(3), (shape, (2, 4, 5, 3), (2, 4, 5, 16))),
            (Concat(1), (shape, (2, 1, 5, c))),
            (Pad(((0, 0), (1, 2), (3, 0), (0, 0)), -7), (shape,)),
            (Pad(((0, 0), (0, 0), (0, 0), (0, 3)), 5), (shape,)),
            (Pad(((1, 0), (1, 1), (1, 1), (1, 2)), -1), (shape,)),
            (Transpose((1, 0, 2, 3)), (shape,)),
            (Transpose((0, 3, 1, 2)), (shape,)),
            (Transpose((3, 2, 1, 0)), (shape,)),
            (Gather(1, tuple(i // 3 for i in range(12))), (shape,)),
            (Gather(2, (4, 0, 0, 3, 1)), (shape,)),
            (Gather(1, (3, 1)), (shape,)),
            (Gather(3, (0,)), (shape,)),
        ]
        for op, shapes in ops:
            name = f"{op.title} {c} {x}"
            yield trial(random, name, op, shapes, (x,) * len(shapes))


SETS = {
    "adds": (adds, (AddCodes,)),
    "functions": (functions, (LookUp, ScaleCodes)),
    "max pools": (max_pools, (MaxPoolCode,)),
    "sum pools": (sum_pools, (SumCodes,)),
    "rounded pools": (rounded_pools, ()),
    "moves": (moves, (MovesCode, GatherCode)),
}


@pytest.fixture(scope="module", params=SETS)
def program(request: pytest.FixtureRequest) -> Program:
    """All trials of a set; they must have the kernels that are meant."""
    make, kinds = SETS[request.param]
    made = Program(list(make(np.random.default_rng(7))), connected(kernels_elementwise.fast))
    for step, t in zip(made.steps, made.trials, strict=True):
        assert not kinds or isinstance(step.details, kinds), t.name
    return made


def same(program: Program, where: Isa | None) -> None:
    outcomes = program.on_rtl(where) if where else program.on_host()
    assert outcomes
    for o in outcomes:
        assert not o.touched, f"{o.trial.name} writes outside its result"
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)


@pytest.mark.parametrize("isa", Isa, ids=lambda isa: isa.value)
def test_every_bit_on_the_rtl(program: Program, isa: Isa) -> None:
    same(program, isa)


def test_every_bit_on_the_host(program: Program) -> None:
    """With the address and undefined-behaviour sanitizers."""
    same(program, None)


@pytest.mark.parametrize("isa", [Isa.CV32E40P, Isa.MPIC_Q], ids=lambda isa: isa.value)
def test_cycles_are_as_predicted(isa: Isa) -> None:
    """Within 10 % on cores whose kernels do not depend on the compiler's choices."""
    large = [t for t in kernels_elementwise.trials() if t.output.channels > 3]
    made = Program(large, connected(kernels_elementwise.fast))
    for step, outcome in zip(made.steps, made.on_rtl(isa), strict=True):
        predicted = cycles(step.details, isa)
        if predicted is None:
            continue
        assert outcome.interval is not None
        assert abs(predicted / outcome.interval.cycles - 1) < 0.1, outcome.trial.name
