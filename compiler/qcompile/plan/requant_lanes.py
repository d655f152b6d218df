"""A requantizer in registers: its constants lane by lane, and when each is read.

A stage is a register of the pipeline; constants of several folds are read from memories, the others
are literals. Every form of the layer takes its own lanes only; results wait for the slowest form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qcompile.plan.requant_roms import RequantRoms, ScaleRoms, StepRoms, TableRoms
from qcompile.plan.streams import Number, Rom
from qcompile.qtype import Ints

LITERAL = 2048  # bits of a table that may stand in the text; larger ones are files


def single(rom: Rom) -> bool:
    """Whether all folds share one row."""
    return len(rom.values) == 1


def of_lanes(rom: Rom, lanes: tuple[int, ...]) -> Rom:
    """The columns of `lanes`, one row where all rows are alike."""
    return collapsed(rom.name, rom.values[:, list(lanes)])


def collapsed(name: str, values: Ints) -> Rom:
    """One row where all rows are alike."""
    alike = bool(np.all(values == values[:1]))
    return Rom.holding(name, values[:1] if alike else values)


@dataclass(frozen=True, eq=False)
class ScaleLanes:
    """Product, sum, rounding, shift and clip of the lanes that have a `Scale` in some fold."""

    lanes: tuple[int, ...]
    multiplier: Rom
    offset: Rom
    bases: Rom  # [1, lanes]: the least shift of each lane
    extra: Rom  # [folds, lanes]: what the shift of a fold has above it
    low: Rom
    high: Rom
    even: Rom | None
    places: Rom | None
    results: Rom | None
    sum: Number  # as wide as a signed sum needs

    @classmethod
    def of(cls, roms: ScaleRoms, lanes: tuple[int, ...]) -> ScaleLanes:
        shift = roms.shift.values[:, list(lanes)]
        base = shift.min(axis=0, keepdims=True)
        even, places, results = (
            None if r is None else of_lanes(r, lanes)
            for r in (roms.even, roms.places, roms.results)
        )
        return cls(
            lanes=lanes,
            multiplier=of_lanes(roms.multiplier, lanes),
            offset=of_lanes(roms.offset, lanes),
            bases=Rom.holding(f"{roms.shift.name}_base", base),
            extra=collapsed(f"{roms.shift.name}_extra", shift - base),
            low=of_lanes(roms.low, lanes),
            high=of_lanes(roms.high, lanes),
            even=even,
            places=places,
            results=results,
            sum=Number(roms.product.bits + (not roms.product.signed), True),
        )

    @property
    def _constants(self) -> tuple[Rom, ...]:
        own = (self.multiplier, self.offset, self.extra, self.low, self.high)
        optional = (self.even, self.places, self.results)
        return (*own, *(r for r in optional if r is not None))

    @property
    def roms(self) -> tuple[Rom, ...]:
        """Those that are memories."""
        return tuple(r for r in self._constants if not single(r))

    @property
    def exceptions(self) -> int:
        return 0 if self.places is None else self.places.values.shape[-1]

    @property
    def enters(self) -> bool:
        """Whether a code waits in a register while its first constants are read."""
        return bool(self.roms)

    @property
    def multiplies(self) -> bool:
        """Whether the product has a register of its own: not where it is a mere shift."""
        size = np.abs(self.multiplier.values)
        return not single(self.multiplier) or bool(np.any(size & (size - 1)))

    @property
    def sum_stage(self) -> int:
        """Registers before the sum's."""
        return self.enters + self.multiplies

    @property
    def clip_stage(self) -> int:
        """Registers before the clip's."""
        return self.sum_stage + 1 + (self.even is not None)

    @property
    def latency(self) -> int:
        return self.clip_stage + 1


