"""Sizes of windows, matrix-vector units and lanes, on AMD parts."""

from __future__ import annotations

from qcompile.plan.multipliers import Multiplier
from qcompile.plan.pe_groups import PeGroup
from qcompile.plan.processes import Depthwise, MatrixVector, Window
from qcompile.plan.resources_parts import (
    Sizes,
    bits_of,
    counter,
    memory,
    product,
    read_only,
    tree,
    tripled,
    varying,
)
from qcompile.plan.streams import Number


def matrix(
    s: Sizes, p: MatrixVector | Depthwise, simd: int, columns: int, blocks: int, buffered: bool
) -> None:
    x, lanes = p.inputs[0].number, p.inputs[0].lanes
    turns = p.grouping.turns
    rows = blocks * turns
    for limit in (columns, turns, rows if blocks > 1 else 1, rows * columns):
        counter(s, limit)
    s.ff += 2 * p.latency - 1 + bits_of(rows * columns)
    s.ff += bits_of(rows) * (p.latency - 2)
    s.ff += 2 * lanes * x.bits
    if buffered:
        memory(s, columns, lanes * x.bits)
        s.term("bypass", lanes * x.bits)
        s.ff += lanes * x.bits if columns > 1 else 0
    meanings = [g.meaning.bits if g.coded else g.stored.bits for g in p.grouping.groups]
    lut = p.multiplier is Multiplier.LUT
    if lut and any(tripled(x.bits, w) for w in meanings):
        s.ff += lanes * (x.bits + 2)
        s.term("triple", lanes * (x.bits + 1))
    for g, w in zip(p.grouping.groups, meanings, strict=True):
        _group(s, g, w, simd, x, p)


def _group(s: Sizes, g: PeGroup, w: int, simd: int, x: Number, p: MatrixVector | Depthwise) -> None:
    lut = p.multiplier is Multiplier.LUT
    read_only(s, g.weights, held=lut)
    read_only(s, g.bias)
    if g.offsets is not None:
        read_only(s, g.offsets)
        s.term("offset", g.pe * simd * w)
        s.ff += g.pe * simd * w
    width = x.bits + w
    share = varying(g.weights)
    if lut:
        s.term("product", g.pe * simd * product(x.bits, x.signed, w) * share)
        s.ff += g.pe * width if simd == 1 else 0
    else:
        _blocks(s, g, width, simd, x, w, p)
    t = tree(simd, width, g.sum.bits)
    s.term("tree", g.pe * t.adders * share)
    s.ff += g.pe * t.registers
    once = g.weights.values.shape[0] == g.bias.values.shape[0]  # nothing is accumulated
    inside = not lut and not small(x, w) and (once or p.multiplier is Multiplier.DSP)
    if inside and simd > 1:
        s.term("tree", -g.pe * (simd // 2) * width)
        s.ff -= g.pe * (simd // 2) * (width + 1)
    if not inside or simd > 1:
        s.term("accumulator", g.pe * g.sum.bits)
        s.ff += g.pe * g.sum.bits


def paired(g: PeGroup, x: Number, w: int, p: MatrixVector | Depthwise) -> int:
    """DSP blocks with two products for each input of a PE, where two rows meet the same input."""
    if p.multiplier is not Multiplier.DSP2 or isinstance(p, Depthwise):
        return 0
    fits = x.bits + 2 * w + 1 <= 25 and x.bits + (not x.signed) <= 18
    return g.pe // 2 if fits else 0


def small(x: Number, w: int) -> bool:
    """Whether Yosys takes LUTs for a `*`."""
    return x.bits + (not x.signed) + w < 9


def _blocks(
    s: Sizes, g: PeGroup, width: int, simd: int, x: Number, w: int, p: MatrixVector | Depthwise
) -> None:
    """Products in DSP blocks; where they would have less than nine bits Yosys takes LUTs."""
    pairs = paired(g, x, w, p)
    if small(x, w):
        s.term("small product", (g.pe - 2 * pairs) * simd * x.bits * w)
        s.ff += (g.pe - 2 * pairs) * simd * width
    else:
        s.dsp += (g.pe - 2 * pairs) * simd
    s.dsp += pairs * simd
    s.term("pair", pairs * simd * width)


def window(s: Sizes, p: Window) -> None:
    g, lanes, x = p.geometry, p.inputs[0].lanes, p.inputs[0].number
    row = g.width * g.folds
    depth = g.rows * row
    memory(s, depth, lanes * x.bits)
    for limit in (row, g.kernel[0], g.kernel[1], g.folds, g.out_width):
        counter(s, limit)
    span_w = (g.out_width - 1) * g.strides[1] + (g.kernel[1] - 1) * g.dilations[1] + g.pads[1]
    span_h = (g.out_height - 1) * g.strides[0] + (g.kernel[0] - 1) * g.dilations[0] + g.pads[0]
    column = bits_of((span_w + g.strides[1] + g.width + 1) * g.folds + 1) + 1
    y = bits_of(span_h + g.strides[0] + g.height + 1) + 1
    line = bits_of(2 * depth + 1)
    most = bits_of(g.out_height * g.strides[0] + g.reach + g.pads[0] + g.height + 1) + 1
    s.term("column", column * (1 if max(g.kernel) > 1 else 0))
    s.term("column one", column * (g.kernel[1] == 1))
    s.term("padded", (column + y) * any(g.pads))
    s.term("pad value", lanes * p.outputs[0].number.bits * any(g.pads))
    s.term("y", y * (g.kernel[0] > 1) * any(g.pads))
    s.term("line", line * (g.kernel[0] > 1))
    s.term("base", line)
    s.term("rows", most)
    s.term("address", bits_of(depth))
    s.ff += 3 * column + 2 * y + 2 * line + 2 * most + 2 * bits_of(depth) + 3
