"""Small random instances of every op, with odd widths and a range for each channel.

`cases()` gives the same list each time. The backends' tests emit each case, run it and compare
every bit with `IntegerModel.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import ceil, floor

import numpy as np

from builder import SAMPLES, Builder, Case, codes, form, limits, reached
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Constant,
    Conv,
    Dense,
    Gather,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Requant,
    Reshape,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.passes.forms import oriented
from qcompile.passes.split_form import splits
from qcompile.passes.staircase import Staircase
from qcompile.qtype import Shape

THIRD = Fraction(1, 3)

__all__ = ["SAMPLES", "Builder", "Case", "cases", "codes", "form", "reached"]


def conv(b: Builder, x: str, kernel: Shape, out: int, widths: Shape, **more: object) -> str:
    """A Conv of `out` channels on `x`."""
    groups = int(more.get("groups", 1))  # type: ignore[call-overload]
    shape = (out, *kernel, b.type(x).channels // groups)
    weight, bits = b.weights(shape, widths)
    return b.add(Conv(weight, b.bias(out), bits, **more), x)  # type: ignore[arg-type]


def dense(b: Builder, x: str, out: int, widths: Shape) -> str:
    weight, bits = b.weights((out, b.type(x).channels), widths)
    return b.add(Dense(weight, b.bias(out), bits), x)


# Each of these builds one case; the name of the function is the name of the case.


def dense_plain(b: Builder) -> Case:
    return b.case(dense(b, b.input((13,), 8), 9, (8, 3, 2)))


def dense_requant(b: Builder) -> Case:
    x = b.input((3, 2, 17), 5, signed=False, per_channel=True)
    return b.case(b.requant(dense(b, x, 15, (4, 0, 1, 7)), 6))


def dense_wide(b: Builder) -> Case:
    """16-bit codes times 15-bit weights: the sums need 64 bits."""
    x = b.input((40,), 16)
    return b.case(b.requant(dense(b, x, 8, (15, 16, 11)), 12, signed=False))


def dense_unsigned_weights(b: Builder) -> Case:
    """Weights less their zero point: 0..255 in 8 bits needs an offset, 9-bit values a container."""
    weight = b.random.integers(0, 255, (6, 11), endpoint=True)
    weight[:, 0], weight[:, 1] = 0, 255
    weight[3:] -= 200
    x = b.input((2, 11), 8, signed=False)
    return b.case(b.requant(b.add(Dense(weight, b.bias(6), (8,) * 6), x), 8))


def dense_uniform(b: Builder) -> Case:
    x = b.input((4, 10), 7)
    return b.case(b.requant(dense(b, x, 5, (4,)), 8, per_channel=False))


def conv_1x1(b: Builder) -> Case:
    x = b.input((1, 5, 4, 6), 8)
    return b.case(b.requant(conv(b, x, (1, 1), 9, (2, 4, 8)), 8))


def conv_3x3_padded(b: Builder) -> Case:
    x = b.input((1, 7, 6, 3), 4, signed=False)
    return b.case(b.requant(conv(b, x, (3, 3), 8, (3, 8, 0, 1), pads=(1, 1, 1, 1)), 4, False))


def conv_odd(b: Builder) -> Case:
    """Strides, dilations and pads all uneven, a pad value, two images."""
    x = b.input((2, 11, 10, 2), 6)
    more = {"strides": (2, 1), "dilations": (1, 2), "pads": (2, 0, 1, 3), "pad_value": -5}
    return b.case(b.requant(conv(b, x, (3, 4), 5, (5, 2), **more), 9))


def conv_groups(b: Builder) -> Case:
    x = b.input((1, 6, 5, 6), 8, per_channel=True)
    more = {"groups": 3, "pads": (1, 0, 1, 0), "pad_value": 3}
    return b.case(b.requant(conv(b, x, (3, 2), 9, (8, 2, 6), **more), 8))


def conv_depthwise(b: Builder) -> Case:
    x = b.input((1, 8, 7, 5), 8)
    more = {"groups": 5, "strides": (2, 2), "pads": (0, 1, 1, 1), "pad_value": 7}
    return b.case(b.requant(conv(b, x, (3, 3), 5, (8, 4, 0, 1), **more), 3, False))


def conv_depth_multiplier(b: Builder) -> Case:
    x = b.input((1, 5, 5, 3), 10)
    more = {"groups": 3, "dilations": (2, 1), "pads": (2, 1, 2, 1)}
    return b.case(conv(b, x, (3, 3), 6, (4, 9), **more))


def conv_1d(b: Builder) -> Case:
    x = b.input((1, 1, 20, 4), 8)
    more = {"strides": (1, 3), "pads": (0, 2, 0, 2)}
    return b.case(b.requant(conv(b, x, (1, 5), 7, (6, 3), **more), 16))


def conv_one_channel(b: Builder) -> Case:
    """Kernel larger than the image, everything on the border; the image has one channel."""
    x = b.input((1, 3, 2, 1), 2)
    return b.case(b.requant(conv(b, x, (5, 5), 4, (2, 1), pads=(2, 2, 2, 2)), 5))


def matmul_plain(b: Builder) -> Case:
    x, y = b.input((3, 4, 5), 8), b.input((5, 6), 4, signed=False)
    return b.case(b.add(MatMul((3, 7)), x, y))


def matmul_requant(b: Builder) -> Case:
    x, y = b.input((2, 1, 3, 7), 8), b.input((4, 7, 8), 8)
    return b.case(b.requant(b.add(MatMul((-3, 0)), x, y), 8))


def requant_alone(b: Builder) -> Case:
    x = b.input((2, 3, 14), 11, per_channel=True)
    return b.case(b.requant(x, 7))


def requant_chain(b: Builder) -> Case:
    x = b.requant(b.input((5, 4), 9), 6, per_channel=False)
    return b.case(x, b.requant(x, 3, signed=False))


def requant_wide(b: Builder) -> Case:
    x = b.input((3, 7), 40)
    scale = Scale(Arithmetic.LONG, 3, 2**20, 21, -(2**30), 2**40)
    low, high = b.type(x).minimum, b.type(x).maximum
    return b.case(b.add(Requant((scale,), *map(np.atleast_1d, reached(scale, low, high))), x))


def requant_even(b: Builder) -> Case:
    """Shifts that round halves to even, most inputs of which are halves."""
    x = b.input((2, 40, 6), 10)
    lines = ((1, 0, 1), (1, 3, 2), (-1, -5, 3), (3, 1, 4), (-7, 12, 6), (1, -512, 9))
    even = b.add(evens(lines, -8, 7), x)
    one = b.add(evens(((5, -2, 2),), -700, 900), x)
    wide = b.add(evens(((2**21 - 1, -(2**17), 20),), -128, 127), x)
    return b.case(even, one, wide)


def requant_even_and_others(b: Builder) -> Case:
    """Every other form beside them, in an accumulator that is narrower than the sums."""
    x = b.input((4, 20, 16), 7, signed=False)
    mixed = b.graph[b.requant(x, 5)].op
    assert isinstance(mixed, Requant)
    lines = [(m, 2**s + m, s) for m, s in zip(range(-4, 12), [1, 2, 3, 4] * 4, strict=True)]
    low, high = -16, 15
    even = evens(lines, low, high)
    pairs = zip(mixed.forms, even.forms, strict=True)
    forms = tuple(f if c % 2 else g for c, (f, g) in enumerate(pairs))
    ends = np.array([f.ends() for f in forms])
    return b.case(b.add(Requant(forms, ends[:, 0], ends[:, 1]), x))


def requant_split(b: Builder) -> Case:
    """Two products a number, some clamped first: rising and falling, near the ends of 32 bits."""
    wide = split(b, (0.00123457, -0.0034567, 0.00071, -0.0201, 0.01017), 8, -(2**20) + 3, 2**20 - 7)
    clamped = split(b, (0.0123457, -0.0234567, 0.05, -0.00101), 8, -(2**31), 2**31 - 1)
    beyond = split(b, (0.000712347, -0.0345678), 7, -(2**40), 2**38)
    steep = split(b, (0.997, -1.003), 9, -(2**21), 2**21 + 1)
    return b.case(wide, clamped, beyond, steep)


def requant_split_and_others(b: Builder) -> Case:
    """Every other form beside them."""
    x = b.input((9, 14), 20)
    mixed = b.graph[b.requant(x, 8)].op
    assert isinstance(mixed, Requant)
    low, high = b.type(x).minimum, b.type(x).maximum
    own = [split_form((-1) ** c / (91.7 + 13 * c), 8, low, high) for c in range(14)]
    forms = tuple(f if c % 3 else g for c, (f, g) in enumerate(zip(mixed.forms, own, strict=True)))
    ends = np.array([f.ends() for f in forms])
    return b.case(b.add(Requant(forms, ends[:, 0], ends[:, 1]), x))


def split(b: Builder, slopes: Iterable[float], bits: int, low: int, high: int) -> str:
    """A channel for each slope, proved for accumulators in [low, high]."""
    forms = tuple(split_form(slope, bits, low, high) for slope in slopes)
    x = b.between((30, len(forms)), low, high)
    ends = np.array([reached(f, low, high) for f in forms])
    return b.add(Requant(forms, ends.min(axis=1), ends.max(axis=1)), x)


def split_form(slope: float, bits: int, low: int, high: int) -> Scale:
    """The line from 1/3, rounded down to `bits` bits, as two products."""
    sign, steep = (-1 if slope < 0 else 1), Fraction(abs(slope))
    least, greatest = limits(bits, signed=True)
    lo, hi = sorted((sign * low, sign * high))
    first, last = (min(max(floor(steep * a + THIRD), least), greatest) for a in (lo, hi))
    breaks = [ceil((k - THIRD) / steep) for k in range(first + 1, last + 1)]
    stairs = Staircase(lo, hi, first, np.array(breaks, np.int64))
    return oriented(next(splits(stairs, abs(slope), sign)), sign)


def evens(lines: Iterable[tuple[int, int, int]], low: int, high: int) -> Requant:
    """One channel for each (multiplier, offset, shift)."""
    forms = tuple(Scale(Arithmetic.EVEN, m, o, s, low, high) for m, o, s in lines)
    return Requant(forms, np.full(len(forms), low), np.full(len(forms), high))


def add_same(b: Builder) -> Case:
    x, y = b.input((1, 4, 3, 5), 8), b.input((1, 4, 3, 5), 6, signed=False, per_channel=True)
    return b.case(b.requant(b.add(Add((3, -5), 17), x, y), 8))


def add_uniform(b: Builder) -> Case:
    x, y = b.input((4, 30), 8), b.input((4, 30), 8)
    return b.case(b.requant(b.add(Add((1234, 4321), -7), x, y), 8, per_channel=False))


def add_broadcast(b: Builder) -> Case:
    x, y = b.input((2, 1, 3, 5), 8), b.input((4, 1, 5), 12)
    return b.case(b.add(Add((1, 2)), x, y), b.requant(b.add(Add((1 << 20, 1)), x, y), 9))


def add_scalar(b: Builder) -> Case:
    x = b.input((3, 4), 8)
    return b.case(b.add(Add((1, 1), 5), x, b.add(Constant(np.array(77)))))


def mul_same(b: Builder) -> Case:
    x, y = b.input((3, 3, 4), 8), b.input((3, 3, 4), 8, signed=False)
    return b.case(b.requant(b.add(Mul((2, 128)), x, y), 5))


def mul_broadcast(b: Builder) -> Case:
    """Squeeze and excite: one factor a channel; and a wide product."""
    x, y = b.input((1, 5, 4, 6), 8), b.input((1, 1, 1, 6), 17, signed=False)
    return b.case(b.add(Mul(), x, y), b.requant(b.add(Mul((0, 9)), y, x), 8))


def max_pool(b: Builder) -> Case:
    x = b.input((2, 7, 6, 3), 5, per_channel=True)
    return b.case(b.add(MaxPool((3, 2), (2, 2), (1, 2), (1, 0, 1, 1)), x))


def max_pool_wide(b: Builder) -> Case:
    return b.case(b.add(MaxPool((2, 2), (2, 2)), b.input((1, 4, 4, 2), 20)))


def sum_pool(b: Builder) -> Case:
    x = b.input((1, 7, 6, 4), 8, signed=False)
    pool = SumPool((3, 3), (2, 1), (1, 2), (1, 2, 0, 1), 9)
    return b.case(b.add(pool, x), b.requant(b.add(pool, x), 8))


def sum_pool_global(b: Builder) -> Case:
    x = b.input((2, 5, 3, 9), 8)
    return b.case(b.requant(b.add(SumPool((5, 3), (1, 1)), x), 8, per_channel=False))


def sum_pool_places(b: Builder) -> Case:
    """An average that does not count its padding."""
    x = b.input((1, 5, 4, 3), 8)
    factors = b.random.integers(1, 36, (5, 4), endpoint=True)
    pool = SumPool((3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 0, factors)
    return b.case(b.requant(b.add(pool, x), 8))


def rounded_sum_pool(b: Builder) -> Case:
    """Sums that lose bits on the way, of both signs, with padding and uneven steps."""
    x = b.input((1, 9, 7, 4), 8, per_channel=True)
    pool = RoundedSumPool(0xABCDEF, -3, (3, 4), (2, 1), (1, 2), (1, 2, 0, 1))
    return b.case(b.add(pool, x), b.requant(b.add(pool, x), 8, per_channel=False))


def rounded_sum_pool_global(b: Builder) -> Case:
    """All of an image; terms of 40 bits, and terms that round to themselves."""
    x, y = b.input((2, 6, 6, 3), 16, signed=False), b.input((1, 5, 5, 2), 4)
    wide = b.add(RoundedSumPool(0xFFFFFF, 77, (6, 6), (1, 1)), x)
    return b.case(b.requant(wide, 8), b.add(RoundedSumPool(3, 1, (5, 5), (1, 1)), y))


def concat_channels(b: Builder) -> Case:
    x, y, z = b.input((2, 3, 4), 8), b.input((2, 3, 1), 3, False), b.input((2, 3, 5), 12)
    return b.case(b.add(Concat(2), x, y, z))


def concat_first(b: Builder) -> Case:
    x, y = b.input((2, 3, 2), 8), b.input((1, 3, 2), 8, False)
    return b.case(b.add(Concat(0), x, y), b.add(Concat(1), x, x, x))


def gather_any(b: Builder) -> Case:
    x = b.input((3, 5, 6), 8, per_channel=True)
    last = b.add(Gather(2, (5, 5, 0, 3)), x)
    return b.case(last, b.add(Gather(1, (0, 0, 1, 1, 2, 2)), x), b.add(Gather(0, (1,)), x))


def gather_slices(b: Builder) -> Case:
    """Slices with steps, forward and backward."""
    x = b.input((4, 9, 2), 16)
    back = b.add(Gather(1, (8, 6, 4, 2)), x)
    return b.case(b.add(Gather(0, (1, 2)), x), back, b.add(Gather(2, (1,)), x))


def pad_all(b: Builder) -> Case:
    x = b.input((2, 3, 4), 7)
    return b.case(b.add(Pad(((1, 0), (2, 3), (0, 0)), -64), x))


def pad_channels(b: Builder) -> Case:
    x = b.input((1, 3, 3, 5), 8, False)
    wider = b.add(Pad(((0, 0), (0, 1), (1, 0), (1, 2)), -1), x)
    return b.case(wider, b.add(Pad(((0, 0), (0, 0), (0, 0), (0, 3)), 0), x))


def transpose_any(b: Builder) -> Case:
    x = b.input((2, 3, 4, 5), 8)
    return b.case(b.add(Transpose((0, 3, 1, 2)), x), b.add(Transpose((3, 2, 1, 0)), x))


def transpose_inner(b: Builder) -> Case:
    x = b.input((2, 3, 4, 5), 18, per_channel=True)
    return b.case(b.add(Transpose((1, 0, 2, 3)), x))


def reshape_between(b: Builder) -> Case:
    """A view: no copy between the layers, one where input and output meet."""
    x = b.input((1, 4, 3, 2), 6)
    flat = b.add(Reshape((24,)), b.requant(conv(b, x, (2, 2), 2, (3,), pads=(1, 1, 0, 0)), 6))
    return b.case(dense(b, b.add(Reshape((4, 6)), flat), 3, (5,)), b.add(Reshape((12, 2)), x))


def arg_max(b: Builder) -> Case:
    x = b.input((3, 12), 4)
    first, last = b.add(ArgMax(), x), b.add(ArgMax(1, last=True), x)
    return b.case(first, last, b.add(ArgMax(5), x), b.add(ArgMax(3, False, True), x))


def constant_out(b: Builder) -> Case:
    """A constant that is an output, one that is added, and an input that is an output."""
    x = b.input((4,), 8)
    fixed = b.add(Constant(b.random.integers(-900, 900, (3, 4))))
    return b.case(fixed, b.add(Add((1, 1)), x, fixed), x)


def one_value_twice(b: Builder) -> Case:
    x = b.input((6,), 8)
    y = b.requant(dense(b, x, 6, (4,)), 4)
    return b.case(y, y, b.add(Add((1, 1)), y, y))


def residual(b: Builder) -> Case:
    """A small network: convolutions, a residual join, pooling, a dense layer."""
    x = b.input((1, 8, 8, 3), 8)
    a = b.requant(conv(b, x, (3, 3), 8, (8, 4, 2), pads=(1, 1, 1, 1)), 4, signed=False)
    d = b.requant(conv(b, a, (3, 3), 8, (3, 0, 8), pads=(1, 1, 1, 1), groups=8), 4, False)
    p = b.requant(conv(b, d, (1, 1), 8, (2, 2, 4, 1)), 6)
    s = b.requant(b.add(Add((5, 3), 2), a, p), 5, signed=False)
    g = b.requant(b.add(SumPool((8, 8), (1, 1)), s), 8, False, per_channel=False)
    return b.case(dense(b, b.add(Reshape((8,)), g), 10, (8, 5, 2)))


CASES: tuple[Callable[[Builder], Case], ...] = (
    dense_plain,
    dense_requant,
    dense_wide,
    dense_unsigned_weights,
    dense_uniform,
    conv_1x1,
    conv_3x3_padded,
    conv_odd,
    conv_groups,
    conv_depthwise,
    conv_depth_multiplier,
    conv_1d,
    conv_one_channel,
    matmul_plain,
    matmul_requant,
    requant_alone,
    requant_chain,
    requant_wide,
    add_same,
    add_uniform,
    add_broadcast,
    add_scalar,
    mul_same,
    mul_broadcast,
    max_pool,
    max_pool_wide,
    sum_pool,
    sum_pool_global,
    sum_pool_places,
    rounded_sum_pool,
    rounded_sum_pool_global,
    concat_channels,
    concat_first,
    gather_any,
    gather_slices,
    pad_all,
    pad_channels,
    transpose_any,
    transpose_inner,
    reshape_between,
    arg_max,
    constant_out,
    one_value_twice,
    residual,
    requant_even,
    requant_even_and_others,
    requant_split,
    requant_split_and_others,
)


def cases() -> list[Case]:
    """All cases, the same each time."""
    return [make(Builder(make.__name__, seed)) for seed, make in enumerate(CASES)]
