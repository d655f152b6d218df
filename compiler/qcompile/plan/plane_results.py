"""How the sums of a depthwise convolution become codes: biases are part of the requantizer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from qcompile.ops import Conv, Requant
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table
from qcompile.passes.uniform_form import (
    Limits,
    Machine,
    SignedClip,
    UniformForm,
    uniform_form,
)
from qcompile.plan.c_layers import Site
from qcompile.qtype import Ints, QType
from qcompile.rtl import Isa

MACHINES = (Machine.WORD, Machine.SPLIT, Machine.LONG)
RESULT = {  # cycles, with the store
    Machine.WORD: 4,
    Machine.SPLIT: 6,
    Machine.LONG: 12,
    Machine.UNIT: 2,
}


@dataclass(frozen=True, eq=False)
class Results:
    """How sums become codes: through `form`, or by `finish`, after adding `bias`."""

    form: UniformForm | None
    bias: Ints

    @property
    def signed(self) -> bool:
        return self.form is not None and isinstance(self.form.clip, SignedClip)

    @property
    def width(self) -> int:
        if self.form is None:
            return 8
        assert not isinstance(self.form.clip, Limits)
        return self.form.clip.width

    @property
    def clamps(self) -> bool:
        return self.form is not None and self.form.bound is not None

    @property
    def instructions(self) -> int:
        """With the store."""
        return RESULT[self.form.machine] + self.clamps if self.form else 1

    @property
    def status(self) -> int:
        """The unit's, as qc_requant_status of qc_xcv.h makes it."""
        if self.form is None or self.form.machine is not Machine.UNIT:
            return 0
        clip = (self.width - 1) << 26 | int(self.signed) << 29
        return self.form.split << 16 | self.form.shift << 21 | clip

    @property
    def suffix(self) -> str:
        if self.form is None:
            return "call"
        kind = self.form.machine.name.lower() + "_clamp" * self.clamps
        return f"{kind}_{'i' if self.signed else 'u'}{self.width}"


def results(op: Conv, site: Site, isa: Isa, flip: bool) -> Results:
    """One arithmetic for all channels on sums without bias, or a call of `finish`."""
    bias = op.bias
    if flip:
        moved = -128 if site.x.signed else 128
        bias = bias + moved * op.weight.reshape(len(bias), -1).sum(axis=1)
    if site.requant is None or site.sums is None or site.y.bits != 8:
        return Results(None, bias)
    unit = (Machine.UNIT,) if isa is Isa.MPIC_Q else ()
    moved_op, sums = absorbed(site.requant, site.sums, bias)
    for machine in (*unit, *MACHINES):
        form = uniform_form(moved_op, sums, machine)
        if form is not None and not isinstance(form.clip, Limits):
            return Results(form, bias)
    return Results(None, bias)


def absorbed(op: Requant, sums: QType, bias: Ints) -> tuple[Requant, QType]:
    """The same requantizer for accumulators less `bias` of each channel, and their type."""
    lows, highs = sums.lows() - bias, sums.highs() - bias
    return _moved(op, tuple(bias.tolist())), QType.of(sums.shape, lows, highs)


@lru_cache(maxsize=128)  # layers that are split have many parts with one requantizer
def _moved(op: Requant, bias: tuple[int, ...]) -> Requant:
    forms = op.forms if len(op.forms) > 1 else op.forms * len(bias)
    moved = tuple(moved_form(f, b) for f, b in zip(forms, bias, strict=True))
    return Requant(moved, *(np.broadcast_to(e, len(bias)) for e in (op.type_low, op.type_high)))


def moved_form(form: Form, bias: int) -> Form:
    """The function f'(a) = f(a + bias); its arithmetic is the widest."""
    match form:
        case Steps():
            return Steps(form.breaks - bias, form.values)
        case Table():
            return Table(form.base - bias, form.values)
        case Scale():
            even = form.arithmetic is Arithmetic.EVEN
            return replace(
                form,
                arithmetic=Arithmetic.EVEN if even else Arithmetic.LONG,
                offset=form.offset + form.multiplier * bias,
                pre=0,
                split=0,
                bound=None,
                exceptions=tuple((a - bias, r) for a, r in form.exceptions),
            )
