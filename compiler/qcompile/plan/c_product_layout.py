"""Convolutions and dense layers as matrix products: how they are read, and their scratch memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

from qcompile.ops import Conv, Dense
from qcompile.plan import tiles
from qcompile.plan.c_layers import Site, Window, window
from qcompile.plan.c_results import Results
from qcompile.plan.packing import Coding
from qcompile.plan.tiles import Run, Storage
from qcompile.qtype import Ints
from qcompile.rtl import Isa

MIXED = (Isa.MPIC, Isa.MPIC_Q)  # with the mixed-precision unit
BATCH = 2048  # bytes of weights that are unpacked at a time, or one quad
SEGMENTS = 16  # QC_SEGMENTS of qc_tile.h
PATCHES = 1536  # bytes of pixels that are copied out of rows at a time, or four pixels
SIXTEEN = 8192  # products with single pixels for which a kernel of sixteen channels pays
SLACK = 16  # bytes that a last trip may read beyond what it needs


class Reading(Enum):
    """How a layer's activations come to its products."""

    DIRECT = "from the tensor"
    ROWS = "from padded copies of the rows under the kernel"
    PATCHES = "from such rows, after what each pixel needs was copied out of them"
    GATHERED = "from copies of what each pixel needs"


@dataclass(frozen=True)
class Patches:
    """Fields as in `qc_patches` of qc_tile.h."""

    rows: int
    words: int
    bytes: int
    row: int
    step: int
    pixels: int
    place: int


@dataclass(frozen=True, eq=False)
class Shape:
    """A layer as products: its weights by segments, and how it is read."""

    reading: Reading
    segments: Ints  # [O, segments, taps]
    pixels: int
    channels: int  # of the input

    @property
    def count(self) -> int:
        return int(self.segments.shape[1])

    @property
    def taps(self) -> int:
        return int(self.segments.shape[2])


def shaped(op: Conv | Dense, site: Site, runs: tuple[Run, ...]) -> Shape:
    """How the layer is read: directly where pixels lie as they are executed."""
    (x,) = site.inputs
    outputs = op.weight.shape[0]
    whole = op.weight.reshape(outputs, 1, -1)
    taps = whole.shape[2]
    pixels = site.output.size // outputs
    plain = isinstance(op, Dense) or (
        op.kernel == (1, 1) and op.strides == (1, 1) and not any(op.pads)
    )
    even = all(taps % r.lanes == 0 and r.activation_bits == site.x_bits for r in runs)
    if plain and even:
        return Shape(Reading.DIRECT, whole, pixels, x.channels)
    if isinstance(op, Dense):
        return Shape(Reading.GATHERED, whole, pixels, taps)
    by_rows = op.weight.reshape(outputs, op.kernel[0], -1)
    few = op.kernel[0] <= SEGMENTS
    if few and op.dilations[1] == 1 and not wasteful(by_rows, taps, runs):
        return Shape(Reading.ROWS, by_rows, pixels, x.channels)
    return Shape(Reading.GATHERED, whole, pixels, x.channels)


def wasteful(by_rows: Ints, taps: int, runs: tuple[Run, ...]) -> bool:
    """Whether rounding each kernel row up to whole trips takes many more of them."""
    count, width = by_rows.shape[1:]
    return any(count * r.trips(width) > 1.3 * r.trips(taps) + 1 for r in runs)


def patched(op: Conv, shape: Shape, runs: tuple[Run, ...]) -> Shape | None:
    """The same layer with its kernel rows one after the other, none where taps lie apart."""
    if op.dilations[1] > 1 or any(r.shared for r in runs):
        return None
    whole = op.weight.reshape(op.weight.shape[0], 1, -1)
    return replace(shape, reading=Reading.PATCHES, segments=whole)


