"""Processes that compute, with the numbers that their templates place.

The templates of a kind are `ops/<kind in snake case>` in `templates/hls` and `templates/rtl`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from qcompile.plan.multipliers import ACCUMULATOR, OPERANDS, Multiplier
from qcompile.plan.pe_groups import Grouping
from qcompile.plan.requant_lanes import RequantLanes
from qcompile.plan.requant_roms import RequantRoms
from qcompile.plan.schedule import Run, Schedule, overlapped
from qcompile.plan.streams import Number, Process, Rom


@dataclass(frozen=True)
class Geometry:
    """A window over images of channels-last words."""

    images: int
    height: int
    width: int
    folds: int  # words of a pixel
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    out_height: int
    out_width: int
    pad: int  # what a tap on padding reads

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def windows(self) -> int:
        return self.images * self.out_height * self.out_width

    @property
    def reach(self) -> int:
        """Image rows that a window spans."""
        return (self.kernel[0] - 1) * self.dilations[0] + 1

    @property
    def rows(self) -> int:
        """Image rows kept: those of a window, and those that arrive for the next one."""
        return self.reach + (self.strides[0] if self.out_height > 1 else 0)

    @property
    def schedule(self) -> Schedule:
        """Rows arrive while windows leave: each row of windows takes the longer of the two.

        Before the first row of windows, the rows that it spans arrive; while the last one leaves,
        whatever is left of the image.
        """
        row_words, leaving = self.width * self.folds, self.out_width * self.folds * self.taps
        loaded = 0
        rows: list[Run] = []
        for oy in range(-1, self.out_height):
            wanted = (oy + 1) * self.strides[0] - self.pads[0] + self.reach
            wanted = self.height if oy == self.out_height - 1 else min(max(wanted, 0), self.height)
            arriving = max(wanted - loaded, 0)
            loaded += arriving
            rows += overlapped(arriving * row_words, leaving if oy >= 0 else 0)
        return Schedule.of((self.images, rows))


@dataclass(frozen=True, eq=False, kw_only=True)
class Window(Process):
    """Sends every tap of every window: fold by fold, row by row, column by column."""

    geometry: Geometry

    @property
    def schedule(self) -> Schedule:
        return self.geometry.schedule

    @property
    def latency(self) -> int:
        """The read register of the memory."""
        return 1


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixVector(Process):
    """Weighted sums of windows of `columns` words; a window is buffered, then met turn by turn."""

    windows: int
    columns: int  # words of one block of a window
    grouping: Grouping
    multiplier: Multiplier = Multiplier.LUT

    @property
    def roms(self) -> tuple[Rom, ...]:
        return group_roms(self.grouping)

    @property
    def schedule(self) -> Schedule:
        """The first turn of a block reads a window, the others meet it again."""
        rest = self.columns - 1
        first = (Run(rest, (0,)), Run(1, (0,), True))
        again = (Run(rest), Run(1, (), True)) * (self.grouping.turns - 1)
        return Schedule.of((self.windows * self.grouping.blocks, (*first, *again)))

    @property
    def latency(self) -> int:
        return OPERANDS + self.multiplier.levels(self.inputs[0].lanes) + ACCUMULATOR


@dataclass(frozen=True, eq=False, kw_only=True)
class Depthwise(Process):
    """Each lane's own weighted sum over the taps of a window."""

    windows: int
    taps: int
    grouping: Grouping  # one block; its turns are the words of a pixel
    multiplier: Multiplier = Multiplier.LUT

    @property
    def roms(self) -> tuple[Rom, ...]:
        return group_roms(self.grouping)

    @property
    def schedule(self) -> Schedule:
        return by_taps(self.windows * self.grouping.turns, self.taps)

    @property
    def latency(self) -> int:
        return OPERANDS + self.multiplier.levels(1) + ACCUMULATOR


def by_taps(count: int, taps: int) -> Schedule:
    """`count` times, `taps` words become one."""
    return Schedule.of((count, [Run(taps - 1, (0,)), Run(1, (0,), True)]))


def group_roms(grouping: Grouping) -> tuple[Rom, ...]:
    """All constants of the PE groups."""
    roms = ((g.weights, g.bias, g.offsets) for g in grouping.groups)
    return tuple(rom for group in roms for rom in group if rom is not None)


@dataclass(frozen=True, eq=False, kw_only=True)
class Requantize(Process):
    """A function of each element, for each channel its own; `folds` words make a pixel."""

    folds: int
    forms: RequantRoms

    @property
    def pixels(self) -> int:
        return self.inputs[0].words // self.folds

    @cached_property
    def lanes(self) -> RequantLanes:
        """The constants as the RTL reads them."""
        out = self.outputs[0]
        return RequantLanes.of(self.name, self.forms, out.lanes, out.number)

    @property
    def latency(self) -> int:
        return self.lanes.latency

    @property
    def memories(self) -> tuple[Rom, ...]:
        return self.lanes.roms

    @property
    def roms(self) -> tuple[Rom, ...]:
        return self.forms.roms


@dataclass(frozen=True, eq=False, kw_only=True)
class AddStreams(Process):
    """`first·a + second·b + constant`."""

    first: int
    second: int
    constant: int

    @property
    def latency(self) -> int:
        """The products, and the sum."""
        return 2

    @property
    def constant_type(self) -> Number:
        return Number.holding(self.constant)

    @property
    def first_type(self) -> Number:
        return Number.holding(self.first)

    @property
    def second_type(self) -> Number:
        return Number.holding(self.second)


@dataclass(frozen=True, eq=False, kw_only=True)
class MulStreams(Process):
    """`(a - first)·(b - second)`."""

    first: int
    second: int
    first_type: Number  # of the differences
    second_type: Number

    @property
    def latency(self) -> int:
        """The differences, and the product."""
        return 2

    @property
    def zero_type(self) -> Number:
        return Number.holding(self.first, self.second)


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixProduct(Process):
    """`batches` products of [rows, depth] and [depth, columns]."""

    batches: int
    rows: int
    depth: int
    first: int
    second: int
    first_type: Number  # of the differences
    second_type: Number

    @property
    def latency(self) -> int:
        """The codes, their differences, the products, the accumulator."""
        return 4

    @property
    def zero_type(self) -> Number:
        return Number.holding(self.first, self.second)

    @property
    def folds(self) -> int:
        return self.inputs[1].words // (self.batches * self.depth)

    @property
    def schedule(self) -> Schedule:
        """The right matrix arrives, then rows of the left one meet it, each read for fold 0."""
        rest = self.depth - 1
        first = (Run(rest, (0,)), Run(1, (0,), True))
        again = (Run(rest), Run(1, (), True)) * (self.folds - 1)
        load = Run(self.depth * self.folds, (1,))
        return Schedule.of((self.batches, (load, *(first + again) * self.rows)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Rank(Process):
    """Places of the first `count` of each run of `size` codes."""

    size: int
    count: int
    largest: bool
    last: bool

    @property
    def runs(self) -> int:
        return self.inputs[0].words // self.size

    @property
    def latency(self) -> int:
        return 1

    @property
    def schedule(self) -> Schedule:
        return Schedule.of((self.runs, [Run(self.size, (0,)), Run(self.count, (), True)]))
