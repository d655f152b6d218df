"""How the sums of a layer become codes inside the tile kernels: one arithmetic for all channels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

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
    """Fields as in `qc_product` of qc_tile.h, and columns for its `qc_scale`s."""

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
