"""From a function of one integer tensor to proved forms, channel by channel.

The function is evaluated by the oracle, never by rounded thresholds; where it rises or falls
throughout, its steps are found by bisection, else by looking at every reachable integer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table
from qcompile.passes.forms import scale_form, with_exceptions
from qcompile.passes.staircase import Staircase
from qcompile.qtype import Ints
from qcompile.semantics.base import Signs

Function = Callable[[Ints], Ints]
"""Integers [K, C] to integers [K, C]: the function of each channel, at K places."""

MOST_STEPS = 1 << 22  # steps that are searched for, over all channels
MOST_PLACES = 1 << 24  # integers that are looked at one by one, over all channels
CHUNK = 1 << 20
MOST_TABLE = 1 << 12  # integers that a table may be as long as, when nothing else will do
NEAR = 5  # how far from a straight line the steps of a rounded line can be


@dataclass(frozen=True, eq=False)
class Proved:
    """One form a channel, the range of its results, and how it was proved."""

    forms: tuple[Form, ...]
    low: Ints
    high: Ints
    method: str


def prove(function: Function, lo: Ints, hi: Ints, direction: Signs | None) -> Proved:
    """Forms equal to `function` on [lo_c, hi_c] for each channel c.

    `direction` [C] is 1 where it rises, -1 where it falls, 0 where it does not move; None where
    that is unknown. Raises CompileError where the range is too wide to be looked at.
    """
    if direction is None:
        return by_looking(function, lo, hi)
    sign = np.where(direction < 0, -1, 1).astype(np.int64)
    bottom, top = np.minimum(sign * lo, sign * hi), np.maximum(sign * lo, sign * hi)

    def rising(a: Ints) -> Ints:
        return function(sign * a)

    first = rising(bottom[np.newaxis])[0]
    last = rising(top[np.newaxis])[0]
    assert np.all(first <= last), "a function that was to rise falls"
    if int((last - first).sum()) > MOST_STEPS:
        return by_line(function, lo, hi, sign)
    breaks = bisected(rising, bottom, top, first, last)
    cache: dict[tuple[Any, ...], Form] = {}
    forms = []
    for c, found in enumerate(breaks):
        key = (int(bottom[c]), int(top[c]), int(first[c]), int(sign[c]), found.tobytes())
        if key not in cache:
            stairs = Staircase(int(bottom[c]), int(top[c]), int(first[c]), found)
            cache[key] = cheapest(stairs, negate=sign[c] < 0)
        forms.append(cache[key])
    return Proved(tuple(forms), first, last, "bisection of a monotone function")


def cheapest(stairs: Staircase, negate: bool) -> Form:
    """The best form of one channel: multiply-shift, with exceptions, or the steps themselves."""
    scale = scale_form(stairs, negate) or with_exceptions(stairs, negate)
    if scale is not None:
        return scale
    size = stairs.hi - stairs.lo + 1
    values = np.arange(stairs.first, stairs.last + 1, dtype=np.int64)
    if negate:
        breaks = 1 - stairs.breaks[::-1]  # f(-a) falls: it leaves level k at a = 1 - T_k
        steps = distinct(Steps(breaks, values[::-1]))
        return as_table(steps, -stairs.hi, size) if size <= 256 else steps
    steps = distinct(Steps(stairs.breaks, values))
    return as_table(steps, stairs.lo, size) if size <= 256 else steps


def distinct(steps: Steps) -> Steps:
    """Without levels that are jumped over: of equal breaks only the last counts."""
    if len(steps.breaks) < 2:
        return steps
    last = np.append(steps.breaks[1:] != steps.breaks[:-1], True)
    kept = np.flatnonzero(last)
    return Steps(steps.breaks[kept], np.concatenate([steps.values[:1], steps.values[1:][kept]]))


def as_table(steps: Steps, base: int, size: int) -> Table:
    """The staircase written out."""
    return Table(base, steps.run(np.arange(base, base + size, dtype=np.int64)))


def bisected(function: Function, lo: Ints, hi: Ints, first: Ints, last: Ints) -> list[Ints]:
    """For each channel the least a in [lo, hi] at which each level first..last is reached.

    The outermost levels are searched for; the others lie near a line between them, or else are
    searched for too. Each step asks for many places at once, since asking costs most.
    """
    rows = int((last - first).max(initial=0))
    if rows == 0:
        return [np.empty(0, np.int64) for _ in lo]
    levels = np.minimum(first + 1 + np.arange(rows, dtype=np.int64)[:, np.newaxis], last)
    outer = np.stack([np.minimum(first + 1, last), last])
    start, stop = searched(function, outer, np.stack([lo - 1] * 2), np.stack([hi] * 2), 64)
    span = np.maximum(last - first - 1, 1)
    guess = start + (levels - outer[0]) * (stop - start) // span
    below, above = np.maximum(guess - NEAR, lo - 1), np.minimum(guess + NEAR, hi)
    ends = function(np.concatenate([np.maximum(below, lo), above]))
    missed = (below >= lo) & (ends[:rows] >= levels) | (ends[rows:] < levels)
    below, above = np.where(missed, lo - 1, below), np.where(missed, hi, above)
    found = searched(function, levels, below, above, 8)
    return [found[: int(n), c] for c, n in enumerate(last - first)]


def searched(function: Function, levels: Ints, below: Ints, above: Ints, parts: int) -> Ints:
    """The least a in (below, above] with f(a) >= level, for levels [R, C]; f(above) reaches it."""
    cuts = np.arange(1, parts, dtype=np.int64)[:, np.newaxis, np.newaxis]
    while np.any(above - below > 1):
        places = below + (above - below) * cuts // parts  # [parts - 1, R, C], rising
        asked = np.maximum(places, below + (above - below > 1))
        reached = function(asked.reshape(-1, asked.shape[-1])).reshape(asked.shape) >= levels
        reached &= asked > below
        above = np.where(reached, asked, above).min(axis=0)
        below = np.where(reached, below, np.minimum(asked, above - 1)).max(axis=0)
    return above


def by_looking(function: Function, lo: Ints, hi: Ints) -> Proved:
    """Any function, evaluated at every reachable integer."""
    sizes = hi - lo + 1
    if int(sizes.max()) * len(lo) > MOST_PLACES:
        raise CompileError(
            f"a function that neither rises nor falls has {int(sizes.max())} possible inputs",
            help="quantize its input to 16 bits or fewer first",
        )
    values = everywhere(function, lo, int(sizes.max()))
    forms = [tabulated(int(lo[c]), values[: int(n), c]) for c, n in enumerate(sizes)]
    ends = np.array([form.ends() for form in forms], np.int64)
    return Proved(tuple(forms), ends[:, 0], ends[:, 1], "every reachable integer")


def everywhere(function: Function, lo: Ints, size: int) -> Ints:
    """f at lo, lo + 1, ..., `size` places for each channel: [size, C]."""
    step = max(CHUNK // len(lo), 1)
    parts = []
    for start in range(0, size, step):
        places = np.arange(start, min(start + step, size), dtype=np.int64)
        parts.append(function(lo + places[:, np.newaxis]))
    return np.concatenate(parts)


def tabulated(lo: int, values: Ints) -> Form:
    """A table, or steps where there are fewer of them."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1
    if len(values) <= max(256, 4 * len(changes)):
        return Table(lo, values)
    return Steps(lo + changes, values[np.concatenate([[0], changes])])


