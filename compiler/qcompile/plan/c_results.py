"""How sums become codes inside the tile kernels: one arithmetic for all channels of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

import numpy as np

from qcompile.ops import Requant
from qcompile.passes.uniform_form import (
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
    UNIT = "QC_BY_UNIT"
    CALL = "QC_BY_CALL"


BY = {
    Machine.WORD: By.WORD,
    Machine.SPLIT: By.SPLIT,
    Machine.HIGH: By.HIGH,
    Machine.UNIT: By.UNIT,
}
CLOSER = (Machine.WORD, Machine.SPLIT, Machine.HIGH)  # with any limits


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


def results_by_run(
    op: Requant, sums: QType, isa: Isa, channels: Sequence[slice]
) -> tuple[Results, ...]:
    """One for each run of channels: the same arithmetic, or else each its own with one clip."""
    whole = results(op, sums, isa)
    if whole.in_kernel or len(channels) == 1:
        return tuple(whole.of(c) for c in channels)
    found = [results(*part_of(op, sums, c.start, c.stop), isa) for c in channels]
    clips = Counter(r.clip for r in found if r.in_kernel)
    if not clips:
        return (CALL,) * len(channels)
    ((clip, _),) = clips.most_common(1)
    return tuple(r if r.clip == clip else CALL for r in found)


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
    whole = form.machine is not Machine.SPLIT
    lower = np.zeros_like(form.multiplier) if whole else form.lower
    upper = form.multiplier if whole else form.upper
    split = 32 - form.split if form.machine is Machine.HIGH else form.split
    scales = np.stack([lower, upper, offset], axis=1)
    signed = isinstance(form.clip, SignedClip)
    return Results(BY[form.machine], signed, low, limit, split, form.shift, form.bound, scales)


def fits(form: UniformForm, offset: Ints, sums: QType) -> bool:
    """Whether the last sum, which rises or falls with the first, stays within 32 bits."""
    bound = form.bound if form.bound is not None else I32.high
    for end in (sums.lows(), sums.highs()):
        a = np.clip(end, -bound - 1, bound)
        total = (form.multiplier * a >> form.split) + offset
        if not I32.holds(int(total.min()), int(total.max())):
            return False
    return I32.holds(int(offset.min()), int(offset.max()))
