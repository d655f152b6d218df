"""The arithmetic of onnxruntime's integer kernels, which rounds in float32 but is deterministic.

The formulas are those of its kernels (MLAS) on x86, found by experiment; a test compares them with
onnxruntime on all pairs of codes and on random accumulators.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qcompile.qtype import Shape
from qcompile.semantics.base import Elementwise, RealOp, Signs
from qcompile.semantics.number import Grid, Number, raised
from qcompile.semantics.pooling import Window
from qcompile.semantics.units import whole


@dataclass(frozen=True, eq=False)
class OrtRequantize(Elementwise):
    """saturate(rint(fl32(acc)·m) + zero point): inputs acc (integers) and m, float32 numbers.

    The multiplier is fl32(fl32(x_scale·w_scale) / y_scale), one a channel.
    """

    zero_point: int
    low: int
    high: int

    def run(self, *inputs: Number) -> Number:
        rank = max(len(x.shape) for x in inputs)
        acc, multiplier = (as_floats(raised(x, rank)) for x in inputs)
        product = acc.astype(np.float32) * multiplier.astype(np.float32)
        codes = np.clip(np.rint(product).astype(np.float64) + self.zero_point, self.low, self.high)
        return Grid(codes, whole(Fraction(1), rank))

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        sign = np.sign(as_floats(inputs[1])).astype(np.int8)
        return None if moves[1].any() else moves[0] * sign


@dataclass(frozen=True, eq=False)
class OrtAdd(Elementwise):
    """saturate(rint(fma(a, ra, fma(b, rb, offset)))) on integer codes a and b, all in float32."""

    ratio_a: float  # fl32(a_scale / y_scale)
    ratio_b: float
    offset: float  # fl32(y_zero_point - fma(ra, a_zero_point, fl32(rb·b_zero_point)))
    low: int
    high: int

    def run(self, *inputs: Number) -> Number:
        rank = max(len(x.shape) for x in inputs)
        a, b = (as_floats(raised(x, rank)) for x in inputs)
        # A product of an 8-bit code and a float32 is exact in float64, and so is the sum before
        # it is rounded to float32 once: that is what a fused multiply-add does.
        inner = (b * self.ratio_b + self.offset).astype(np.float32).astype(np.float64)
        outer = (a * self.ratio_a + inner).astype(np.float32)
        codes = np.clip(np.rint(outer).astype(np.float64), self.low, self.high)
        return Grid(codes, whole(Fraction(1), rank))


@dataclass(frozen=True, eq=False)
class OrtScale(Elementwise):
    """saturate(rint(fl32(fl32(ratio·p) + y_zero_point))) of a product p of codes (QLinearMul)."""

    ratio: float  # fl32(fl32(a_scale·b_scale) / y_scale)
    zero_point: int
    low: int
    high: int

    def run(self, *inputs: Number) -> Number:
        product = as_floats(inputs[0]).astype(np.float32)  # 17 bits: exact
        real = product * np.float32(self.ratio) + np.float32(self.zero_point)
        codes = np.clip(np.rint(real).astype(np.float64), self.low, self.high)
        return Grid(codes, whole(Fraction(1), codes.ndim))

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class OrtTable(Elementwise):
    """The code that a table lists for each code from `low` on: a function of one 8-bit tensor."""

    low: int
    table: tuple[int, ...]

    def run(self, *inputs: Number) -> Number:
        place = as_floats(inputs[0]).astype(np.int64) - self.low
        codes = np.array(self.table, np.float64)[place]
        return Grid(codes, whole(Fraction(1), codes.ndim))

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        steps = np.diff(self.table)
        if np.all(steps >= 0):
            return moves[0]
        return -moves[0] if np.all(steps <= 0) else None


@dataclass(frozen=True, eq=False)
class OrtWindowSum(RealOp):
    """The sum of each window of 8-bit codes as a float32 accumulator holds it, tap after tap.

    A term is fl32(scale·(code - zero point)); padding adds nothing.
    """

    window: Window
    scale: float  # a float32
    zero_point: int

    def shape(self, *inputs: Shape) -> Shape:
        return self.window.shape(inputs[0])

    def last_place(self) -> tuple[int, Fraction]:
        """(m, u) with scale = m·u, m of 24 bits: every sum is a multiple of u."""
        mantissa, exponent = np.frexp(np.float32(self.scale))
        return int(np.ldexp(float(mantissa), 24)), Fraction(2) ** (int(exponent) - 24)

    def run(self, *inputs: Number) -> Number:
        codes = as_floats(inputs[0]) - self.zero_point
        real = codes.astype(np.float32) * np.float32(self.scale)
        taps = self.window.views(real, np.float32(0))
        total: NDArray[np.float32] = np.zeros(taps.shape[:-1], np.float32)
        for i in range(taps.shape[-1]):
            total = total + taps[..., i]
        _, unit = self.last_place()
        return Grid(total.astype(np.float64) / float(unit), whole(unit, total.ndim))


@dataclass(frozen=True, eq=False)
class OrtMean(Elementwise):
    """saturate(rint(fl32(fl32(fl32(sum) / count) / y_scale) + y_zero_point))) in float32.

    Inputs: the sum, and by how many terms it is divided.
    """

    scale: float
    zero_point: int
    low: int
    high: int

    def run(self, *inputs: Number) -> Number:
        rank = max(len(x.shape) for x in inputs)
        total, count = (as_floats(raised(x, rank)).astype(np.float32) for x in inputs)
        steps = total / count / np.float32(self.scale) + np.float32(self.zero_point)
        codes = np.clip(np.rint(steps).astype(np.float64), self.low, self.high)
        return Grid(codes, whole(Fraction(1), rank))

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return None if moves[1].any() else moves[0]


def as_floats(x: Number) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The numbers, which float64 holds exactly."""
    if isinstance(x, Grid):
        return x.codes * x.unit.astype(np.float64)
    return x.value
