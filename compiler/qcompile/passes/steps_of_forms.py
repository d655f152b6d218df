"""The staircases that proved forms are, all channels of a requantizer side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qcompile.ops.requant import Arithmetic, Form, Scale, Steps
from qcompile.passes.staircase import Staircase, best_slope, edges
from qcompile.qtype import Ints

Floats = NDArray[np.float64]

FEW_STEPS = 4
MOST_STEPS = 1 << 22  # [channels, steps] entries that are worth the time


@dataclass(frozen=True, eq=False)
class Columns:
    """Rising staircases of x = sign·a: arrays [C], and [C, K] where there is an entry a step.

    A channel with fewer than K steps repeats its last; one without any is not `rising`, and has
    its one value as a level that it reaches at its least x. [lo, hi] is the range of a.
    """

    sign: Ints
    lo: Ints
    hi: Ints
    first: Ints
    last: Ints
    levels: Ints
    breaks: Ints
    slope: Floats  # of a line that makes the staircase, or nearly
    finer: dict[int, float] = field(default_factory=dict)  # slopes with the most room, when asked

    @property
    def rising(self) -> NDArray[np.bool_]:
        return self.last > self.first

    @property
    def size(self) -> int:
        """The largest |a|, or one less where that is negative."""
        return max(-int(self.lo.min()) - 1, int(self.hi.max()))

    @property
    def reach(self) -> int:
        """The least bound beyond which no a, nor -a, makes a step."""
        steps = self.breaks[self.rising]
        return int(np.abs(steps).max(initial=0)) + 1

    @property
    def height(self) -> float:
        """How large products become, in units of the result."""
        largest = np.maximum(np.abs(self.lo), np.abs(self.hi))
        return float((self.slope * largest).max(initial=0))

    @property
    def height_at_zero(self) -> float:
        """How large the offsets are, in units of the result."""
        gaps = self.levels - self.slope[:, np.newaxis] * self.breaks
        return float(np.abs(np.where(self.rising[:, np.newaxis], gaps, self.levels)).max())

    def highest_level(self) -> int:
        """The largest magnitude of a result, and one more."""
        return max(abs(int(self.first.min())), abs(int(self.last.max()))) + 1

    def of(self, channels: Ints) -> Columns:
        """Some of the channels."""
        arrays = {
            name: getattr(self, name)[channels]
            for name in ("sign", "lo", "hi", "first", "last", "levels", "breaks", "slope")
        }
        return Columns(**arrays)

    def clamped(self, bound: int | None) -> Columns:
        """With a between -bound - 1 and bound, where it still makes all steps."""
        if bound is None:
            return self
        assert self.reach <= bound, "a clamp that crosses a step"
        lo, hi = (np.clip(e, -bound - 1, bound) for e in (self.lo, self.hi))
        return replace(self, lo=lo, hi=hi)

    def finest(self, channels: Ints) -> Floats:
        """The slopes with the most room for an offset."""
        for c in channels.tolist():
            if c not in self.finer:
                lo, hi = sorted((int(self.sign[c] * self.lo[c]), int(self.sign[c] * self.hi[c])))
                count = int(self.last[c] - self.first[c])
                stairs = Staircase(lo, hi, int(self.first[c]), self.breaks[c, :count])
                self.finer[c] = best_slope(stairs) if count else 0.0
        return np.array([self.finer[c] for c in channels.tolist()])

    def offsets(self, multiplier: Ints, shift: int, low: Ints, high: Ints) -> tuple[Ints, Ints]:
        """The least and the greatest B for `clip((M·x + B) >> shift, low, high)`: [C] each.

        Within the limits the first and the last result must come out unclipped.
        """
        x = self.sign * np.stack([self.lo, self.hi])
        wide = multiplier[:, np.newaxis]
        edge = self.levels << shift
        least = (edge - wide * self.breaks).max(axis=1)
        greatest = (edge - 1 - wide * (self.breaks - 1)).min(axis=1)
        bottom = (self.first << shift) - multiplier * x.min(axis=0)
        top = ((self.last + 1) << shift) - 1 - multiplier * x.max(axis=0)
        free = np.int64(2**62)
        least = np.where(self.rising, least, -free)
        greatest = np.where(self.rising, greatest, free)
        return (
            np.where(self.first > low, np.maximum(least, bottom), least),
            np.where(self.last < high, np.minimum(greatest, top), greatest),
        )


def columns_of(forms: Sequence[Form], lo: Ints, hi: Ints) -> Columns | None:
    """The staircases of `forms` on [lo_c, hi_c]; None where one falls and rises, or has too many
    steps.
    """
    pairs = [staircase_of(f, int(a), int(b)) for f, a, b in zip(forms, lo, hi, strict=True)]
    found = [pair for pair in pairs if pair is not None]
    most = max((len(s.breaks) for s, _ in found), default=1) or 1
    if len(found) < len(pairs) or most * len(pairs) > MOST_STEPS:
        return None
    stairs = [s for s, _ in found]
    padded = [
        np.pad(s.breaks, (0, most - len(s.breaks)), mode="edge")
        if len(s.breaks)
        else np.full(most, s.lo)
        for s in stairs
    ]
    first = np.array([s.first for s in stairs])
    last = np.array([s.last for s in stairs])
    levels = np.minimum(first[:, np.newaxis] + 1 + np.arange(most), last[:, np.newaxis])
    slopes = [slope_of(f, s) for f, s in zip(forms, stairs, strict=True)]
    return Columns(
        sign=np.array([sign for _, sign in found]),
        lo=np.array(lo),
        hi=np.array(hi),
        first=first,
        last=last,
        levels=levels,
        breaks=np.stack(padded),
        slope=np.array(slopes),
    )


def slope_of(form: Form, stairs: Staircase) -> float:
    """The slope of the form as it is, or of the line with the most room.

    A few steps are made by lines of many slopes, and the form's own may be far too steep.
    """
    if not len(stairs.breaks):
        return 0.0
    if isinstance(form, Scale) and len(stairs.breaks) > FEW_STEPS:
        return abs(form.multiplier) / 2.0**form.shift
    return best_slope(stairs)


def staircase_of(form: Form, lo: int, hi: int) -> tuple[Staircase, int] | None:
    """The form on [lo, hi] as a rising staircase of sign·a, and the sign; None if it is neither.

    Evaluated by the form's own definition on both sides of every place where it may change.
    """
    places = changes(form, lo, hi)
    if places is None:
        return None
    values = form.run(np.concatenate([[lo], places]))
    rise = np.diff(values)
    if int(np.abs(rise).sum()) > MOST_STEPS:
        return None
    if np.all(rise >= 0):
        return Staircase(lo, hi, int(values[0]), np.repeat(places, rise)), 1
    if np.all(rise <= 0):
        # Where f falls on going from a - 1 to a, f(-x) rises on going to x = 1 - a.
        breaks = np.repeat((1 - places)[::-1], -rise[::-1])
        return Staircase(-hi, -lo, int(values[-1]), breaks), -1
    return None


def changes(form: Form, lo: int, hi: int) -> Ints | None:
    """All a in (lo, hi] with f(a) != f(a - 1), and maybe others; None if they are too many."""
    if isinstance(form, Scale):
        places = own_steps(form, lo, hi)
    elif isinstance(form, Steps):
        places = form.breaks
    else:
        places = form.base + np.arange(len(form.values), dtype=np.int64)
    return None if places is None else np.unique(places[(places > lo) & (places <= hi)])


def own_steps(form: Scale, lo: int, hi: int) -> Ints | None:
    """Where a multiply-shift leaves each result, and both sides of its exceptions."""
    listed = [place + side for place, _ in form.exceptions for side in (0, 1)]
    m = form.multiplier
    raw = replace(form, exceptions=()).run(np.array([lo, hi]))
    if int(raw.max()) - int(raw.min()) > MOST_STEPS:
        return None
    levels = np.arange(int(raw.min()) + 1, int(raw.max()) + 1, dtype=np.int64)
    even = form.arithmetic is Arithmetic.EVEN
    if (int(np.abs(raw).max()) + 1) << form.shift < 2**61 and abs(form.offset) < 2**61:
        gaps = edges(levels, form.shift, even) - form.offset
    else:
        gaps = np.array([(k << form.shift) - form.offset for k in levels.tolist()], object)
    # The least a with M·a >= gap; a falling function leaves k just after the greatest.
    steps = -(-gaps // m) if m > 0 else gaps // m + 1
    return np.concatenate([steps.astype(np.int64), np.array(listed, np.int64)])
