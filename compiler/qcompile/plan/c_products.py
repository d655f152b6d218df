"""Convolutions and dense layers as matrix products in tiles: what their C templates need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

import numpy as np

from qcompile.ops import Conv, Dense
from qcompile.plan import tiles
from qcompile.plan.c_layers import Code, Site, Window, window
from qcompile.plan.c_results import CALL, Results, results
from qcompile.plan.c_types import I32, U8, U32, Array, Kernel, accumulator, container, ints
from qcompile.plan.packing import Coding, pack
from qcompile.plan.tiles import Run, Sharing, Storage
from qcompile.qtype import Ints, QType
from qcompile.rtl import Isa

BATCH = 2048  # bytes of weights that are unpacked at a time, or one quad
SEGMENTS = 16  # QC_SEGMENTS of qc_tile.h
AFTER_ROWS = 8  # bytes that qc_unpack_quads may read after the rows
SLACK = 16  # bytes that a last trip may read beyond what it needs
MIXED = (Isa.MPIC, Isa.MPIC_Q)


class Reading(Enum):
    """How a layer's activations come to its products."""

    DIRECT = "from the tensor"
    ROWS = "from padded copies of the rows under the kernel"
    GATHERED = "from copies of what each pixel needs"


@dataclass(frozen=True)
class RunCode:
    """Fields as in `qc_run` of qc_tile.h."""

    words: str
    channel: int
    quads: int
    trips: int
    jump: int
    tiles: str
    columns: str


@dataclass(frozen=True)
class ProductFields:
    """Fields as in `qc_product` of qc_tile.h."""

    runs: str
    run_count: int
    channels: str
    segments: int
    ring: int
    pixel: int
    y_pixel: int
    y_quad: int
    split: int
    shift: int
    limit: int
    clamp: int
    finish: str
    constants: str
    out_channels: int
    pairs: int


@dataclass(frozen=True)
class Unpacking:
    """Rows that are unpacked into `words` words, `batch` quads at a time."""

    function: str
    start: int  # byte of the first row
    batch: int  # quads
    quads: int
    taps: int
    trips: int


@dataclass(frozen=True)
class PassCode:
    """One sweep over the layer's pixels."""

    runs: tuple[RunCode, ...]
    fields: ProductFields
    unpacking: Unpacking | None
    function: str  # of the reading; empty for a direct one
    pixel: int  # bytes of an executed pixel in a copy
    pad: int  # a byte of padding


@dataclass(frozen=True)
class ProductCode:
    """All that the template of a product needs."""

    reading: Reading
    window: Window
    pixels: int
    x_pixel: int  # bytes
    passes: tuple[PassCode, ...]
    stored: tuple[str, ...]  # data, step and offset of rows, if there are any
    widths: str
    segments: int
    out_channels: int
    copies: int  # where copies start in scratch, bytes


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


def covers(op: Conv | Dense, x: QType) -> bool:
    """Whether tiles serve: narrow codes, weights and sums, one group."""
    if isinstance(op, Conv) and op.groups > 1:
        return False
    narrow = int(op.weight.min(initial=0)) >= -128 and int(op.weight.max(initial=0)) <= 127
    return narrow and container(x).bits == 8 and accumulator(op.reach(x)) == I32


def product(op: Conv | Dense, site: Site, isa: Isa) -> Builder | None:
    """The layer in tiles; None where they do not serve."""
    (x,) = site.inputs
    if not covers(op, x):
        return None
    rows = op.weight.reshape(op.weight.shape[0], -1)
    op = replace(op, weight_bits=tuple(min(b, 8) for b in op.weight_bits))
    few = site.output.size < tiles.QUAD * len(rows)  # pixels
    widths = tiles.Widths(isa in MIXED, sharing(isa, few))
    runs = tiles.cut(rows, pack(op.weight, op.weight_bits).codings, (x.bits, x.channels), widths)
    op = replace(op, weight_bits=tiles.stored(op.weight_bits, runs))
    codings = pack(op.weight, op.weight_bits).codings
    shape = shaped(op, site, runs)
    assembly = isa is not Isa.RV32IMC
    return Builder(op, site, shape, runs, codings, results_at(site, isa), assembly)


def sharing(isa: Isa, few: bool) -> Sharing:
    """With XCV, what makes bytes of weights is quick, and pays where pixels are not `few`."""
    match isa:
        case Isa.RV32IMC:
            return Sharing.ALWAYS
        case Isa.CV32E40P:
            return Sharing.STORED if few else Sharing.NEVER
    return Sharing.NEVER


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


