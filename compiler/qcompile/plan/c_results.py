"""How sums become codes inside the tile kernels: one arithmetic for all channels of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

import numpy as np

from qcompile.ops import Requant
from qcompile.passes.uniform_form import (
    SAFE,
    Limits,
    Machine,
    SignedClip,
    UniformForm,
    ends,
    uniform_form,
)
from qcompile.plan.c_types import I32
from qcompile.qtype import Ints, QType
from qcompile.rtl import Isa


class By(Enum):
    """QC_BY_WORD and so on, of qc_tile.h."""

    WORD = "QC_BY_WORD"
    SPLIT = "QC_BY_SPLIT"
    HIGH = "QC_BY_HIGH"
    LONG = "QC_BY_LONG"
    UNIT = "QC_BY_UNIT"
    CALL = "QC_BY_CALL"


BY = {
    Machine.WORD: By.WORD,
    Machine.SPLIT: By.SPLIT,
    Machine.HIGH: By.HIGH,
    Machine.LONG: By.LONG,
    Machine.UNIT: By.UNIT,
}
CLOSER = (Machine.WORD, Machine.SPLIT, Machine.HIGH, Machine.LONG)  # with any limits


@dataclass(frozen=True, eq=False)
class Results:
    """Fields as in `qc_product` and `qc_run` of qc_tile.h, and columns for its `qc_scale`s."""

    by: By
    signed: bool
    low: int  # QC_Y_LOW: added after a clip to 0 .. limit
    limit: int
    split: int
    shift: int
    clamp: int | None
    scales: Ints  # [channels or 1, 3]: low, high, offset

    @property
    def in_kernel(self) -> bool:
        return self.by is not By.CALL

    @property
    def clip(self) -> tuple[bool, int, int]:
        """What all runs of a layer must share."""
        return self.signed, self.low, self.limit

    def of(self, channels: slice) -> Results:
        """Of some of the channels."""
        return self if len(self.scales) == 1 else replace(self, scales=self.scales[channels])

    def suffix(self, bits: int) -> str:
        """For the name of a kernel whose results are stored with `bits` bits."""
        kind = self.by.name.lower()
        if not self.in_kernel:
            return kind
        least = f"_from_{self.low}".replace("-", "m") if self.low else ""
        sign = "i" if self.signed else "u"
        return f"{kind}{'' if self.clamp is None else '_clamp'}_{sign}{bits}{least}"


CALL = Results(By.CALL, False, 0, 0, 0, 0, None, np.zeros((1, 3), np.int64))


def results(op: Requant, sums: QType, isa: Isa) -> Results:
    """The requantizer on such sums as the kernels for `isa` can do it, else `CALL`."""
    machines = (Machine.UNIT, *CLOSER) if isa is Isa.MPIC_Q else CLOSER
    for machine in machines:
        form = uniform_form(op, sums, machine)
        if form is not None:
            made = fitted(form, sums)
            if made is not None:
                return made
    return CALL


Part = tuple[slice, Results]


def results_by_parts(
    op: Requant, sums: QType, isa: Isa, runs: Sequence[slice], step: int
) -> list[list[Part]]:
    """For each run of channels its parts of whole `step`s, and how their results are made.

    One arithmetic for all of them, or each run its own, or each part of a run; all results that
    are not `CALL` have one clip.
    """
    whole = results(op, sums, isa)
    if whole.by not in (By.LONG, By.CALL):
        return [[(run, whole.of(run))] for run in runs]
    found = [list(merged(op, sums, isa, parts_of(op, sums, isa, run, step))) for run in runs]
    clips = Counter(r.clip for parts in found for _, r in parts if r.in_kernel)
    called = any(not r.in_kernel for parts in found for _, r in parts)
    if whole.in_kernel and (called or len(clips) > 1):
        return [[(run, whole.of(run))] for run in runs]
    clip = clips.most_common(1)[0][0] if clips else CALL.clip
    return [[(c, r if r.clip == clip else CALL) for c, r in parts] for parts in found]


def parts_of(op: Requant, sums: QType, isa: Isa, run: slice, step: int) -> Iterator[Part]:
    """The run cut in halves, again and again, until the parts have an arithmetic or no halves."""
    made = results(*part_of(op, sums, run.start, run.stop), isa)
    steps = -(-(run.stop - run.start) // step)
    if made.in_kernel or steps == 1:
        yield run, made
        return
    middle = run.start + steps // 2 * step
    yield from parts_of(op, sums, isa, slice(run.start, middle), step)
    yield from parts_of(op, sums, isa, slice(middle, run.stop), step)


def merged(op: Requant, sums: QType, isa: Isa, parts: Iterable[Part]) -> Iterator[Part]:
    """Neighbours together where one arithmetic, or none, serves both."""
    last, made = slice(0, 0), CALL
    for run, own in parts:
        both = slice(last.start, run.stop)
        together = CALL
        if made.in_kernel and own.in_kernel:
            together = results(*part_of(op, sums, both.start, both.stop), isa)
        if last.start == last.stop:
            last, made = run, own
        elif together.in_kernel or not (made.in_kernel or own.in_kernel):
            last, made = both, together
        else:
            yield last, made
            last, made = run, own
    yield last, made


@lru_cache(maxsize=512)  # so that what `uniform_form` remembers of the part is found again
def part_of(op: Requant, sums: QType, first: int, after: int) -> tuple[Requant, QType]:
    """The requantizer and the sums of the channels from `first` to before `after`."""
    part = slice(first, after)
    forms = op.forms if len(op.forms) == 1 else op.forms[part]
    low, high = (e if e.size == 1 else e[part] for e in (op.type_low, op.type_high))
    shape = (*sums.shape[:-1], after - first)
    return Requant(forms, low, high), QType.of(shape, sums.lows()[part], sums.highs()[part])


def fitted(form: UniformForm, sums: QType) -> Results | None:
    """The form with limits that one clip and one addition reach; None if there is no such way."""
    low, limit, offset = 0, 0, form.offset
    match form.clip:
        case Limits():
            lows, highs = np.unique(form.clip.low), np.unique(form.clip.high)
            if form.machine is Machine.UNIT or len(lows) > 1 or len(highs) > 1:
                return None
            low, limit = int(lows[0]), int(highs[0] - lows[0])
            offset = offset - (low << form.shift)
            if not fits(form, offset, sums):
                return None
        case _:
            limit = int(ends(form.clip)[1][0])
    split = 32 - form.split if form.machine is Machine.HIGH else form.split
    signed = isinstance(form.clip, SignedClip)
    columns, shift = scales(form, offset)
    return Results(BY[form.machine], signed, low, limit, split, shift, form.bound, columns)


def scales(form: UniformForm, offset: Ints) -> tuple[Ints, int]:
    """(low, high, offset of `qc_scale` for each channel, the last shift): see qc_tile.h."""
    none = np.zeros_like(form.multiplier)
    match form.machine:
        case Machine.SPLIT:
            columns = [form.lower, form.upper, offset]
        case Machine.LONG:
            low_half = (offset + (1 << 31)) % (1 << 32) - (1 << 31)
            columns = [form.multiplier, low_half, offset >> 32]
            return np.stack(columns, axis=1), form.shift - 32
        case _:
            columns = [none, form.multiplier, offset]
    return np.stack(columns, axis=1), form.shift


def fits(form: UniformForm, offset: Ints, sums: QType) -> bool:
    """Whether the last sum, which rises or falls with the first, stays within 32 bits."""
    if form.machine is Machine.LONG:
        return bool(np.all(np.abs(offset) < SAFE))
    bound = form.bound if form.bound is not None else I32.high
    for end in (sums.lows(), sums.highs()):
        a = np.clip(end, -bound - 1, bound)
        total = (form.multiplier * a >> form.split) + offset
        if not I32.holds(int(total.min()), int(total.max())):
            return False
    return I32.holds(int(offset.min()), int(offset.max()))
