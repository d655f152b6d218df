"""Round, MultiThreshold, Bipolar, Wrap: where reals become integers, decided exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.semantics.base import Elementwise, Signs, lazily
from qcompile.semantics.interval import Exact, Interval, ends
from qcompile.semantics.modes import Rounding, divide, round_exact, round_floats
from qcompile.semantics.number import Bounded, Grid, Index, Number, pull, raised
from qcompile.semantics.units import EXACT, ROUNDING, Floats, factors, integer_ratio, whole

MOST_BITS = 1 << 14  # precision at which an undecided rounding is given up


@dataclass(frozen=True, eq=False)
class Round(Elementwise):
    """The integer that `mode` chooses."""

    mode: Rounding = Rounding.HALF_EVEN

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        if isinstance(x, Grid):
            found = self._on_integers(x)
            if found is not None:
                return found
        if self.mode is Rounding.HALF_EVEN:
            return nearest(x)
        return staircase(
            x, lambda v: round_floats(v, self.mode), lambda q: round_exact(q, self.mode)
        )

    def _on_integers(self, x: Grid) -> Grid | None:
        """Where floats are exact, in floats; else by integer division, where that fits int64."""
        factor = factors(x.unit)
        if factor.one:
            return x
        if not x.fits(factor.largest):
            return None
        one = whole(Fraction(1), x.codes.ndim)
        if factor.power_of_two:
            most = min(factor.largest * x.bound() + 1, EXACT)
            return Grid(round_floats(x.bounded().value, self.mode), one, most)
        top, bottom = integer_ratio(x.unit)
        most = max(abs(t) for t in top.flat)
        if max(most * int(x.magnitude()), 1) * 4 * max(bottom.flat) >= 2**62:
            return None
        if self.mode is Rounding.HALF_EVEN:
            found = nearest(x)
            return found if isinstance(found, Grid) else None
        numerator = x.codes.astype(np.int64) * top.astype(np.int64)
        rounded = divide(numerator, bottom.astype(np.int64), self.mode)
        return Grid(rounded.astype(np.float64), one)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class Bipolar(Elementwise):
    """+1 where x >= 0, else -1."""

    def run(self, *inputs: Number) -> Number:
        def sign(x: Any) -> Any:
            return np.where(x >= 0, 1.0, -1.0)

        (x,) = inputs
        if isinstance(x, Grid) and np.all(factors(x.unit).floats != 0):
            return Grid(sign(x.bounded().value), whole(Fraction(1), x.codes.ndim))
        return staircase(x, sign, lambda q: 1 if q >= 0 else -1)

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0]


@dataclass(frozen=True, eq=False)
class MultiThreshold(Elementwise):
    """How many thresholds are <= x (FINN, QONNX): inputs are x and the rising thresholds."""

    def run(self, *inputs: Number) -> Number:
        rank = max(len(n.shape) for n in inputs)
        x, *thresholds = (raised(n, rank) for n in inputs)
        total = sum((reached(x, t) for t in thresholds), np.zeros(x.shape))
        return Grid(total, whole(Fraction(1), rank))

    def direction(self, inputs: tuple[Number, ...], moves: tuple[Signs, ...]) -> Signs | None:
        return moves[0] if not any(m.any() for m in moves[1:]) else None


@dataclass(frozen=True, eq=False)
class Wrap(Elementwise):
    """Integers modulo 2^bits, as ONNX tensors of integer type hold them."""

    bits: int
    signed: bool

    def run(self, *inputs: Number) -> Number:
        (x,) = inputs
        integers = Round().run(x)
        low = -(2 ** (self.bits - 1)) if self.signed else 0
        if isinstance(integers, Bounded):
            return self._beyond(integers, low)
        if self.bits > 53:
            return integers  # below 2^53 nothing wraps at 64 bits
        codes = np.mod(integers.codes - low, 2.0**self.bits) + low
        return Grid(codes, integers.unit)

    def _beyond(self, x: Bounded, low: int) -> Number:
        """Integers that float64 does not hold, each wrapped exactly."""
        codes = x.value.copy()
        large = np.flatnonzero(np.abs(codes) >= EXACT)

        def both(values: Exact) -> list[Any]:
            span = 1 << self.bits
            return [tuple((int(e) - low) % span + low for e in ends(v)) for v in values]

        codes.reshape(-1)[large] = decide(x, large, both)
        rest = np.abs(codes) < EXACT
        if self.bits <= 53:
            codes = np.where(rest, np.mod(codes - low, 2.0**self.bits) + low, codes)
        if np.abs(codes).max(initial=0.0) >= EXACT:
            raise CompileError(
                f"integers beyond 2^53 in a tensor of {self.bits} bits",
                help="the simulator holds integers below 2^53; the model's sums are larger",
            )
        return Grid(codes, whole(Fraction(1), codes.ndim))


def staircase(
    x: Number, step: Callable[[Floats], Floats], exactly: Callable[[Fraction], int]
) -> Number:
    """A rising integer function of x, exact: on floats where their error cannot matter."""
    bounded = x.bounded()
    reach = bounded.error * (1 + 2 * ROUNDING) + (bounded.error > 0) * 5e-324
    low = step(bounded.value - reach - ROUNDING * np.abs(bounded.value) * (reach > 0))
    high = step(bounded.value + reach + ROUNDING * np.abs(bounded.value) * (reach > 0))
    low, high = np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape)
    open_ones = np.flatnonzero(low != high)
    if open_ones.size:
        low = low.copy()

        def both(values: Exact) -> list[Any]:
            return [tuple(exactly(end) for end in ends(v)) for v in values]

        low.reshape(-1)[open_ones] = decide(x, open_ones, both)
    if np.abs(low).max(initial=0.0) >= EXACT:
        return too_large(x, low, exactly)
    return Grid(low, whole(Fraction(1), low.ndim))


def too_large(x: Number, steps: Floats, exactly: Callable[[Fraction], int]) -> Bounded:
    """Integers that float64 does not hold: those from 2^53 on are known up to their rounding."""
    error = np.where(np.abs(steps) >= EXACT, np.abs(steps) * 4 * ROUNDING, 0.0)

    def step(_: int, value: Any) -> Any:
        low, high = (Fraction(exactly(end)) for end in ends(value))
        return low if low == high else Interval(low, high)

    return Bounded(steps, error, lazily(step, (x,), steps.shape))


def nearest(x: Number) -> Number:
    """Each element rounded to the nearest integer, halves to even."""
    bounded = x.bounded()
    found = np.rint(bounded.value)
    if np.any(bounded.error):
        gap = np.subtract(bounded.value, found)
        np.abs(gap, out=gap)
        limit = 0.5 - bounded.error * (1 + 2 * ROUNDING) - ROUNDING
        if bounded.error.size > 1 or not gap.max(initial=0.0) < limit.flat[0]:
            _settle(x, found, np.flatnonzero(~(gap < limit)))
    most = bounded.magnitude() + 1
    if most >= EXACT and np.abs(found).max(initial=0.0) >= EXACT:
        return too_large(x, found, lambda q: round_exact(q, Rounding.HALF_EVEN))
    return Grid(found, whole(Fraction(1), found.ndim), min(most, EXACT))


def _settle(x: Number, found: Floats, index: Index) -> None:
    """Write the roundings of elements that are too close to a half for floats."""
    if index.size > 64 and isinstance(x, Grid):
        quotients = _quotients(x, index)
        if quotients is not None:
            found.reshape(-1)[index] = quotients
            return
    if index.size:

        def both(values: Exact) -> list[Any]:
            return [tuple(round_exact(e, Rounding.HALF_EVEN) for e in ends(v)) for v in values]

        found.reshape(-1)[index] = decide(x, index, both)


def _quotients(x: Grid, index: Index) -> Floats | None:
    """Single elements by integer division, where that fits int64."""
    top, bottom = integer_ratio(x.unit)
    most = max(abs(t) for t in top.flat)
    if max(most * int(x.magnitude()), 1) * 4 * max(bottom.flat) >= 2**62:
        return None
    place = pull(index, x.shape, x.unit.shape)
    numerator = x.codes.reshape(-1)[index].astype(np.int64)
    numerator = numerator * top.reshape(-1)[place].astype(np.int64)
    denominator = bottom.reshape(-1)[place].astype(np.int64)
    return divide(numerator, denominator, Rounding.HALF_EVEN).astype(np.float64)


def decide(x: Number, index: Index, function: Callable[[Exact], list[Any]]) -> Floats:
    """`function` gives a result for each end of the exact elements; refine until they agree."""
    precision = 64
    out = np.zeros(index.size)
    left = np.arange(index.size)
    results = function(x.at(index, precision))
    while True:
        undecided = [i for i, (a, b) in enumerate(results) if a != b]
        out[left] = [float(a) for a, _ in results]
        if not undecided:
            return out
        precision *= 4
        if precision > MOST_BITS:
            raise CompileError(
                "a rounding cannot be decided: a value lies on a boundary as far as can be seen",
                help="the model divides or takes roots so that ties cannot be told; report it",
            )
        # Elements that are decided keep their result; the rest is asked again, more precisely.
        results = function(x.at(index, precision))


def reached(x: Number, threshold: Number) -> Floats:
    """1 where x >= threshold, decided exactly, else 0."""
    a, b = x.bounded(), threshold.bounded()
    gap = a.value - b.value
    error = a.error + b.error + ROUNDING * np.abs(gap)
    out = np.where(gap >= error, 1.0, 0.0)
    close = np.flatnonzero(np.broadcast_to((np.abs(gap) <= error) & (error > 0), out.shape))
    if close.size:
        difference = Bounded(gap, error, lazily(lambda _, p, q: p - q, (x, threshold), out.shape))

        def both(values: Exact) -> list[Any]:
            return [tuple(end >= 0 for end in ends(v)) for v in values]

        out.reshape(-1)[close] = decide(difference, close, both)
    return out
