"""Sizes of requantizers, on AMD parts."""

from __future__ import annotations

from qcompile.plan.processes import Requantize
from qcompile.plan.requant_lanes import ScaleLanes, StepLanes, single
from qcompile.plan.resources_parts import Sizes, bits_of, counter, dsp_blocks, read_only
from qcompile.plan.streams import Number


def requantize(s: Sizes, p: Requantize) -> None:
    f, x, y = p.lanes, p.inputs[0], p.outputs[0].number
    if f.folded:
        counter(s, p.folds)
    s.ff += f.latency
    for part in f.parts:
        late = f.latency - part.latency
        if isinstance(part, ScaleLanes):
            _scale(s, part, x.number, y)
        elif isinstance(part, StepLanes):
            _steps(s, part, x.number, bits_of(p.folds))
        else:
            for t in part.tables:
                for rom in t.tables:
                    read_only(s, rom)
        s.term("late", len(part.lanes) * y.bits * (late > 0))
    if not f.alone:
        s.term("choice", sum(y.bits * (len(c) - 1) for c in f.choices))


def _scale(s: Sizes, f: ScaleLanes, x: Number, y: Number) -> None:
    count = len(f.lanes)
    for rom in f.roms:
        read_only(s, rom)
    a, m = x.bits + 1, f.multiplier.number.bits + 1
    if f.multiplies:
        each = dsp_blocks(a, m)
        s.dsp += count * each
        s.term("wide product", count * (a + m) * (each > 1 and not single(f.multiplier)))
    bases = f.bases.values.reshape(-1)
    extra = int(f.extra.values.max())
    whole = clips_to_type(f, y)
    for base in bases.tolist():
        left = max(f.sum.bits - base, 1)
        s.term("sum", 0 if f.multiplies else min(x.bits + 1, f.sum.bits))
        s.term("shift", left * bits_of(extra + 1) if extra else 0)
        s.term("saturate" if whole else "clip", (left - y.bits) / 5 + 1 if whole else left)
        s.term("clipped", 0 if whole else y.bits)
    s.term("even", count * f.sum.bits * (f.even is not None))
    s.term("listed", count * f.exceptions * (x.bits + y.bits))
    inside = f.multiplies and dsp_blocks(a, m) == 1  # the sum is in the DSP block
    s.ff += count * (y.bits + (0 if inside else f.sum.bits))
    s.ff += count * x.bits if f.enters and not f.multiplies else 0


def clips_to_type(f: ScaleLanes, y: Number) -> bool:
    """Whether the limits are the ends of the type: resets and sets of the result's registers."""
    low, high = (-(2 ** (y.bits - 1)), 2 ** (y.bits - 1) - 1) if y.signed else (0, 2**y.bits - 1)
    return bool((f.low.values == low).all() and (f.high.values == high).all())


def _steps(s: Sizes, f: StepLanes, x: Number, fold_bits: int) -> None:
    for t in f.tables:
        several = t.folds > 1
        for i, rom in enumerate(t.tables):
            if i or several:
                read_only(s, rom)
        width = max(x.bits, f.breaks.bits) + 1
        s.term("first compare", width * (not several))
        s.term("compare", width * (f.levels - (not several)))
        s.term("lane", 1)
        held = x.bits + (fold_bits if several else 0)
        s.ff += held * (f.levels - 1 + several) + sum(range(1, f.levels))
