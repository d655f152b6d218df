"""Certified numbers: what an oracle computes fast, with what it needs to be exact in the end.

A tensor of reals is a `Grid` (integers times a unit, exact) as long as that is possible in
float64, else `Bounded` (float64, a bound of its error, and a way to the exact value of single
elements). Arrays have a leading axis of samples, of length 1 for what all samples share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.semantics.interval import Exact, fractions
from qcompile.semantics.units import (
    EXACT,
    ROUNDING,
    Floats,
    factors,
    finest,
    finest_along,
    grown,
    largest,
    steps,
    whole,
    without_zeros,
)

Index = NDArray[np.int64]

SMALL = 1 << 12  # elements of a tensor of which one need not ask what looking at it costs
LOOSE = 2.0**-20  # an error bound with which many elements are asked for exactly


@dataclass(frozen=True, eq=False)
class Grid:
    """`codes·unit`, exactly: integers below 2^53 in float64, and rationals that broadcast.

    `unit` has as many axes as `codes`, and one sample. Neither is ever written to.
    """

    codes: Floats
    unit: Exact
    most: float | None = None
    """A bound of |codes|, where one is known; `magnitude` finds the least."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    def at(self, index: Index, precision: int) -> Exact:
        """The exact elements at flat indices."""
        codes = fractions(self.codes.reshape(-1)[index])
        place = pull(index, self.shape, self.unit.shape)
        out: Exact = codes * self.unit.reshape(-1)[place]
        return out

    def raised(self, missing: int) -> Grid:
        """With new axes after that of the samples."""
        found = self._raised.get(missing)
        if found is None:
            shape = (self.shape[0], *(1,) * missing, *self.shape[1:])
            found = Grid(self.codes.reshape(shape), grown(self.unit, missing), self.most)
            self._raised[missing] = found
        return found

    @cached_property
    def _raised(self) -> dict[int, Grid]:
        return {}

    def bounded(self) -> Bounded:
        return self._bounded

    @cached_property
    def _bounded(self) -> Bounded:
        factor = factors(self.unit)
        value = self.codes if factor.one else self.codes * factor.floats
        most = self.bound() * factor.largest
        if most * (2 * ROUNDING) > LOOSE:  # such as by a declared 32 bits: look at the codes
            most = self._magnitude * factor.largest
        error = 0.0 if factor.power_of_two else most * (2 * ROUNDING)
        return Bounded(value, np.full((1,) * value.ndim, error), self.at, most)

    def bound(self) -> float:
        """A bound of |codes|, found without looking at them if possible."""
        return self._magnitude if self.most is None else self.most

    def fits(self, factor: float) -> bool:
        """Whether integers remain exact when they are multiplied by as much as `factor`."""
        return factor * self.bound() < EXACT or factor * self._magnitude < EXACT

    def magnitude(self) -> float:
        """The largest |code|."""
        return self._magnitude

    @cached_property
    def _magnitude(self) -> float:
        return largest(self.codes)


@dataclass(frozen=True, eq=False)
class Bounded:
    """`value`, off by at most `error` (which broadcasts); `at` finds single elements exactly."""

    value: Floats
    error: Floats
    at: Callable[[Index, int], Exact]
    """(flat indices, bits of precision) -> exact numbers."""
    most: float | None = None
    """A bound of |value|, where one is known."""

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def bounded(self) -> Bounded:
        return self

    def magnitude(self) -> float:
        """A bound of |value|."""
        return self._magnitude if self.most is None else self.most

    @cached_property
    def _magnitude(self) -> float:
        return largest(self.value)


Number = Grid | Bounded


def pull(index: Index, shape: tuple[int, ...], narrow: tuple[int, ...]) -> Index:
    """Flat indices into `shape` as flat indices into `narrow`, which broadcasts to it."""
    if shape == narrow:
        return index
    places = np.unravel_index(index, shape)
    kept = [np.zeros_like(p) if n == 1 else p for p, n in zip(places, narrow, strict=True)]
    out: Index = np.ravel_multi_index(kept, narrow) if narrow else np.zeros_like(index)
    return out


