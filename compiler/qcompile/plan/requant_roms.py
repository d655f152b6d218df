"""The constants of a requantizer, form by form, as arrays [folds, lanes]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops.requant import Arithmetic, Form, Requant, Scale, Steps, Table
from qcompile.plan.streams import Number, Rom
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class ScaleRoms:
    """`clip((multiplier·a + offset) >> shift, low, high)`, but for listed places.

    The shift rounds down, or halves to even in the channels that `even` marks.
    """

    multiplier: Rom
    offset: Rom
    shift: Rom
    low: Rom
    high: Rom
    even: Rom | None  # 1 or 0, if any channel rounds halves to even
    product: Number  # holds multiplier·a + offset, what rounding adds, and both limits
    places: Rom | None  # [folds, lanes, exceptions]
    results: Rom | None

    @property
    def roms(self) -> tuple[Rom, ...]:
        all_roms = (self.multiplier, self.offset, self.shift, self.low, self.high)
        optional = (self.even, self.places, self.results)
        return (*all_roms, *(r for r in optional if r is not None))

    @property
    def exceptions(self) -> int:
        return 0 if self.places is None else self.places.values.shape[-1]


@dataclass(frozen=True, eq=False)
class StepRoms:
    """A binary search: level i compares with one of 2^i breaks, found by the results before it."""

    levels: tuple[Rom, ...]  # level i is [folds, lanes, 2^i]
    values: Rom  # [folds, lanes, 2^levels]

    @property
    def roms(self) -> tuple[Rom, ...]:
        return (*self.levels, self.values)


@dataclass(frozen=True, eq=False)
class TableRoms:
    """`values[a - base]`."""

    base: Rom
    index: Number
    values: Rom  # [folds, lanes, entries]

    @property
    def roms(self) -> tuple[Rom, ...]:
        return (self.base, self.values)


@dataclass(frozen=True, eq=False)
class RequantRoms:
    """What the channels need: one form, or several and which channel has which."""

    scale: ScaleRoms | None
    steps: StepRoms | None
    table: TableRoms | None
    kind: Rom | None  # 0: scale, 1: steps, 2: table; None where all are alike

    @property
    def roms(self) -> tuple[Rom, ...]:
        parts = (p.roms for p in (self.scale, self.steps, self.table) if p is not None)
        own = () if self.kind is None else (self.kind,)
        return (*(rom for part in parts for rom in part), *own)


def requant_roms(name: str, op: Requant, x: QType, lanes: int) -> RequantRoms:
    """The constants for words of `lanes` channels; one form for all takes a single row."""
    forms = op.forms if len(op.forms) > 1 else op.forms * lanes
    lows = x.lows() if len(op.forms) > 1 else np.full(lanes, x.minimum)
    highs = x.highs() if len(op.forms) > 1 else np.full(lanes, x.maximum)
    kinds = np.array([(Scale, Steps, Table).index(type(f)) for f in forms])
    present = sorted(set(kinds.tolist()))
    maker = _Maker(name, forms, lows, highs, lanes)
    return RequantRoms(
        scale=maker.scale() if 0 in present else None,
        steps=maker.steps() if 1 in present else None,
        table=maker.table() if 2 in present else None,
        kind=maker.rom("kind", kinds) if len(present) > 1 else None,
    )


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the arrays; a channel of another form has harmless entries."""

    name: str
    forms: tuple[Form, ...]
    lows: Ints
    highs: Ints
    lanes: int

    def rom(self, part: str, values: Ints) -> Rom:
        """[channels, ...] as [folds, lanes, ...], one row where all rows are alike."""
        rows = values.reshape(-1, self.lanes, *values.shape[1:])
        if bool(np.all(rows == rows[:1])):
            rows = rows[:1]
        return Rom.holding(f"{self.name}_{part}", rows)

    def scale(self) -> ScaleRoms:
        idle = next(f for f in self.forms if isinstance(f, Scale))
        scales = [f if isinstance(f, Scale) else idle for f in self.forms]
        ends = [0]
        for f, low, high in zip(self.forms, self.lows, self.highs, strict=True):
            if isinstance(f, Scale):
                sums = [f.multiplier * int(a) + f.offset for a in (low, high)]
                half = 1 << f.shift - 1 if f.arithmetic is Arithmetic.EVEN else 0
                ends += [*sums, half, *(s + half for s in sums)]
                ends += [f.multiplier * int(a) for a in (low, high)] + [f.low, f.high]
        places, results = self._exceptions(scales)
        even = np.array([int(f.arithmetic is Arithmetic.EVEN) for f in scales])
        return ScaleRoms(
            multiplier=self.rom("multiplier", np.array([f.multiplier for f in scales])),
            offset=self.rom("offset", np.array([f.offset for f in scales])),
            shift=self.rom("shift", np.array([f.shift for f in scales])),
            low=self.rom("low", np.array([f.low for f in scales])),
            high=self.rom("high", np.array([f.high for f in scales])),
            even=self.rom("even", even) if even.any() else None,
            product=Number.holding(*ends),
            places=places,
            results=results,
        )

    def _exceptions(self, scales: list[Scale]) -> tuple[Rom | None, Rom | None]:
        """Listed places and results; a channel with fewer lists its lowest place, as it is."""
        most = max(len(f.exceptions) for f in scales)
        if most == 0:
            return None, None
        rows = []
        for f, low, own in zip(scales, self.lows, self.forms, strict=True):
            filler = (int(low), int(f.run(np.array([low]))[0]) if f is own else 0)
            rows.append([*f.exceptions, *[filler] * (most - len(f.exceptions))])
        pairs = np.array(rows, np.int64)
        return self.rom("place", pairs[..., 0]), self.rom("result", pairs[..., 1])

    def steps(self) -> StepRoms:
        stairs = [f if isinstance(f, Steps) else None for f in self.forms]
        depth = max(len(f.breaks) for f in stairs if f is not None).bit_length()
        breaks = np.zeros((len(stairs), 2**depth - 1), np.int64)
        values = np.zeros((len(stairs), 2**depth), np.int64)
        for c, f in enumerate(stairs):
            if f is not None:
                count = len(f.breaks)
                breaks[c] = (
                    max(int(self.highs[c]), int(f.breaks.max(initial=0))) + 1
                )  # never reached
                breaks[c, :count] = f.breaks
                values[c] = f.values[-1]
                values[c, : count + 1] = f.values
        levels = [breaks[:, 2 ** (depth - 1 - i) - 1 :: 2 ** (depth - i)] for i in range(depth)]
        return StepRoms(
            levels=tuple(self.rom(f"level{i}", level) for i, level in enumerate(levels)),
            values=self.rom("value", values),
        )

    def table(self) -> TableRoms:
        tables = [f if isinstance(f, Table) else None for f in self.forms]
        entries = max(len(f.values) for f in tables if f is not None)
        values = np.zeros((len(tables), entries), np.int64)
        base = np.zeros(len(tables), np.int64)
        for c, f in enumerate(tables):
            if f is not None:
                values[c, : len(f.values)] = f.values
                base[c] = f.base
        return TableRoms(
            base=self.rom("base", base),
            index=Number.holding(0, entries - 1),
            values=self.rom("entry", values),
        )
