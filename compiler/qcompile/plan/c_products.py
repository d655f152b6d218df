"""Convolutions and dense layers as matrix products in tiles: what their C templates need."""

from __future__ import annotations

from dataclasses import replace

from qcompile.ops import Conv, Dense
from qcompile.plan import c_product_kernels, c_product_weights, tiles
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_product_code import PassCode, ProductCode, ProductFields, RunCode, Unpacking
from qcompile.plan.c_product_layout import MIXED, Layout, Reading, patched, shaped
from qcompile.plan.c_results import CALL, Results, results_by_parts
from qcompile.plan.c_types import I32, accumulator, container
from qcompile.plan.packing import pack
from qcompile.plan.tiles import Narrow, Run, Storage
from qcompile.qtype import QType
from qcompile.rtl import Isa

MOST = 0xFFFC  # channels, and weights of a channel: uint16_t in qc_run
FEW_TAPS = 64  # of a pixel


def covers(op: Conv | Dense, x: QType) -> bool:
    """Whether tiles serve: narrow codes, weights and sums, one group."""
    if isinstance(op, Conv) and op.groups > 1:
        return False
    if max(op.weight.shape[0], op.weight[0].size) > MOST:
        return False
    narrow = int(op.weight.min(initial=0)) >= -128 and int(op.weight.max(initial=0)) <= 127
    return narrow and container(x).bits == 8 and accumulator(op.reach(x)) == I32


def products(op: Conv | Dense, site: Site, isa: Isa, executed: tuple[int, ...]) -> list[Builder]:
    """The layer in tiles in all ways that may be the quickest; none where tiles do not serve."""
    (x,) = site.inputs
    if not covers(op, x):
        return []
    match isa:
        case Isa.RV32IMC:
            ways = [(Narrow.SHARED, wide_rows(op, site))]
        case Isa.CV32E40P:
            ways = [(Narrow.FOLDED, True), (Narrow.UNPACKED, True)]
        case Isa.MPIC | Isa.MPIC_Q:
            ways = [(Narrow.UNPACKED, False), (Narrow.UNPACKED, True)]
    widths = [tiles.Widths(isa in MIXED, *way, executed) for way in ways]
    found = [product(op, site, isa, w) for w in widths]
    return found + [made for layer in found for made in by_patches(layer)]


def by_patches(layer: Builder) -> list[Builder]:
    """The layer with pixels that are copied out of rows, where that can be."""
    if layer.isa is Isa.RV32IMC or not isinstance(layer.op, Conv):
        return []
    shape = patched(layer.op, layer.shape, layer.runs)
    return [replace(layer, shape=shape)] if shape else []


def wide_rows(op: Conv | Dense, site: Site) -> bool:
    """Whether few products are made of each weight, or of each pixel, so that bytes pay."""
    outputs = op.weight.shape[0]
    pixels, taps = site.output.size // outputs, int(op.weight[0].size)
    return pixels < tiles.QUAD or taps < FEW_TAPS


def product(op: Conv | Dense, site: Site, isa: Isa, widths: tiles.Widths) -> Builder:
    """A layer that tiles serve."""
    (x,) = site.inputs
    rows = op.weight.reshape(op.weight.shape[0], -1)
    op = replace(op, weight_bits=tuple(min(b, 8) for b in op.weight_bits))
    runs = tiles.cut(rows, pack(op.weight, op.weight_bits).codings, (x.bits, x.channels), widths)
    op = replace(op, weight_bits=tiles.stored(op.weight_bits, runs))
    codings = pack(op.weight, op.weight_bits).codings
    shape = shaped(op, site, runs)
    runs, made = with_results(site, isa, runs)
    return Builder(op, site, shape, runs, codings, made, isa)