@dataclass(frozen=True, eq=False)
class LaneTables:
    """The tables of one lane: files that begin with `files`, or literals for a single row."""

    lane: int
    files: str  # "" where the tables are literals
    folds: int
    tables: tuple[Rom, ...]  # [folds * 2^i]
    index: int  # address bits of the last table, without the fold

    @property
    def breaks(self) -> Rom:
        """All breaks of a single row, level after level."""
        values = np.concatenate([t.values for t in self.tables[:-1]])
        return Rom("breaks", self.tables[0].number, values.reshape(1, -1))

    @property
    def values(self) -> Rom:
        last = self.tables[-1]
        return Rom("values", last.number, last.values.reshape(1, -1))


def folds_of(levels: list[Ints]) -> int:
    """Rows of all arrays, or 1 where all rows are alike."""
    return 1 if all(bool(np.all(v == v[:1])) for v in levels) else levels[0].shape[0]


def lane_tables(
    stem: str, lane: int, folds: int, levels: list[Ints], breaks: Number, out: Number
) -> LaneTables:
    """From [folds, 2^i] arrays: breaks level by level, and values."""
    numbers = [*[breaks] * (len(levels) - 1), out]
    size = sum(n.bits * v[:folds].size for n, v in zip(numbers, levels, strict=True))
    files = f"{stem}_lane{lane}_" if folds > 1 or size > LITERAL else ""
    tables = tuple(
        Rom(f"{files}{i:02}", n, v[:folds].reshape(-1))
        for i, (n, v) in enumerate(zip(numbers, levels, strict=True))
    )
    return LaneTables(lane, files, folds, tables, levels[-1].shape[1].bit_length() - 1)


@dataclass(frozen=True, eq=False)
class StepLanes:
    """Binary searches, one for each lane that has a `Steps` in some fold."""

    lanes: tuple[int, ...]
    levels: int
    breaks: Number
    tables: tuple[LaneTables, ...]

    @classmethod
    def of(cls, name: str, roms: StepRoms, lanes: tuple[int, ...], out: Number) -> StepLanes:
        levels = [np.broadcast_to(r.values, _folds(roms.roms, r)) for r in roms.roms]
        if len(levels) == 1:  # a constant: a level whose result does not matter
            zero = np.zeros((*levels[0].shape[:2], 1), np.int64)
            levels = [zero, np.repeat(levels[0], 2, axis=2)]
        ends = [int(e) for v in levels[:-1] for e in (v.min(), v.max())]
        breaks = Number.holding(*ends)
        folds = folds_of([v[:, list(lanes)] for v in levels])
        tables = tuple(
            lane_tables(f"{name}_steps", i, folds, [v[:, i] for v in levels], breaks, out)
            for i in lanes
        )
        return cls(lanes, len(levels) - 1, breaks, tables)

    @property
    def roms(self) -> tuple[Rom, ...]:
        return tuple(rom for t in self.tables if t.files for rom in t.tables)

    @property
    def enters(self) -> bool:
        return any(t.folds > 1 for t in self.tables)

    @property
    def latency(self) -> int:
        return self.levels + self.enters


@dataclass(frozen=True, eq=False)
class TableLanes:
    """Direct tables, turned so that the low bits of a code are the index."""

    lanes: tuple[int, ...]
    tables: tuple[LaneTables, ...]
    latency: int = 1

    @classmethod
    def of(cls, name: str, roms: TableRoms, lanes: tuple[int, ...], out: Number) -> TableLanes:
        size = 2**roms.index.bits
        shape = _folds((roms.base, roms.values), roms.base)
        base = np.broadcast_to(roms.base.values, shape)
        values = np.broadcast_to(roms.values.values, (*shape, roms.values.values.shape[-1]))
        codes = (np.arange(size) - base[..., np.newaxis]) % size
        padded = np.pad(values, ((0, 0), (0, 0), (0, size - values.shape[-1])))
        turned = np.take_along_axis(padded, codes, axis=2)
        each = [[turned[:, i]] for i in lanes]
        tables = tuple(
            lane_tables(f"{name}_table", i, folds_of(v), v, out, out)
            for i, v in zip(lanes, each, strict=True)
        )
        return cls(lanes, tables)

    @property
    def roms(self) -> tuple[Rom, ...]:
        return tuple(rom for t in self.tables if t.files for rom in t.tables)