def raised(number: Number, rank: int) -> Number:
    """The same number with `rank` axes: new ones come after that of the samples (ONNX's rule)."""
    missing = rank - len(number.shape)
    if missing <= 0:
        return number

    if isinstance(number, Grid):
        return number.raised(missing)

    def grow(array: NDArray[Any]) -> NDArray[Any]:
        return array.reshape(array.shape[0], *(1,) * missing, *array.shape[1:])

    return Bounded(grow(number.value), grow(number.error), number.at, number.most)


def constant(values: NDArray[Any]) -> Grid:
    """A stored constant [*shape] as a number, with a sample axis.

    Stored integers are codes. Reals that differ along at most one axis (scales, biases) become
    units, so that codes stay small; others get integers on one power-of-two grid.
    """
    array = np.asarray(values)[np.newaxis]
    if array.dtype == bool:
        array = array.astype(np.int64)
    if array.dtype.kind in "iu" and np.any(np.abs(array.astype(np.float64)) >= EXACT):
        return Grid(np.ones(array.shape), fractions(array))
    if array.dtype.kind in "iu":
        return Grid(array.astype(np.float64), whole(Fraction(1), array.ndim))
    if sum(s > 1 for s in array.shape) <= 1:
        unit = fractions(array)
        zero = unit == 0
        return Grid(np.where(zero, 0.0, 1.0), without_zeros(unit))
    if np.all(array == np.rint(array)):
        return Grid(array.astype(np.float64), whole(Fraction(1), array.ndim))
    exponent = finest_exponent(array.astype(np.float64))
    codes = np.ldexp(array.astype(np.float64), -exponent)
    if np.abs(codes).max() < EXACT:
        return Grid(codes, whole(Fraction(2) ** exponent, array.ndim))
    return Grid(np.ones(array.shape), fractions(array))


def samples(values: NDArray[Any]) -> Number:
    """A batch of samples [samples, *shape], exactly: integers or finite floats."""
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return Grid(array.astype(np.float64), whole(Fraction(1), array.ndim))
    floats = array.astype(np.float64)
    exponent = finest_exponent(floats)
    codes = np.ldexp(floats, -exponent)
    if np.abs(codes).max(initial=0.0) < EXACT:
        return Grid(codes, whole(Fraction(2) ** exponent, array.ndim))

    def at(index: Index, precision: int) -> Exact:
        return fractions(floats.reshape(-1)[index])

    return Bounded(floats, np.zeros((1,) * floats.ndim), at)


def finest_exponent(array: Floats) -> int:
    """The largest e for which every element is an integer multiple of 2^e."""
    mantissa, exponent = np.frexp(array[array != 0])
    integers = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.log2((integers & -integers).astype(np.float64)).astype(np.int64)
    return int((exponent - 53 + zeros).min(initial=0))


def rescaled(x: Grid, unit: Exact) -> Grid | None:
    """`x` on a finer grid, or None where its codes would not be exact."""
    if unit is x.unit:
        return x
    by = steps(x.unit, unit)
    if not x.fits(by.most):
        return None
    return Grid(x.codes if by.plain else x.codes * by.floats, by.fine, x.bound() * by.most)


def on_common_grid(a: Grid, b: Grid) -> tuple[Grid, Grid] | None:
    """Both on one grid, or None where that is too fine for float64."""
    if a.unit is b.unit:
        return a, b
    if is_zero(b):
        return a, Grid(b.codes, a.unit, 0.0)
    if is_zero(a):
        return Grid(a.codes, b.unit, 0.0), b
    unit = finest(a.unit, b.unit)
    first, second = rescaled(a, unit), rescaled(b, unit)
    return (first, second) if first is not None and second is not None else None


def is_zero(x: Grid) -> bool:
    """Whether all codes are 0; only small tensors are looked at."""
    return x.codes.size <= SMALL and x.magnitude() == 0


def uniform(x: Grid, axes: tuple[int, ...]) -> Grid | None:
    """`x` with a unit that does not change along `axes`, or None where that is too fine."""
    if all(x.unit.shape[a] == 1 for a in axes):
        return x
    unit = finest_along(x.unit, axes)
    fine = rescaled(x, unit)
    return None if fine is None else Grid(fine.codes, unit, fine.most)
