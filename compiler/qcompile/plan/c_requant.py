"""The constants of requantizers, channel by channel, as the C kernels read them.

Each form is narrowed to the accumulators that its channel can reach, and every intermediate value
is checked against its container once more, so that a wrong range upstream cannot overflow quietly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntFlag

import numpy as np

from qcompile.ops import Requant
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table, parts
from qcompile.plan.c_types import I32, I64, U8, U32, Array, CType, Kernel, ints, kernel
from qcompile.qtype import QType


class FormBit(IntFlag):
    """QC_SHIFT and so on, of qc.h."""

    SHIFT = 1
    WORD = 2
    EVEN = 4
    SPLIT = 8
    HIGH = 16
    LONG = 32
    STEPS = 64
    TABLE = 128
    # Of the kernel only: a channel without them has an empty list, and a bound that bounds nothing.
    EXCEPTIONS = 256
    BOUND = 512


@dataclass(frozen=True)
class Finish:
    """What a kernel does with its accumulators."""

    kernel: Kernel
    fields: tuple[tuple[str, str], ...] = ()  # of the structure with the constants, if any
    arrays: tuple[Array, ...] = ()
    uniform: bool = True  # all channels alike

    @property
    def constants(self) -> str:
        return "&requant" if self.fields else "NULL"


@dataclass(frozen=True)
class Row:
    """The constants of one channel."""

    form: FormBit
    shift: int = 0
    pre: int = 0
    split: int = 0
    bound: int = I32.high
    multiplier: int = 0
    offset: int = 0
    low: int = 0
    high: int = 0
    places: tuple[int, ...] = ()
    results: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the type of multipliers must hold; splitting one goes up to 2^split beyond it."""
        unit = 1 << self.split if self.split else 0
        return self.multiplier - unit, self.multiplier + unit, unit, self.offset


@dataclass(frozen=True)
class Reach:
    """What a channel's accumulators and results can be, and their C types."""

    low: int
    high: int
    result_low: int
    result_high: int
    accumulator: CType
    result: CType


def store(accumulator: CType, result: CType) -> Finish:
    """Keeps accumulators as they are."""
    return Finish(kernel("qc_store", A=accumulator, Y=result))


def requantize(
    name: str, op: Requant, source: QType, out: QType, accumulator: CType, result: CType
) -> Finish:
    """The constants of `op` on accumulators of type `source`; arrays are called `name`_..."""
    rows = _rows(op, source, out, accumulator, result)
    if all(r == rows[0] for r in rows):
        rows = rows[:1]
    wide = not I32.holds(*(v for r in rows for v in r.numbers))
    scale = I64 if wide else I32
    arrays = _arrays(name, rows, accumulator, result, scale)
    fields = [("uniform", str(int(len(rows) == 1)))]
    fields += [(a.name.removeprefix(f"{name}_"), a.name) for a in arrays]
    forms = 0
    for row in rows:
        forms |= row.form
    made = replace(kernel("qc_requant", A=accumulator, Y=result, M=scale), forms=int(forms))
    return Finish(made, tuple(fields), tuple(arrays), len(rows) == 1)


def _rows(op: Requant, source: QType, out: QType, accumulator: CType, result: CType) -> list[Row]:
    if len(op.forms) == 1:
        reach = Reach(source.minimum, source.maximum, out.minimum, out.maximum, accumulator, result)
        return [row(op.forms[0], reach)]
    ends = zip(source.lows(), source.highs(), out.lows(), out.highs(), strict=True)
    return [
        row(f, Reach(int(a), int(b), int(c), int(d), accumulator, result))
        for f, (a, b, c, d) in zip(op.forms, ends, strict=True)
    ]


def _arrays(
    name: str, rows: list[Row], accumulator: CType, result: CType, scale: CType
) -> list[Array]:
    """One array a field; those that no channel needs are left out."""
    forms = 0
    for r in rows:
        forms |= r.form
    kinds = FormBit.WORD | FormBit.EVEN | FormBit.SPLIT | FormBit.HIGH | FormBit.LONG
    multiplied, of_channel = forms & kinds, ~(FormBit.EXCEPTIONS | FormBit.BOUND)
    scaled = multiplied | forms & FormBit.SHIFT
    listed = forms & (FormBit.STEPS | FormBit.EXCEPTIONS)
    looked_up = listed or forms & FormBit.TABLE
    places, place_at = _pool([r.places for r in rows])
    results, result_at = _pool([r.results for r in rows])
    table = [
        (True, "form", U8, [int(r.form & of_channel) for r in rows]),
        (scaled, "shift", U8, [r.shift for r in rows]),
        (any(r.pre for r in rows), "pre", U8, [r.pre for r in rows]),
        (forms & FormBit.SPLIT, "split", U8, [r.split for r in rows]),
        (forms & FormBit.BOUND, "bound", I32, [r.bound for r in rows]),
        (multiplied, "multiplier", scale, [r.multiplier for r in rows]),
        (scaled or forms & FormBit.TABLE, "offset", scale, [r.offset for r in rows]),
        (scaled, "low", result, [r.low for r in rows]),
        (scaled, "high", result, [r.high for r in rows]),
        (listed, "count", U32, [len(r.places) for r in rows]),
        (listed, "place_at", U32, place_at),
        (looked_up, "result_at", U32, result_at),
        (listed, "places", accumulator, places),
        (looked_up, "results", result, results),
    ]
    used = [entry[1:] for entry in table if entry[0]]
    return [Array(f"{name}_{field}", kind, ints(values)) for field, kind, values in used]