def by_line(function: Function, lo: Ints, hi: Ints, sign: Ints) -> Proved:
    """A clipped straight line with integer slope and offset, checked at every integer.

    For functions with very many results, such as Relu of an accumulator.
    """
    size = int((hi - lo).max()) + 1
    if size * len(lo) > 8 * MOST_PLACES:
        raise CompileError(
            "a function of an accumulator has too many results to be proved",
            help="quantize the tensor to 16 bits or fewer",
        )
    values = everywhere(function, lo, size)
    forms: list[Form] = []
    for c in range(len(lo)):
        column = values[: int(hi[c] - lo[c]) + 1, c]
        line = straight(int(lo[c]), column)
        if line is None and size > MOST_TABLE:
            raise CompileError(
                "a function of an accumulator has too many results to be proved",
                help="quantize the tensor to 16 bits or fewer",
            )
        forms.append(line or tabulated(int(lo[c]), column))
    ends = np.array([form.ends() for form in forms], np.int64)
    return Proved(tuple(forms), ends[:, 0], ends[:, 1], "every reachable integer")


def straight(lo: int, column: Ints) -> Scale | None:
    """The clipped line through the values at lo, lo + 1, ..., or None where there is none."""
    steps = np.diff(column)
    slope = int(steps[np.argmax(np.abs(steps))]) if len(steps) else 0
    active = np.flatnonzero(steps == slope)
    offset = int(column[active[0]]) - slope * (lo + int(active[0])) if slope else 0
    low, high = int(column.min()), int(column.max())
    a = np.arange(lo, lo + len(column), dtype=np.int64)
    form = Scale(Arithmetic.LONG, slope, offset, 0, low, high)
    if not np.array_equal(form.run(a), column):
        return None
    largest = max(abs(slope * int(a[0])), abs(slope * int(a[-1]))) + abs(offset)
    if largest >= 2**31:
        return form
    kind = Arithmetic.CLIP if (slope, offset) == (1, 0) else Arithmetic.WORD
    return replace(form, arithmetic=kind)


def kinds(forms: tuple[Form, ...]) -> dict[str, int]:
    """How many channels have which form, by the names that reports use."""
    names = [f.arithmetic.value if isinstance(f, Scale) else type(f).__name__ for f in forms]
    renamed = {"Steps": "thresholds", "Table": "table"}
    return dict(sorted(Counter(renamed.get(n, n) for n in names).items()))