@dataclass(frozen=True, eq=False)
class Layout:
    """A layer in runs: its passes, how pixels are walked, and what lies in scratch memory."""

    op: Conv | Dense
    site: Site
    shape: Shape
    runs: tuple[Run, ...]
    codings: tuple[Coding, ...]
    results: tuple[Results, ...]  # of each run
    isa: Isa

    def groups(self) -> list[list[Run]]:
        """Runs by passes: those in words together by the width of activations, others alone."""
        direct = [r for r in self.runs if r.storage is Storage.WORDS]
        direct.sort(key=lambda r: (r.activation_bits, r.channel))
        groups = [list(g) for _, g in groupby(direct, key=lambda r: r.activation_bits)]
        return groups + [[r] for r in self.runs if r.storage is Storage.ROWS]

    def several(self) -> bool:
        """Whether there is more than a single sweep over words: qc_passes.inc."""
        groups = self.groups()
        return len(groups) > 1 or groups[0][0].storage is Storage.ROWS

    def y_bits(self) -> int:
        """Of a result where the kernels leave it."""
        return self.site.y_bits if not self.called() else 8

    def of(self, run: Run) -> Results:
        """How the results of a run are made."""
        return self.results[self.runs.index(run)]

    def called(self) -> bool:
        """Whether results of some run are made by a `finish` function."""
        return not all(r.in_kernel for r in self.results)

    def single(self, run: Run) -> bool:
        """Whether the shorter kernels for a single segment serve, which take two trips or more."""
        few = self.shape.count == 1 and run.trips(self.shape.taps) > 1
        return few and self.isa is not Isa.RV32IMC

    def at_once(self) -> int:
        """Pixels of a call."""
        by_rows = self.shape.reading in (Reading.ROWS, Reading.PATCHES)
        return self.site.output.shape[2] if by_rows else self.shape.pixels

    def needs(self) -> int:
        """QC_FORMS. 1: groups of four pixels; 2: single pixels."""
        at_once = self.at_once()
        return (1 if at_once >= 4 else 0) | (2 if at_once % 4 else 0)

    def forms(self, run: Run) -> int:
        """As `needs`, and 4: sixteen channels for single pixels, where they save much."""
        single = self.shape.pixels * (self.at_once() % 4) // self.at_once()
        quads = run.quads // 4 * 4
        pays = single * tiles.QUAD * quads * self.shape.count * self.shape.taps >= SIXTEEN
        return self.needs() | (4 if pays else 0)

    def pixel_step(self, group: list[Run], pixel: int) -> int:
        """Bytes between the words of two neighbouring pixels."""
        match self.shape.reading:
            case Reading.DIRECT:
                return pixel
            case Reading.ROWS:
                assert isinstance(self.op, Conv)
                return self.op.strides[1] * pixel
            case Reading.GATHERED | Reading.PATCHES:
                return self.patch(group)

    def patch(self, group: list[Run]) -> int:
        """Bytes of a pixel's copy; whole words of the last kernel row are copied."""
        sizes = [r.trip_bytes(self.shape.taps) for r in group]
        if self.shape.reading is Reading.PATCHES:
            assert isinstance(self.op, Conv)
            row = self.row_bytes(group)
            sizes.append((self.op.kernel[0] - 1) * row + -(-row // 4) * 4)
        return -(-max(sizes) // 4) * 4

    def row_bytes(self, group: list[Run]) -> int:
        """Bytes of a kernel row."""
        assert isinstance(self.op, Conv)
        pixel = self.shape.channels * group[0].activation_bits // 8
        return self.op.kernel[1] * pixel

    def columns(self) -> int:
        """Pixels of a copied row."""
        assert isinstance(self.op, Conv)
        return (self.site.output.shape[2] - 1) * self.op.strides[1] + self.op.kernel[1]

    def ring(self, pixel: int) -> int:
        if self.shape.reading is not Reading.ROWS:
            return 0
        return self.shape.count * self.columns() * pixel

    def patches(self, group: list[Run]) -> Patches | None:
        """How pixels are copied out of rows for a sweep, if they are."""
        if self.shape.reading is not Reading.PATCHES:
            return None
        bits = group[0].activation_bits
        pixel = self.shape.channels * bits // 8
        assert isinstance(self.op, Conv)
        rows = self.op.kernel[0]
        row, step = self.columns() * pixel, self.op.strides[1] * pixel
        beyond = SLACK + (tiles.QUAD - 1) * step  # the copies are of whole groups of pixels
        return Patches(
            rows,
            -(-self.row_bytes(group) // 4),
            self.row_bytes(group),
            row,
            step,
            self._at_once(self.patch(group)),
            self.unpacked() + -(-(rows * row + beyond) // 4) * 4,
        )

    def unpacked(self) -> int:
        """Scratch for what lies before copies of activations."""
        return self.most_unpacked() + self.pair_bytes()

    def _at_once(self, patch: int) -> int:
        """Pixels that are copied out of rows at a time: a row's in equal parts of whole groups."""
        groups = -(-self.site.output.shape[2] // tiles.QUAD)
        parts = -(-groups // max(PATCHES // (tiles.QUAD * patch), 1))
        return -(-groups // parts) * tiles.QUAD

    def batch(self, run: Run) -> int:
        """Quads that are unpacked at a time."""
        quad = 16 * self.shape.count * run.trips(self.shape.taps)
        least = 2 if run.shared else 1  # single pixels take two at a time
        most = BATCH if self.shape.pixels >= tiles.QUAD else BATCH // 2  # a sweep is short
        return min(max(most // quad, least), run.quads)

    def most_unpacked(self) -> int:
        """Scratch for unpacked words, in the pass that needs most."""
        sizes = [
            16 * self.shape.count * r.trips(self.shape.taps) * self.batch(r) for r in self.runs
        ]
        kept = [r.storage is Storage.ROWS for r in self.runs]
        return max((size for size, rows in zip(sizes, kept, strict=True) if rows), default=0)

    def pair_bytes(self) -> int:
        """Scratch for prepared activations of two pixels, or one: qc_pairs.inc."""
        pixels = min(self.shape.pixels, 2)
        sizes = [2 * pixels * r.trip_bytes(self.shape.taps) for r in self.runs if r.shared]
        return self.shape.count * max(sizes, default=0)

    def copy_bytes(self) -> int:
        """Scratch for copies of activations, in the pass that needs most."""
        sizes = [0]
        for group in self.groups():
            pixel = self.shape.channels * group[0].activation_bits // 8
            if self.shape.reading is Reading.ROWS:
                sizes.append(self.shape.count * self.columns() * pixel + SLACK)
            if self.shape.reading is Reading.GATHERED:
                sizes.append(tiles.QUAD * self.patch(group))
            patches = self.patches(group)
            if patches:
                end = patches.place + patches.pixels * self.patch(group)
                sizes.append(end - self.unpacked())
        return max(sizes)

    def window(self) -> Window:
        if isinstance(self.op, Conv):
            return window(self.op, self.site, self.op.weight.shape[0])
        channels, outputs, pixels = self.shape.channels, self.op.weight.shape[0], self.shape.pixels
        return Window(
            1, 1, pixels, channels, 1, pixels, outputs, 1, 1, 1, 1, 1, 1, 0, 0, 0, pixels,
            channels, outputs,
        )  # fmt: skip
