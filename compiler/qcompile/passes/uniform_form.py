"""One arithmetic for all channels of a requantizer, found from their proved forms alone.

Kernels want the shifts of a layer in registers, the same for every channel. Whatever form a
channel was given, it is a staircase on its range; the staircases are met again by
`clip((M_c·a + b_c·2^split) >> (split + shift))` with numbers that are proved, as in
`staircase.py`, for all channels at once: arrays are [channels, steps].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qcompile.ops.requant import Requant, parts
from qcompile.passes.split_form import most_bits, tight
from qcompile.passes.staircase import TRIES, WORD_LIMIT
from qcompile.passes.steps_of_forms import Columns, Floats, columns_of
from qcompile.qtype import Ints, QType, bits_for

Mask = NDArray[np.bool_]

MOST_SPLIT = 16  # a multiplier of this many more bits than fit one product is fine enough
SHIFTS_TRIED = 6  # below the largest shift that may fit, which leaves the most room
SAFE = 2**61  # sums of which two fit 64 bits


class Machine(Enum):
    """What computes `(M·a >> split) + b`, before the last shift and the limits."""

    WORD = "one 32-bit product; split is 0"
    SPLIT = "two 32-bit products, of the upper and the lower part of M; their sums fit 32 bits"
    HIGH = "the upper half of (a << 32 - split)·M, 32-bit numbers; sums fit 32 bits"
    LONG = "an exact 64-bit product of 32-bit numbers and a 64-bit sum; split is 0, shift >= 32"
    UNIT = "an exact 64-bit product of 32-bit numbers; b fits 32 bits, sums do not overflow"


@dataclass(frozen=True)
class UnsignedClip:
    """To [0, 2^width - 1]."""

    width: int


@dataclass(frozen=True)
class SignedClip:
    """To [-2^(width - 1), 2^(width - 1) - 1]."""

    width: int


@dataclass(frozen=True, eq=False)
class Limits:
    """To [low_c, high_c]: one pair, or one a channel."""

    low: Ints
    high: Ints


Clip = UnsignedClip | SignedClip | Limits


@dataclass(frozen=True, eq=False)
class UniformForm:
    """`clip(((M_c·a >> split) + b_c) >> shift)`, with the numbers that all channels share.

    `bound`, if any, clamps a to [-bound - 1, bound] first; where a power of two serves it is one
    less than that. `multiplier` and `offset` (b) have one entry a form of the requantizer.
    """

    machine: Machine
    split: int
    shift: int
    bound: int | None
    multiplier: Ints
    offset: Ints
    clip: Clip

    @property
    def upper(self) -> Ints:
        """The part of the multipliers for the product that is not shifted."""
        return parts(self.multiplier, self.split)[0]

    @property
    def lower(self) -> Ints:
        """The other part: signed numbers of `split` bits."""
        return parts(self.multiplier, self.split)[1]

    def run(self, a: Ints) -> Ints:
        """The results for accumulators [..., channels]."""
        if self.bound is not None:
            a = np.clip(a, -self.bound - 1, self.bound)
        total = (self.multiplier * a >> self.split) + self.offset
        out: Ints = np.clip(total >> self.shift, *ends(self.clip))
        return out


def ends(clip: Clip) -> tuple[Ints, Ints]:
    """The least and the greatest result: one, or one a channel."""
    match clip:
        case UnsignedClip():
            return np.array([0]), np.array([(1 << clip.width) - 1])
        case SignedClip():
            half = 1 << clip.width - 1
            return np.array([-half]), np.array([half - 1])
        case Limits():
            return clip.low, clip.high


def uniform_form(op: Requant, x: QType, *machines: Machine) -> UniformForm | None:
    """The first of `machines` that serves all channels of `op` on accumulators x, proved; or None.

    A clamped accumulator is tried after one that is not, and limits that are no whole width last.
    Without `machines`: one product, two, an upper half.
    """
    one = len(op.forms) == 1
    lows = np.array([x.minimum]) if one else x.lows()
    highs = np.array([x.maximum]) if one else x.highs()
    return _form(op, lows.tobytes(), highs.tobytes(), machines)


@lru_cache(maxsize=512)  # layers that are split have many parts with one requantizer
def _form(
    op: Requant, low: bytes, high: bytes, machines: tuple[Machine, ...]
) -> UniformForm | None:
    """The same; the ends of the accumulators are int64."""
    columns = columns_of(op.forms, np.frombuffer(low, np.int64), np.frombuffer(high, np.int64))
    if columns is None:
        return None
    hard: list[int] = []
    for machine in machines or (Machine.WORD, Machine.SPLIT, Machine.HIGH):
        for bound in bounds(columns, machine):
            near = columns.clamped(bound)
            for clip in clips(columns):
                found = searched(near, machine, clip, hard)
                if found is not None:
                    split, shift, multiplier, offset = found
                    return UniformForm(machine, split, shift, bound, multiplier, offset, clip)
    return None


def bounds(columns: Columns, machine: Machine) -> Iterator[int | None]:
    """No clamp, where every accumulator fits 32 bits; one to 2^n - 1; one just around the steps."""
    if columns.size <= WORD_LIMIT:
        yield None
    if machine not in (Machine.UNIT, Machine.LONG):
        yield from (b for b in tight(columns.reach) if b < columns.size and b <= WORD_LIMIT)


def clips(columns: Columns) -> Iterator[Clip]:
    """From the cheapest: the width that holds all results, their common limits, all limits."""
    low, high = int(columns.first.min()), int(columns.last.max())
    width = max(bits_for(low, high), 1)
    full: Clip = UnsignedClip(width) if low >= 0 else SignedClip(width)
    yield full
    if (low, high) != tuple(int(e[0]) for e in ends(full)):
        yield Limits(np.array([low]), np.array([high]))
    if np.any(columns.first != low) or np.any(columns.last != high):
        yield Limits(columns.first, columns.last)


def searched(
    columns: Columns, machine: Machine, clip: Clip, hard: list[int]
) -> tuple[int, int, Ints, Ints] | None:
    """(split, shift, M [C], b [C]) for the largest shift that serves every channel, or None.

    `hard` collects channels that failed before: they are looked at first.
    """
    low, high = (np.broadcast_to(e, columns.first.shape) for e in ends(clip))
    for shift, split in shifts(columns, machine):
        attempt = Attempt(columns, machine, split, shift, low, high)
        left = attempt.failing(hard[-1:]) or attempt.failing(range(len(columns.first)))
        if not left:
            return split, shift, attempt.multiplier, attempt.offset
        hard.append(left[0])
    return None


def shifts(columns: Columns, machine: Machine) -> Iterator[tuple[int, int]]:
    """(shift, split) that may fit, those that leave the most room first."""
    whole = machine in (Machine.HIGH, Machine.UNIT)  # M itself fits 32 bits
    split = min(most_bits(columns.size + 1), MOST_SPLIT) if machine is Machine.SPLIT else 0
    finest = int(31 - np.log2(float(columns.slope.max()) or 2.0**-31))
    if machine is Machine.LONG:
        yield from ((s, 0) for s in long_shifts(columns, finest))
        return
    height = 0.0 if machine is Machine.UNIT else columns.height
    top = int(32 - np.log2(max(columns.height_at_zero, height, 1.0)))
    for shift in range(min(top, 31), max(top - SHIFTS_TRIED, -1), -1):
        if whole:
            split = min(finest - shift, 32 if machine is Machine.HIGH else 31)
        if split >= 0 and columns.highest_level() << (split + shift) < SAFE:
            yield shift, split


def long_shifts(columns: Columns, finest: int) -> Iterator[int]:
    """The largest shifts with which multipliers fit 32 bits and sums 64, from 32 on."""
    top = finest
    while top >= 32 and columns.highest_level() << top >= SAFE:
        top -= 1
    yield from range(top, max(top - SHIFTS_TRIED, 31), -1)


class Attempt:
    """The constants of channels for given shifts and limits, as far as there are any."""

    def __init__(
        self, columns: Columns, machine: Machine, split: int, shift: int, low: Ints, high: Ints
    ) -> None:
        self.columns, self.machine, self.split, self.shift = columns, machine, split, shift
        self.low, self.high = low, high
        self.multiplier, self.offset = np.zeros_like(low), np.zeros_like(low)

    def failing(self, channels: Sequence[int]) -> list[int]:
        """Those for which nothing is found; the rest after the first of them may not be tried."""
        left = self._solved(np.array(channels, np.int64), self.columns.slope.take)
        first = self._solved(left[:1], self.columns.finest)
        if not len(first):
            first = self._solved(left[1:], self.columns.finest)
        return [int(c) for c in first]

    def _solved(self, left: Ints, slopes: Callable[[Ints], Floats]) -> Ints:
        """Finds constants with multipliers near these slopes; the channels that have none."""
        for nudge in TRIES:
            if not len(left):
                break
            part = self.columns.of(left)
            exact = np.ldexp(slopes(left), self.split + self.shift)
            tried = np.where(part.rising, np.maximum(np.rint(exact) + nudge, 0), 0)
            multiplier = tried.astype(np.int64)
            least, greatest = part.offsets(
                multiplier, self.split + self.shift, self.low[left], self.high[left]
            )
            lowest, highest = -(-least >> self.split), greatest >> self.split
            offset = np.minimum(np.maximum(lowest, 0), highest)
            multiplier *= part.sign
            good = (lowest <= highest) & fits(part, self.machine, self.split, multiplier, offset)
            self.multiplier[left[good]], self.offset[left[good]] = multiplier[good], offset[good]
            left = left[~good]
        return left


def fits(columns: Columns, machine: Machine, split: int, multiplier: Ints, offset: Ints) -> Mask:
    """Where all intermediate values fit the machine, for every accumulator: [C]."""
    numbers = [] if machine is Machine.LONG else [offset]
    if machine in (Machine.HIGH, Machine.UNIT, Machine.LONG):
        numbers.append(multiplier)
    else:
        numbers += parts(multiplier, split)
    for a in (columns.lo, columns.hi):
        match machine:
            case Machine.HIGH:
                upper = multiplier * a >> split
                numbers += [a << (32 - split), upper, upper + offset]
            case Machine.WORD | Machine.SPLIT:
                coarse, fine = (part * a for part in parts(multiplier, split))
                total = coarse + (fine >> split)
                numbers += [a, coarse, fine, total, total + offset]
    stacked = np.stack(numbers)
    good: Mask = np.all((stacked >= -WORD_LIMIT - 1) & (stacked <= WORD_LIMIT), axis=0)
    return good & (np.abs(offset) < SAFE)
