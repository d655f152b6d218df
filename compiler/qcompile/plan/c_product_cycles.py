"""Cycles of a convolution or dense layer in tiles: its kernels, and what feeds them."""

from __future__ import annotations

from collections.abc import Iterator

from qcompile.ops import Conv
from qcompile.plan import c_cycles
from qcompile.plan.c_cycles import Loop
from qcompile.plan.c_products import Builder, Reading
from qcompile.plan.tiles import Run, Storage

LAYER = 130  # what surrounds a layer
UNPACKED = {8: 1.3, 4: 2.0, 2: 2.0, 0: 0.0}  # a weight from its row, by its stored bits
UNEVEN = 7.0  # of other widths
UNPACKING = 533  # what surrounds the unpacking of some quads


def product_cycles(layer: Builder) -> int:
    """The layer on a core with XCV instructions, in cycles; a model, see `c_cycles`."""
    total = float(LAYER)
    for group in layer.groups():
        sweeps = 1
        if group[0].storage is not Storage.WORDS:
            (run,) = group
            total += _unpacking(layer, run)
            sweeps = -(-run.quads // layer.batch(run))
            total += UNPACKING * sweeps
        total += sweeps * _feeding(layer, group[0].activation_bits)
        total += sum(_products(layer, run, group) for run in group)
    return round(total)


def _unpacking(layer: Builder, run: Run) -> float:
    """Weights of a run from their rows."""
    stored = layer.codings[run.channel : run.channel + run.channels]
    each = sum(UNPACKED.get(c.bits, UNEVEN) if c.plain else UNEVEN for c in stored)
    return layer.shape.count * layer.shape.taps * each


def _products(layer: Builder, run: Run, group: list[Run]) -> float:
    """All pixels of a run."""
    shape, pixel = layer.shape, layer.shape.channels * run.activation_bits // 8
    loop = Loop(shape.count, shape.taps, layer.pixel_step(group, pixel))
    y_bits = layer.y_bits()
    return sum(
        times * c_cycles.pixels_of_run(run, loop, layer.results, y_bits, pixels)
        for times, pixels in _calls(layer)
    )


def _calls(layer: Builder) -> Iterator[tuple[int, int]]:
    """How often the kernels are called, for how many pixels."""
    pixels = layer.shape.pixels
    match layer.shape.reading:
        case Reading.DIRECT:
            yield 1, pixels
        case Reading.ROWS:
            width = layer.site.output.shape[2]
            yield pixels // width, width
        case Reading.GATHERED:
            yield pixels // 4, 4
            if pixels % 4:
                yield 1, pixels % 4


def _feeding(layer: Builder, bits: int) -> float:
    """Copies of activations for one sweep over the pixels."""
    op, shape, x_bits = layer.op, layer.shape, layer.site.x_bits
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
    return layer.site.output.shape[0] * (rows * row + out_height * c_cycles.LINE)