def _pool(lists: Iterable[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """All lists in one, equal ones once, and where each starts."""
    pool: list[int] = []
    starts: dict[tuple[int, ...], int] = {}
    at = []
    for values in lists:
        if values not in starts:
            starts[values] = len(pool)
            pool.extend(values)
        at.append(starts[values])
    return pool, at


def row(form: Form, reach: Reach) -> Row:
    """One channel's constants, for the accumulators that it reaches."""
    match form:
        case Scale():
            return _scale(form, reach)
        case Steps():
            return _steps(form, reach)
        case Table():
            return _table(form, reach)


def _scale(form: Scale, reach: Reach) -> Row:
    kind = _arithmetic(form, reach)
    width = {FormBit.SHIFT: reach.accumulator, FormBit.LONG: I64}.get(kind, I32)
    low = max(form.low, reach.result_low, width.low)
    high = max(min(form.high, reach.result_high, width.high), low)
    listed = [(a, r) for a, r in form.exceptions if reach.low <= a <= reach.high]
    drop = {FormBit.HIGH: 32, FormBit.SPLIT: form.split}.get(kind, 0)
    found = Row(
        kind | (FormBit.EXCEPTIONS if listed else FormBit(0)),
        shift=min(form.shift - drop, width.bits - 1),
        multiplier=0 if kind is FormBit.SHIFT else form.multiplier,
        offset=form.offset >> drop,
        low=low,
        high=high,
        places=tuple(a for a, _ in listed),
        results=tuple(r for _, r in listed),
    )
    if kind is FormBit.HIGH:
        return replace(found, pre=form.pre, multiplier=form.multiplier >> form.pre)
    if kind is not FormBit.SPLIT:
        return found
    found = replace(found, split=form.split)
    if form.bound is None or (-form.bound - 1 <= reach.low and reach.high <= form.bound):
        return found
    return replace(found, form=found.form | FormBit.BOUND, bound=form.bound)


def _arithmetic(form: Scale, reach: Reach) -> FormBit:
    """The arithmetic that the form names if all its intermediates fit, else the 64-bit one."""
    ends = (reach.low, reach.high)
    sums = [a * form.multiplier + form.offset for a in ends]
    products = [a * form.multiplier for a in ends]
    if form.arithmetic is Arithmetic.EVEN:
        rounded = [s + (1 << form.shift - 1) for s in sums]
        numbers = (*ends, form.multiplier, form.offset, *products, *sums, *rounded)
        assert 1 <= form.shift < 31, "an unproved requantizer"
        assert I32.holds(*numbers), "an unproved requantizer"
        return FormBit.EVEN
    if form.multiplier == 1 and reach.accumulator.holds(form.offset, *sums):
        return FormBit.SHIFT
    if form.arithmetic is Arithmetic.HIGH:
        shifted = [a << form.pre for a in ends]
        uppers = [p >> 32 for p in products]
        upper_sums = [u + (form.offset >> 32) for u in uppers]
        exact = form.offset % 2**32 == 0 and form.multiplier % 2**form.pre == 0
        numbers = (*shifted, *upper_sums, form.multiplier >> form.pre, form.offset >> 32)
        if exact and form.shift >= 32 and I32.holds(*numbers):
            return FormBit.HIGH
    if form.arithmetic is Arithmetic.SPLIT and _splits(form, reach):
        return FormBit.SPLIT
    word = form.arithmetic in (Arithmetic.CLIP, Arithmetic.SHIFT, Arithmetic.WORD)
    if word and I32.holds(*ends, form.multiplier, form.offset, *products, *sums):
        return FormBit.WORD
    assert I64.holds(form.multiplier, form.offset, *products, *sums), "an unproved requantizer"
    return FormBit.LONG


def _splits(form: Scale, reach: Reach) -> bool:
    """Whether both products and all sums fit."""
    upper, lower = parts(form.multiplier, form.split)
    bound = I32.high if form.bound is None else form.bound
    numbers = [upper, lower, form.offset >> form.split]
    for end in (reach.low, reach.high):
        a = min(max(end, -bound - 1), bound)
        product = upper * a + (lower * a >> form.split)
        numbers += [upper * a, lower * a, product, product + (form.offset >> form.split)]
    whole = form.bound is not None or I32.holds(reach.low, reach.high)
    return whole and form.offset % (1 << form.split) == 0 and I32.holds(*numbers)


def _steps(form: Steps, reach: Reach) -> Row:
    """Only the steps between the ends; `places[0]` is where the first result begins."""
    breaks = form.breaks.astype(np.int64)
    skipped = int(np.searchsorted(breaks, reach.low, side="right"))
    kept = int(np.searchsorted(breaks, reach.high, side="right"))
    places = [reach.low, *breaks[skipped:kept].tolist()]
    results = form.values[skipped : kept + 1].tolist()
    last = [i for i in range(len(places)) if i + 1 == len(places) or places[i + 1] > places[i]]
    return Row(
        FormBit.STEPS,
        places=tuple(places[i] for i in last),
        results=tuple(results[i] for i in last),
    )


def _table(form: Table, reach: Reach) -> Row:
    """Only the entries between the ends."""
    start, stop = reach.low - form.base, reach.high - form.base + 1
    assert 0 <= start <= stop <= len(form.values), "a table that does not hold its range"
    return Row(FormBit.TABLE, offset=reach.low, results=tuple(form.values[start:stop].tolist()))
