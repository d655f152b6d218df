"""Weights and per-channel constants of a product as arrays of C."""

from __future__ import annotations

import numpy as np

from qcompile.plan import tiles
from qcompile.plan.c_product_layout import Layout
from qcompile.plan.c_types import I32, U8, U32, Array, ints
from qcompile.plan.packing import Coding, pack
from qcompile.plan.tiles import Storage
from qcompile.qtype import Ints

AFTER_ROWS = 8  # bytes that qc_unpack_quads may read after the rows


def words(layout: Layout) -> tuple[Ints, dict[int, int]]:
    """All words, and where each run's start, by its first channel."""
    parts, offsets, at = [], {}, 0
    for run in layout.runs:
        if run.storage is Storage.WORDS:
            offsets[run.channel] = at
            parts.append(tiles.words_of(run, layout.shape.segments))
            at += len(parts[-1])
    return np.concatenate(parts) if parts else ints([]), offsets


def rows(layout: Layout) -> bytes:
    """All stored rows, those of each run behind those of the one before."""
    kept = [r for r in layout.runs if r.storage is Storage.ROWS]
    parts = [slice(r.channel, r.channel + r.channels) for r in kept]
    data = b"".join(pack(layout.op.weight[p], layout.op.weight_bits[p]).data for p in parts)
    return data + bytes(AFTER_ROWS) * bool(kept)


def row_codings(layout: Layout) -> list[Coding]:
    """Of the rows, in their order."""
    kept = [r for r in layout.runs if r.storage is Storage.ROWS]
    return [c for r in kept for c in layout.codings[r.channel : r.channel + r.channels]]


def stored(layout: Layout, rows: bytes) -> tuple[str, ...]:
    """The names of the rows and of the steps and offsets of their codes, if there are rows."""
    if not rows:
        return ()
    name = layout.site.name
    plain = all(c.plain for c in row_codings(layout))
    coded = ("NULL", "NULL") if plain else (f"{name}_step", f"{name}_base")
    return (f"{name}_rows", *coded)


def arrays(layout: Layout, words: Ints, rows: bytes) -> tuple[Array, ...]:
    """All constant arrays of a layer."""
    name = layout.site.name
    arrays = [Array(f"{name}_channels", I32, _channels(layout), "bias, low, high, offset")]
    if len(words):
        arrays.append(Array(f"{name}_words", U32, words, packed=True))
    if rows:
        codings = row_codings(layout)
        arrays.append(Array(f"{name}_rows", U8, np.frombuffer(rows, np.uint8), packed=True))
        arrays.append(Array(f"{name}_widths", U8, ints([c.bits for c in codings])))
        if not all(c.plain for c in codings):
            arrays.append(Array(f"{name}_step", I32, ints([c.step for c in codings])))
            arrays.append(Array(f"{name}_base", I32, ints([c.offset for c in codings])))
    return tuple(arrays)


def _channels(layout: Layout) -> Ints:
    """Of whole quads: bias, low, high, offset of each channel, one after the other."""
    count = len(layout.op.bias)
    table = np.zeros((-(-count // tiles.QUAD) * tiles.QUAD, 4), np.int64)
    table[:count, 0] = layout.op.bias
    for run in layout.runs:
        table[run.channel : run.channel + run.channels, 1:] = layout.of(run).scales
        if run.folded:
            whole = slice(run.channel, run.channel + run.quads * tiles.QUAD)
            table[whole, 0] = tiles.first_sums(run, table[whole, 0])
        if run.shared and layout.site.x.signed:  # activations are taken plus 128
            part = slice(run.channel, run.channel + run.channels)
            table[part, 0] -= 128 * layout.shape.segments[part].sum(axis=(1, 2))
    return table.reshape(-1)
