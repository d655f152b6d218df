"""Depthwise convolutions on planes: what their C template needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qcompile.ops import Conv
from qcompile.passes.uniform_form import Machine
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_results import scales
from qcompile.plan.c_types import I8, I32, Array, Kernel
from qcompile.plan.c_weights import Rows, packed_rows
from qcompile.plan.plane_fields import DepthwiseCode, LayerFields, ShapeFields, Walk, turns
from qcompile.plan.plane_results import Results, results
from qcompile.plan.planes import LANES, Planes, Work, arrangements, cycles
from qcompile.qtype import Ints
from qcompile.rtl import Isa

BY = {
    Machine.WORD: "QC_BY_WORD",
    Machine.SPLIT: "QC_BY_SPLIT",
    Machine.LONG: "QC_BY_LONG",
    Machine.UNIT: "QC_BY_UNIT",
}
BATCH = 1024  # bytes of weights that are unpacked at a time, or four channels
SLACK = 3  # bytes after packed weights that the assembly may read


def depthwise(op: Conv, site: Site, isa: Isa) -> Code | None:
    """The layer on planes; None where they do not serve: wide codes or weights, dilation."""
    if not op.depthwise or op.weight.shape[0] != op.groups:
        return None
    if any(d > 1 and k > 1 for d, k in zip(op.dilations, op.kernel, strict=True)):
        return None
    if site.x.bits != 8 or site.accumulator is not I32:
        return None
    if any(op.pads) and not site.x.holds(op.pad_value):
        return None
    rows = packed_rows(site.name, op.weight, op.bias, op.weight_bits, site.accumulator)
    if rows.type is not I8 or any(bits > 8 for bits, _ in rows.fields.groups):
        return None
    made = results(op, site, isa, flip=False)
    planes, cycles_model = fastest(op, site, made, stored_plainly(rows), isa)
    if flips(op, planes):
        made = results(op, site, isa, flip=True)
    return Builder(op, site, planes, made, isa is not Isa.RV32IMC, cycles_model).code()


def fastest(op: Conv, site: Site, made: Results, plainly: bool, isa: Isa) -> tuple[Planes, int]:
    """The arrangement with the fewest cycles, and how many those are."""
    assembly = isa is not Isa.RV32IMC
    found = []
    for planes in arrangements(op, site.inputs[0], site.output, assembly):
        work = Work(
            site.inputs[0].shape[0],
            op.groups,
            flips(op, planes),
            made.instructions,
            made.form is None,
            planes.small and plainly,
        )
        found.append((planes, cycles(planes, work, assembly)))
    return min(found, key=lambda pair: pair[1])


def flips(op: Conv, planes: Planes) -> bool:
    """Whether copies take the other sign, in which padding is 0."""
    return any(planes.edges) and op.pad_value != 0


def stored_plainly(rows: Rows) -> bool:
    """Whether each stored byte is a weight."""
    return rows.scratch == 0 and all(bits == 8 for bits, _ in rows.fields.groups)


def slackened(rows: Array) -> Array:
    """Packed rows with some bytes after them."""
    return replace(rows, values=np.append(rows.values, np.zeros(SLACK, rows.values.dtype)))


@dataclass(frozen=True, eq=False)
class Builder:
    """Makes the code of one layer."""

    op: Conv
    site: Site
    planes: Planes
    results: Results
    assembly: bool
    cycles: int

    @property
    def flip(self) -> bool:
        return flips(self.op, self.planes)

    @property
    def called(self) -> bool:
        return self.results.form is None

    def code(self) -> Code:
        p, rows = self.planes, self._rows()
        plain = p.small and stored_plainly(rows)
        kernel = self._kernel()
        table = "NULL" if self.called else f"{self.site.name}_scales"
        details = DepthwiseCode(self._shape(), self._layer(kernel, plain), rows.fields, table)
        sums = 4 * p.rows * p.along.results if self.called else 0
        unpacked = 0 if plain else -(-self._batch(plain) * p.taps // 4) * 4
        scratch = LANES * p.plane + unpacked + sums
        arrays = tuple(a for a in rows.arrays if self.called or a.name != rows.bias)
        if self.assembly and not plain:
            arrays = tuple(slackened(a) if a.packed else a for a in arrays)
        if not self.called:
            note = "low, high, offset"
            arrays += (Array(table, I32, self._scales(), note),)
        kernels = (kernel, Kernel("qc_planes", "all", ()))
        return Code(
            details,
            kernels,
            arrays,
            scratch,
            rows.packed_bytes,
            "depthwise",
            self.called,
            self.cycles if self.assembly else None,
        )

    def _batch(self, plain: bool) -> int:
        """Channels whose weights are unpacked together, in whole groups."""
        whole = -(-self.op.groups // LANES) * LANES
        return whole if plain else min(whole, max(BATCH // (LANES * self.planes.taps), 1) * LANES)

    def _rows(self) -> Rows:
        weight = self.op.weight
        turned = weight.transpose(0, 2, 1, 3) if self.planes.turned else weight
        bits, kind = self.op.weight_bits, self.site.accumulator
        return packed_rows(self.site.name, turned, self.results.bias, bits, kind)

    def _scales(self) -> Ints:
        form = self.results.form
        assert form is not None
        columns, _ = scales(form, form.offset)
        return columns.reshape(-1)

    def _kernel(self) -> Kernel:
        p, r = self.planes, self.results
        signed = self.site.x.signed is not self.flip
        macros = {
            "QC_X_SIGNED": int(signed),
            "QC_FLIP": int(self.flip),
            "QC_BY": "QC_BY_CALL" if r.form is None else BY[r.form.machine],
            "QC_CLAMP": int(r.clamps),
            "QC_Y_SIGNED": int(r.signed),
            "QC_CLIP_BITS": r.width + (not r.signed),
        }
        name = f"{'i' if signed else 'u'}{'f' * self.flip}_{r.suffix}"
        if not p.small:
            narrow = int(p.along.results < 4)
            macros["QC_NARROW"] = narrow
            return self._made("qc_plane_taps", f"{name}{'_narrow' * narrow}", macros)
        offer = (p.singles > 0) | (p.pairs > 0) << 1
        macros |= {"QC_STRIDE": p.along.stride}
        if self.assembly:
            name = f"{name}_r{p.rows}_s{p.along.stride}_e{p.edges[0]:d}{p.edges[1]:d}_{offer}"
        else:
            name = f"{name}_s{p.along.stride}"
        macros |= {
            "QC_ROWS": p.rows if self.assembly else 1,
            "QC_TOP": int(p.edges[0]),
            "QC_BOTTOM": int(p.edges[1]),
            "QC_OFFER": offer if self.assembly else 3,
        }
        return self._made("qc_plane_rows", name, macros)

    def _made(self, name: str, types: str, macros: dict[str, object]) -> Kernel:
        return Kernel(name, types, tuple((k, str(v)) for k, v in macros.items()))

    def _shape(self) -> ShapeFields:
        p, r = self.planes, self.results
        y_row, y_column = p.down.y_step, p.along.y_step
        if self.called:
            y_row, y_column = 4 * p.along.results, 4
        form = r.form
        return ShapeFields(
            p.down.x_step,
            p.along.x_step,
            p.plane,
            p.pitch,
            p.rows,
            p.along.results,
            y_row,
            y_column,
            p.along.stride,
            p.down.stride,
            p.taps_row,
            p.taps,
            p.down.kernel,
            p.along.kernel,
            p.start,
            p.lead,
            p.pixels // 4,
            p.pixels % 4,
            128 if self.flip else 0,
            form.split if form else 0,
            scales(form, form.offset)[1] if form else 0,
            (form.bound or 0) if form else 0,
            r.status,
            **vars(self._walk(y_row, y_column)),
        )

    def _walk(self, y_row: int, y_column: int) -> Walk:
        """How the assembly goes through a band and on to the next channel."""
        p, s = self.planes, self.planes.along.stride
        last = p.along.results - 1
        if not p.small:
            over = 4 * p.fours - p.along.results
            none = (0, 0)
            back, y_back = (-over * s, 0), (-over * y_column, 0)
            down, y_down = (p.down.stride * p.pitch, 0), (y_row, 0)
            return Walk((p.fours, 0), p.start, 0, none, none, back, y_back, down, y_down)
        single = 0 if p.alone else last
        top = p.start + (p.pitch if p.edges[0] else 0)
        up, y_up = (p.words - 1) * p.pitch, (p.rows - 1) * y_row
        count = (p.singles, p.pairs)
        begin, turn = turns(
            count, (top + single * s, top + p.alone * s), (last * s, 2 * s), p.plane
        )
        places = (single * y_column, p.alone * y_column)
        y_begin, y_turn = turns(count, places, (last * y_column, 2 * y_column), 1)
        return Walk(
            count,
            begin,
            y_begin,
            turn,
            y_turn,
            (last * s - up, 2 - up),
            (last * y_column - y_up, y_column - y_up),
            (p.pitch, p.pitch if s == 1 else p.pitch - 2),
            (y_row, y_row - y_column),
        )

    def _layer(self, kernel: Kernel, plain: bool) -> LayerFields:
        p, (x,), finish = self.planes, self.site.inputs, self.site.finish
        assert finish is not None
        pad = self.op.pad_value & 255
        return LayerFields(
            kernel.function,
            x.shape[0],
            self.op.groups,
            x.size // x.shape[0],
            self.site.output.size // x.shape[0],
            p.down.y_step,
            p.along.y_step,
            p.down.size,
            p.down.results,
            p.down.before,
            pad ^ 128 if self.flip else pad,
            int(self.called or not p.small),
            self._batch(plain),
            int(plain),
            f"{self.site.name}_bias" if self.called else "NULL",
            finish.kernel.function if self.called else "NULL",
            finish.constants if self.called else "NULL",
        )
