"""Cycles of a convolution or dense layer in tiles: its kernels, and what feeds them."""

from __future__ import annotations

from collections.abc import Iterator

from qcompile.ops import Conv
from qcompile.plan import c_cycles, tiles
from qcompile.plan.c_cycles import Loop
from qcompile.plan.c_product_layout import MIXED, Layout, Reading
from qcompile.plan.tiles import Run, Storage

LAYER = 130  # what surrounds a layer
ROW = 55.0  # what surrounds the unpacking of a row
PLAIN, WORD, FOUR = 9.8, 20.0, 22.0  # a word of bytes; of any weights, and four of them
SPREAD, EMPTY = 80.0, 5.0  # what surrounds the latter; a word of weights without bits
UNPACKING = 1095  # what surrounds the unpacking of some quads


def product_cycles(layer: Layout) -> int:
    """The layer on a core with XCV instructions, in cycles; a model, see `c_cycles`."""
    total = float(LAYER)
    for group in layer.groups():
        sweeps = 1
        if group[0].storage is not Storage.WORDS:
            (run,) = group
            total += _unpacking(layer, run)
            sweeps = -(-run.quads // layer.batch(run))
            total += UNPACKING * sweeps
        total += sweeps * _feeding(layer, group)
        total += sum(_products(layer, run, group) for run in group)
    return round(total)


def _unpacking(layer: Layout, run: Run) -> float:
    """Weights of a run from their rows: qc_unpack_quads.inc."""
    stored = layer.codings[run.channel : run.channel + run.channels]
    count, taps = layer.shape.count, layer.shape.taps
    words, fours = count * run.trips(taps), count * -(-taps // 4)
    whole = run.weight_bits == 8 and taps % 4 == 0
    total = run.channels * ROW
    for coding in stored:
        if coding.bits == 0:
            total += words * EMPTY
        elif whole and coding.plain:
            total += words * PLAIN
        else:
            total += SPREAD + words * WORD + fours * FOUR
    return total


def _products(layer: Layout, run: Run, group: list[Run]) -> float:
    """All pixels of a run."""
    shape, pixel = layer.shape, layer.shape.channels * run.activation_bits // 8
    unit = layer.isa in MIXED
    step = layer.pixel_step(group, pixel)
    loop = Loop(shape.count, shape.taps, step, layer.single(run), unit)
    y_bits = layer.y_bits()
    return sum(
        times * c_cycles.pixels_of_run(run, loop, layer.of(run), y_bits, pixels)
        for times, pixels in _calls(layer, group)
    )


def _calls(layer: Layout, group: list[Run]) -> Iterator[tuple[int, int]]:
    """How often the kernels are called, for how many pixels."""
    pixels = layer.shape.pixels
    match layer.shape.reading:
        case Reading.DIRECT:
            yield 1, pixels
        case Reading.ROWS:
            width = layer.site.output.shape[2]
            yield pixels // width, width
        case Reading.PATCHES:
            width = layer.site.output.shape[2]
            patches = layer.patches(group)
            assert patches
            full, rest = divmod(width, patches.pixels)
            yield pixels // width * full, patches.pixels
            if rest:
                yield pixels // width, rest
        case Reading.GATHERED:
            yield pixels // 4, 4
            if pixels % 4:
                yield 1, pixels % 4


def _feeding(layer: Layout, group: list[Run]) -> float:
    """Copies of activations for one sweep over the pixels."""
    op, shape, x_bits = layer.op, layer.shape, layer.site.x_bits
    bits = group[0].activation_bits
    if shape.reading is Reading.DIRECT:
        return 0.0
    if shape.reading is Reading.GATHERED:
        taps = op.kernel[0] if isinstance(op, Conv) else 1
        codes = shape.taps * shape.count
        one = c_cycles.PIXEL + taps * c_cycles.TAP_ROW + c_cycles.copied(codes, x_bits, bits)
        return shape.pixels * one
    assert isinstance(op, Conv)
    _, out_height, _, _ = layer.site.output.shape
    fresh = min(op.strides[0], op.kernel[0]) if op.dilations[0] == 1 else op.kernel[0]
    rows = op.kernel[0] + (out_height - 1) * fresh
    row = c_cycles.ROW + c_cycles.copied(layer.columns() * shape.channels, x_bits, bits)
    line = c_cycles.LINE + _patches(layer, group)
    return layer.site.output.shape[0] * (rows * row + out_height * line)


def _patches(layer: Layout, group: list[Run]) -> float:
    """Copies of pixels out of rows for an output row."""
    patches = layer.patches(group)
    if patches is None:
        return 0.0
    width = layer.site.output.shape[2]
    fours, times = -(-width // tiles.QUAD), -(-width // patches.pixels)
    each = c_cycles.column_of_words(patches.step, patches.bytes)
    words = patches.rows * patches.words
    return times * c_cycles.PATCHES + words * (times * c_cycles.COLUMN_COPY + fours * each)