def with_results(
    site: Site, isa: Isa, runs: tuple[Run, ...]
) -> tuple[tuple[Run, ...], tuple[Results, ...]]:
    """The runs, perhaps in parts, and how the results of each are made."""
    if site.requant is None or site.sums is None or site.y.bits != 8:
        return runs, (CALL,) * len(runs)
    channels = [slice(r.channel, r.channel + r.channels) for r in runs]
    parts = results_by_parts(site.requant, site.sums, isa, channels, tiles.QUAD)
    pairs = [
        (replace(run, channel=part.start, channels=part.stop - part.start), made)
        for run, found in zip(runs, parts, strict=True)
        for part, made in found
    ]
    return tuple(run for run, _ in pairs), tuple(made for _, made in pairs)


class Builder(Layout):
    """Makes the code of one layer."""

    def code(self) -> Code:
        words, offsets = c_product_weights.words(self)
        rows = c_product_weights.rows(self)
        passes = tuple(self._pass(g, offsets) for g in self.groups())
        arrays = c_product_weights.arrays(self, words, rows)
        copies = self.unpacked()
        scratch = copies + self.copy_bytes()
        details = ProductCode(
            self.shape.reading,
            self.window(),
            self.shape.pixels,
            self.shape.channels * self.site.x_bits // 8,
            passes,
            self.several(),
            c_product_weights.stored(self, rows),
            f"{self.site.name}_widths" if len(rows) else "NULL",
            sum(r.channels for r in self.runs if r.storage is Storage.ROWS),
            copies,
        )
        kernels = c_product_kernels.kernels(self)
        weight_bytes = 4 * len(words) + len(rows)
        return Code(details, kernels, arrays, scratch, weight_bytes, "product", self.called())

    def _pass(self, group: list[Run], offsets: dict[int, int]) -> PassCode:
        x_bits, bits = self.site.x_bits, group[0].activation_bits
        pixel = self.shape.channels * bits // 8
        codes = tuple(self._run(r, offsets, pixel) for r in group)
        unpacking = None
        if group[0].storage is Storage.ROWS:
            (run,) = group
            unpacking = Unpacking(
                c_product_kernels.UNPACKER.name,
                self.batch(run),
                run.quads,
                self.shape.taps,
                run.weight_bits,
                int(run.shared),
            )
        function = c_product_kernels.reader(self, bits)
        assert self.shape.channels * x_bits % 8 == 0, "a pixel that is no whole number of bytes"
        fields = self._fields(group, pixel)
        return PassCode(
            codes, fields, unpacking, function, pixel, self._pad(bits), self.patches(group)
        )

    def _pad(self, bits: int) -> int:
        """A byte of codes that padding reads."""
        code = self.op.pad_value if isinstance(self.op, Conv) else 0
        return sum((code & ((1 << bits) - 1)) << place for place in range(0, 8, bits))

    def _fields(self, group: list[Run], pixel: int) -> ProductFields:
        name, outputs = self.site.name, self.op.weight.shape[0]
        finish = self.site.finish
        assert finish is not None
        called, bits = self.called(), self.y_bits()
        return ProductFields(
            "runs",
            len(group),
            f"(const qc_scale *){name}_channels",
            self.shape.count,
            self.ring(pixel),
            self.pixel_step(group, pixel),
            outputs * bits // 8,
            tiles.QUAD * bits // 8,
            max(r.limit for r in self.results),
            finish.kernel.function if called else "NULL",
            finish.constants if called else "NULL",
            outputs,
            self.most_unpacked(),
            "NULL",
        )

    def _run(self, run: Run, offsets: dict[int, int], pixel: int) -> RunCode:
        words = "NULL"
        if run.storage is Storage.WORDS:
            words = f"{self.site.name}_words + {offsets[run.channel]}"
        jump = 0
        if self.shape.reading is Reading.ROWS:
            jump = self.columns() * pixel - run.trip_bytes(self.shape.taps)
        r = self.of(run)
        kind, needs = c_product_kernels.tile_types(self, run), self.needs()
        return RunCode(
            words,
            f"qc_tiles_{kind}" if needs & 1 else "NULL",
            f"qc_columns_{kind}" if needs & 2 else "NULL",
            jump,
            (r.clamp or 0) if r.in_kernel else "QC_CALLED",
            run.channel,
            run.quads,
            run.trips(self.shape.taps),
            r.split,
            r.shift,
        )