def _folds(roms: tuple[Rom, ...], rom: Rom) -> tuple[int, ...]:
    """The shape of an array with as many rows as the longest of `roms` has."""
    return (max(r.values.shape[0] for r in roms), *rom.values.shape[1:])


FORMS = ("scale", "steps", "table")  # by kind


@dataclass(frozen=True)
class Choice:
    """Where results of a form are: lane `place` of `signal`."""

    kind: int
    signal: str
    place: int


@dataclass(frozen=True, eq=False)
class RequantLanes:
    """The forms of a layer, each with its lanes, and the form of each element."""

    scale: ScaleLanes | None
    steps: StepLanes | None
    table: TableLanes | None
    kinds: tuple[frozenset[int], ...]  # of each lane; 0: scale, 1: steps, 2: table
    mixed: tuple[int, ...]  # the lanes that have several
    kind: Rom | None  # [folds, mixed]

    @classmethod
    def of(cls, name: str, roms: RequantRoms, lanes: int, out: Number) -> RequantLanes:
        every = tuple(range(lanes))
        parts = (roms.scale, roms.steps, roms.table)
        only = next(i for i, part in enumerate(parts) if part is not None)
        kinds = tuple(
            frozenset({only} if roms.kind is None else roms.kind.values[:, i].tolist())
            for i in every
        )
        own = [tuple(i for i in every if k in kinds[i]) for k in range(len(parts))]
        mixed = tuple(i for i in every if len(kinds[i]) > 1)
        return cls(
            scale=None if roms.scale is None else ScaleLanes.of(roms.scale, own[0]),
            steps=None if roms.steps is None else StepLanes.of(name, roms.steps, own[1], out),
            table=None if roms.table is None else TableLanes.of(name, roms.table, own[2], out),
            kinds=kinds,
            mixed=mixed,
            kind=of_lanes(roms.kind, mixed) if roms.kind and mixed else None,
        )

    @property
    def parts(self) -> Iterator[ScaleLanes | StepLanes | TableLanes]:
        yield from (p for p in self._forms if p is not None)

    @cached_property
    def roms(self) -> tuple[Rom, ...]:
        """Those that are memories."""
        kind = () if self.kind is None else (self.kind,)
        return (*(rom for part in self.parts for rom in part.roms), *kind)

    @property
    def latency(self) -> int:
        return max(part.latency for part in self.parts)

    @property
    def alone(self) -> str:
        """The name of the form that all elements have, if there is one."""
        names = [n for n, part in zip(FORMS, self._forms, strict=True) if part is not None]
        return names[0] if len(names) == 1 else ""

    @property
    def choices(self) -> tuple[tuple[Choice, ...], ...]:
        """For each lane, where results of the forms are that its elements have."""
        return tuple(
            tuple(Choice(k, f"{FORMS[k]}_out", self._place(k, lane)) for k in sorted(kinds))
            for lane, kinds in enumerate(self.kinds)
        )

    def _place(self, kind: int, lane: int) -> int:
        part = self._forms[kind]
        assert part is not None, "a form that some lane has"
        return part.lanes.index(lane)

    @property
    def _forms(self) -> tuple[ScaleLanes | StepLanes | TableLanes | None, ...]:
        return self.scale, self.steps, self.table

    @property
    def folded(self) -> bool:
        """Whether the constants depend on the fold."""
        return bool(self.kind) or any(_several(part) for part in self.parts)


def _several(part: ScaleLanes | StepLanes | TableLanes) -> bool:
    if isinstance(part, ScaleLanes):
        return part.enters
    return any(t.folds > 1 for t in part.tables)