def results_at(site: Site, isa: Isa) -> Results:
    """How the layer's results are made."""
    if site.requant is None or site.sums is None or site.y.bits != 8:
        return CALL
    return results(site.requant, site.sums, isa)


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes the code of one layer."""

    op: Conv | Dense
    site: Site
    shape: Shape
    runs: tuple[Run, ...]
    codings: tuple[Coding, ...]
    results: Results
    assembly: bool  # whose kernels for a single segment are shorter

    def code(self) -> Code:
        words, offsets = self._words()
        rows, starts = self._rows()
        passes = tuple(self._pass(g, offsets, starts) for g in self.groups())
        arrays = self._arrays(words, rows)
        copies = self._most_unpacked() + self._pair_bytes()
        scratch = copies + self._copy_bytes()
        op = self.op
        details = ProductCode(
            self.shape.reading,
            self._window(),
            self.shape.pixels,
            self.shape.channels * self.site.x_bits // 8,
            passes,
            self._stored(rows),
            f"{self.site.name}_widths" if len(rows) else "NULL",
            self.shape.count,
            op.weight.shape[0],
            copies,
        )
        kernels = self._kernels(passes)
        weight_bytes = 4 * len(words) + len(rows)
        by_call = not self.results.in_kernel
        return Code(details, kernels, arrays, scratch, weight_bytes, "product", by_call)

    def groups(self) -> list[list[Run]]:
        """Runs by passes: those in words together by the width of activations, others alone."""
        direct = [r for r in self.runs if r.storage is Storage.WORDS]
        direct.sort(key=lambda r: (r.activation_bits, r.channel))
        groups = [list(g) for _, g in groupby(direct, key=lambda r: r.activation_bits)]
        return groups + [[r] for r in self.runs if r.storage is Storage.ROWS]

    def _words(self) -> tuple[Ints, dict[int, int]]:
        """All words, and where each run's start, by its first channel."""
        parts, offsets, at = [], {}, 0
        for run in self.runs:
            if run.storage is Storage.WORDS:
                offsets[run.channel] = at
                parts.append(tiles.words_of(run, self.shape.segments))
                at += len(parts[-1])
        return np.concatenate(parts) if parts else ints([]), offsets

    def _rows(self) -> tuple[bytes, dict[int, int]]:
        """All stored rows, and the byte where each run's start."""
        data, starts = b"", {}
        for run in self.runs:
            if run.storage is Storage.ROWS:
                starts[run.channel] = len(data)
                part = slice(run.channel, run.channel + run.channels)
                data += pack(self.op.weight[part], self.op.weight_bits[part]).data
        return data + bytes(AFTER_ROWS) * bool(starts), starts

    def _pass(self, group: list[Run], offsets: dict[int, int], starts: dict[int, int]) -> PassCode:
        x_bits, bits = self.site.x_bits, group[0].activation_bits
        pixel = self.shape.channels * bits // 8
        codes = tuple(self._run(r, offsets, pixel) for r in group)
        unpacking = None
        if group[0].storage is Storage.ROWS:
            (run,) = group
            unpacking = Unpacking(
                unpacker(run).function,
                starts[run.channel],
                self.batch(run),
                run.quads,
                self.shape.taps,
                run.trips(self.shape.taps),
            )
        reader = {Reading.ROWS: "qc_rows", Reading.GATHERED: "qc_gathered"}.get(self.shape.reading)
        function = f"{reader}_{self._taking(bits)}" if reader else ""
        assert self.shape.channels * x_bits % 8 == 0, "a pixel that is no whole number of bytes"
        fields = self._fields(group, pixel)
        return PassCode(codes, fields, unpacking, function, pixel, self._pad(bits))

    def _pad(self, bits: int) -> int:
        """A byte of codes that padding reads."""
        code = self.op.pad_value if isinstance(self.op, Conv) else 0
        return sum((code & ((1 << bits) - 1)) << place for place in range(0, 8, bits))

    def _fields(self, group: list[Run], pixel: int) -> ProductFields:
        r, name, outputs = self.results, self.site.name, self.op.weight.shape[0]
        finish = self.site.finish
        assert finish is not None
        called = not r.in_kernel
        bits = self.y_bits()
        return ProductFields(
            "runs",
            len(group),
            f"(const qc_scale *){name}_channels",
            self.shape.count,
            self._ring(pixel),
            self.pixel_step(group, pixel),
            outputs * bits // 8,
            tiles.QUAD * bits // 8,
            r.split,
            r.shift,
            r.limit,
            r.clamp or 0,
            finish.kernel.function if called else "NULL",
            finish.constants if called else "NULL",
            outputs,
            self._most_unpacked(),
        )

    def y_bits(self) -> int:
        return self.site.y_bits if self.results.in_kernel else 8

    def pixel_step(self, group: list[Run], pixel: int) -> int:
        """Bytes between the words of two neighbouring pixels."""
        match self.shape.reading:
            case Reading.DIRECT:
                return pixel
            case Reading.ROWS:
                assert isinstance(self.op, Conv)
                return self.op.strides[1] * pixel
            case Reading.GATHERED:
                return self._patch(group)

    def _patch(self, group: list[Run]) -> int:
        return max(-(-r.trip_bytes(self.shape.taps) // 4) * 4 for r in group)

    def columns(self) -> int:
        """Pixels of a copied row."""
        assert isinstance(self.op, Conv)
        return (self.site.output.shape[2] - 1) * self.op.strides[1] + self.op.kernel[1]

    def _ring(self, pixel: int) -> int:
        if self.shape.reading is not Reading.ROWS:
            return 0
        return self.shape.count * self.columns() * pixel

    def _run(self, run: Run, offsets: dict[int, int], pixel: int) -> RunCode:
        words = "NULL"
        if run.storage is Storage.WORDS:
            words = f"{self.site.name}_words + {offsets[run.channel]}"
        jump = 0
        if self.shape.reading is Reading.ROWS:
            jump = self.columns() * pixel - run.trip_bytes(self.shape.taps)
        kind, needs = self._tile_types(run), self._needs()
        return RunCode(
            words,
            run.channel,
            run.quads,
            run.trips(self.shape.taps),
            jump,
            f"qc_tiles_{kind}" if needs & 1 else "NULL",
            f"qc_columns_{kind}" if needs & 2 else "NULL",
        )

    def _tile_types(self, run: Run) -> str:
        sign = "i" if self.site.x.signed else "u"
        return (
            f"{sign}{run.activation_bits}_w{run.weight_bits}{'_shared' * run.shared}"
            f"_{self.results.suffix(self.y_bits())}{'_line' * self._single()}"
        )

    def _single(self) -> bool:
        return self.assembly and self.shape.count == 1

    def _needs(self) -> int:
        """Bit 1: groups of four pixels; bit 2: single pixels."""
        at_once = self.shape.pixels
        if self.shape.reading is Reading.ROWS:
            at_once = self.site.output.shape[2]
        return (1 if at_once >= 4 else 0) | (2 if at_once % 4 else 0)

    def _taking(self, bits: int) -> str:
        return f"{'i' if self.site.x.signed else 'u'}{self.site.x_bits}_{bits}"

    def batch(self, run: Run) -> int:
        """Quads that are unpacked at a time."""
        quad = 16 * self.shape.count * run.trips(self.shape.taps)
        least = 2 if run.shared else 1  # single pixels take two at a time
        return min(max(BATCH // quad, least), run.quads)

    def _most_unpacked(self) -> int:
        """Scratch for unpacked words, in the pass that needs most."""
        sizes = [
            16 * self.shape.count * r.trips(self.shape.taps) * self.batch(r) for r in self.runs
        ]
        kept = [r.storage is Storage.ROWS for r in self.runs]
        return max((size for size, rows in zip(sizes, kept, strict=True) if rows), default=0)

    def _pair_bytes(self) -> int:
        """Scratch for prepared activations of two pixels, or one: qc_pairs.inc."""
        pixels = min(self.shape.pixels, 2)
        sizes = [2 * pixels * r.trip_bytes(self.shape.taps) for r in self.runs if r.shared]
        return self.shape.count * max(sizes, default=0)

    def _copy_bytes(self) -> int:
        """Scratch for copies of activations, in the pass that needs most."""
        sizes = [0]
        for group in self.groups():
            pixel = self.shape.channels * group[0].activation_bits // 8
            if self.shape.reading is Reading.ROWS:
                sizes.append(self.shape.count * self.columns() * pixel + SLACK)
            if self.shape.reading is Reading.GATHERED:
                sizes.append(tiles.QUAD * self._patch(group))
        return max(sizes)

    def _window(self) -> Window:
        if isinstance(self.op, Conv):
            return window(self.op, self.site, self.op.weight.shape[0])
        channels, outputs, pixels = self.shape.channels, self.op.weight.shape[0], self.shape.pixels
        return Window(
            1, 1, pixels, channels, 1, pixels, outputs, 1, 1, 1, 1, 1, 1, 0, 0, 0, pixels,
            channels, outputs,
        )  # fmt: skip

    def _stored(self, rows: bytes) -> tuple[str, ...]:
        if not rows:
            return ()
        name = self.site.name
        plain = all(c.plain for c in self.codings)
        coded = ("NULL", "NULL") if plain else (f"{name}_step", f"{name}_base")
        return (f"{name}_rows", *coded)

    def _arrays(self, words: Ints, rows: bytes) -> tuple[Array, ...]:
        name = self.site.name
        arrays = [Array(f"{name}_channels", I32, self._channels(), "bias, low, high, offset")]
        if len(words):
            arrays.append(Array(f"{name}_words", U32, words, packed=True))
        if rows:
            arrays.append(Array(f"{name}_rows", U8, np.frombuffer(rows, np.uint8), packed=True))
            arrays.append(Array(f"{name}_widths", U8, ints([c.bits for c in self.codings])))
        if rows and not all(c.plain for c in self.codings):
            arrays.append(Array(f"{name}_step", I32, ints([c.step for c in self.codings])))
            arrays.append(Array(f"{name}_base", I32, ints([c.offset for c in self.codings])))
        return tuple(arrays)

    def _channels(self) -> Ints:
        """Of whole quads: bias, low, high, offset of each channel, one after the other."""
        count = len(self.op.bias)
        table = np.zeros((-(-count // tiles.QUAD) * tiles.QUAD, 4), np.int64)
        table[:count, 0] = self.op.bias
        table[:count, 1:] = self.results.scales
        for run in self.runs:
            if run.shared and self.site.x.signed:  # activations are taken plus 128
                part = slice(run.channel, run.channel + run.channels)
                table[part, 0] -= 128 * self.shape.segments[part].sum(axis=(1, 2))
        return table.reshape(-1)

    def _kernels(self, passes: tuple[PassCode, ...]) -> tuple[Kernel, ...]:
        made = [Kernel("qc_bytes", "all", ())] if self.shape.reading is not Reading.DIRECT else []
        made += [self._tile(r) for r in self.runs]
        made += [unpacker(r) for r in self.runs if r.storage is Storage.ROWS]
        made.append(Kernel("qc_product", "all", ()))
        for p, group in zip(passes, self.groups(), strict=True):
            if p.function:
                made += self._readers(group[0].activation_bits)
        return tuple(made)

    def _tile(self, run: Run) -> Kernel:
        r = self.results
        macros = {
            "QC_A_BITS": run.activation_bits,
            "QC_A_SIGNED": int(self.site.x.signed),
            "QC_W_BITS": run.weight_bits,
            "QC_SHARED": int(run.shared),
            "QC_BY": r.by.value,
            "QC_CLAMP": int(r.clamp is not None),
            "QC_Y_BITS": self.y_bits(),
            "QC_Y_SIGNED": int(r.signed),
            "QC_Y_LOW": r.low,
            "QC_SINGLE": int(self._single()),
        }
        pairs = tuple((k, str(v)) for k, v in macros.items())
        return Kernel("qc_tile", self._tile_types(run), pairs, forms=self._needs())

    def _readers(self, bits: int) -> list[Kernel]:
        types = self._taking(bits)
        x = self.site.x
        take = Kernel(
            "qc_take",
            types,
            (
                ("QC_X_BITS", str(self.site.x_bits)),
                ("QC_X_SIGNED", str(int(x.signed))),
                ("QC_A_BITS", str(bits)),
            ),
        )
        name = "qc_rows" if self.shape.reading is Reading.ROWS else "qc_gathered"
        return [take, Kernel(name, types, (("QC_TAKE", take.function),))]


def unpacker(run: Run) -> Kernel:
    """The kernel that makes words from the rows of a run."""
    macros = (("QC_W_BITS", str(run.weight_bits)), ("QC_SHARED", str(int(run.shared))))
    return Kernel("qc_unpack_quads", f"{run.weight_bits}{'_shared' * run.shared}", macros)
