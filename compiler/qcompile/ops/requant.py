"""Requant: a function of one integer, for each channel its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np

from qcompile.ops.base import IntegerOp, Work
from qcompile.qtype import Ints, QType

Number = TypeVar("Number", int, Ints)
WIDEST = 2**63 - 1  # no bound at all


class Arithmetic(Enum):
    """Which machine arithmetic a `Scale` is proved to fit; cheapest first."""

    CLIP = "clip"  # no multiplication, no shift
    SHIFT = "shift"  # the multiplier is 1
    WORD = "32-bit"  # product and sum fit int32
    EVEN = "half-even"  # as WORD, but the shift rounds to nearest, halves to even
    SPLIT = "split"  # two 32-bit products, with the upper and the lower part of the multiplier
    HIGH = "mulh"  # the upper half of a 32x32 product, then add and shift in int32
    LONG = "64-bit"  # product and sum fit int64


@dataclass(frozen=True)
class Scale:
    """`clip((multiplier·a + offset) >> shift, low, high)`, the shift rounding down.

    For `HIGH`, shift >= 32 and offset is a multiple of 2^32: `((a << pre)·m >> 32) + ...` with
    multiplier = m << pre, m < 2^31. For `EVEN`, shift >= 1 and it rounds t = multiplier·a + offset
    half to even: `(t + 2^(shift-1) - 1 + ((t >> shift) & 1)) >> shift`, where t + 2^(shift-1) fits
    int32 too. For `SPLIT`, with upper and lower the `parts` of the multiplier and offset a multiple
    of 2^split, `(upper·a + (lower·a >> split) + (offset >> split)) >> (shift - split)` is the same,
    since floors nest. It may clamp a to [-bound - 1, bound] first: all results beyond are clipped
    anyway. `exceptions` are (a, result) pairs that differ.
    """

    arithmetic: Arithmetic
    multiplier: int
    offset: int
    shift: int
    low: int
    high: int
    pre: int = 0
    exceptions: tuple[tuple[int, int], ...] = ()
    split: int = 0
    bound: int | None = None

    def run(self, a: Ints) -> Ints:
        if self.arithmetic is Arithmetic.SPLIT:
            near = a if self.bound is None else np.clip(a, -self.bound - 1, self.bound)
            upper, lower = parts(self.multiplier, self.split)
            total = upper * near + (lower * near >> self.split) + (self.offset >> self.split)
            raw = total >> (self.shift - self.split)
        elif self.arithmetic is Arithmetic.HIGH:
            product = ((a << self.pre) * (self.multiplier >> self.pre)) >> 32
            raw = (product + (self.offset >> 32)) >> (self.shift - 32)
        elif self.arithmetic is Arithmetic.EVEN:
            t = a * self.multiplier + self.offset
            raw = (t + ((1 << self.shift - 1) - 1) + (t >> self.shift & 1)) >> self.shift
        else:
            raw = (a * self.multiplier + self.offset) >> self.shift
        out: Ints = np.clip(raw, self.low, self.high)
        for place, result in self.exceptions:
            out = np.where(a == place, result, out)
        return out

    def ends(self) -> tuple[int, int]:
        results = [self.low, self.high, *(r for _, r in self.exceptions)]
        return min(results), max(results)


def parts(multiplier: Number, split: int) -> tuple[Number, Number]:
    """(upper, lower) with multiplier = upper·2^split + lower and |lower| <= 2^(split - 1)."""
    upper = (multiplier + (1 << split >> 1)) >> split
    lower = multiplier - (upper << split)
    return upper, lower


@dataclass(frozen=True, eq=False)
class Steps:
    """A staircase: `values[n]` where n is how many of the sorted `breaks` are <= a."""

    breaks: Ints
    values: Ints  # one more than breaks

    def run(self, a: Ints) -> Ints:
        return self.values[np.searchsorted(self.breaks, a, side="right")]

    def ends(self) -> tuple[int, int]:
        return int(self.values.min()), int(self.values.max())


@dataclass(frozen=True, eq=False)
class Table:
    """`values[a - base]`."""

    base: int
    values: Ints

    def run(self, a: Ints) -> Ints:
        return self.values[a - self.base]

    def ends(self) -> tuple[int, int]:
        return int(self.values.min()), int(self.values.max())


Form = Scale | Steps | Table


@dataclass(frozen=True, eq=False)
class Requant(IntegerOp):
    """Applies `forms[c]` to channel c of the last axis, or `forms[0]` to all."""

    forms: tuple[Form, ...]
    type_low: Ints  # proved range of the results, length 1 or C
    type_high: Ints

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        assert len(self.forms) in (1, x.channels), "one form, or one a channel"
        return QType.of(x.shape, self.type_low, self.type_high)

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        if len(self.forms) == 1:
            return self.forms[0].run(x)
        if all(isinstance(f, Scale) and not f.exceptions for f in self.forms):
            return self._run_scales(x)
        out = np.empty_like(x)
        for c, form in enumerate(self.forms):
            out[..., c] = form.run(x[..., c])
        return out

    def _run_scales(self, x: Ints) -> Ints:
        """All channels at once, group by group of arithmetic."""
        scales = [f for f in self.forms if isinstance(f, Scale)]
        bounds = [WIDEST if f.bound is None else f.bound for f in scales]
        if min(bounds) < WIDEST:
            x = np.clip(x, -1 - np.array(bounds), bounds)
        high = np.array([f.arithmetic is Arithmetic.HIGH for f in scales])
        pre = np.array([f.pre for f in scales])
        m = np.array([f.multiplier >> f.pre for f in scales])
        drop = np.where(high, 32, 0)
        offset = np.array([f.offset >> d for f, d in zip(scales, drop, strict=True)])
        shift = np.array([f.shift for f in scales]) - drop
        total = (((x << pre) * m) >> drop) + offset
        even = np.array([f.arithmetic is Arithmetic.EVEN for f in scales])
        if even.any():
            below = np.array([(1 << f.shift >> 1) - 1 for f in scales])
            total = total + np.where(even, below + (total >> shift & 1), 0)
        raw = total >> shift
        low, limit = np.array([f.low for f in scales]), np.array([f.high for f in scales])
        out: Ints = np.clip(raw, low, limit)
        return out

    def work(self, *inputs: QType) -> Work:
        (x,) = inputs
        return Work(adds=Counter({x.bits: x.size}), metadata_bits=sum(map(form_bits, self.forms)))


def form_bits(form: Form) -> int:
    """Bits that a form's constants take: what a read-only memory must hold."""
    match form:
        case Scale():
            numbers = (form.multiplier, form.offset >> form.split, form.shift, form.bound or 0)
            return sum(n.bit_length() + 1 for n in numbers) + 64 * len(form.exceptions)
        case Steps():
            width = max((int(b).bit_length() + 1 for b in form.breaks), default=1)
            return len(form.breaks) * width
        case Table():
            low, high = form.ends()
            return len(form.values) * (max(low.bit_length(), high.bit_length()) + 1)
