"""Cycles of the tile kernels on CV32E40P with zero-wait memory, counted from their instructions.

All instructions take one cycle but for taken branches (3), the upper half of a product (5), loads
that are waited for and loads across a word boundary (one more each): CV32E40P user manual, chapter
"Pipeline". What surrounds the assembly was measured on the RTL, see `benchmarks/riscv.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from qcompile.plan.c_results import By, Results
from qcompile.plan.tiles import QUAD, Run

RESULT = {By.WORD: 3, By.SPLIT: 5, By.HIGH: 8, By.LONG: 11, By.UNIT: 1, By.CALL: 0}  # of one sum
CONSTANTS = {
    By.WORD: 2,
    By.SPLIT: 3,
    By.HIGH: 2,
    By.LONG: 3,
    By.UNIT: 2,
    By.CALL: 0,
}  # loads of a channel
LAYER = {
    By.WORD: 2,
    By.SPLIT: 3,
    By.HIGH: 3,
    By.LONG: 2,
    By.UNIT: 0,
    By.CALL: 0,
}  # loads for all channels

TILE_START = 22  # from a quad's first instruction to its loops
TILE_END = 9  # what surrounds a quad's results, with its branch back
SEGMENT = 1
SEGMENTS = 5  # for a quad, where there are several
JUMP = 3  # after each of them
LOOPED = 5  # more where a segment has several trips
GROUP = 25  # what surrounds the quads of four pixels
LINE_END = 2  # of a single segment, after the loads of layer_loads
COLUMN = 9  # what surrounds one pixel of a single segment
COLUMN_START = 5  # as TILE_START without the loads of biases, for one pixel
COLUMN_END = 10
UNFOLD = {4: 4, 2: 6}  # of a quad's sums for a pixel, by the bits of folded weights
EXCESS = 20  # what surrounds the sum of activations for them
CALL_RESULT = 40  # one sum through a `finish` function
PASS = 60  # what surrounds a call of a tile kernel
ROW = 90  # what surrounds the copy of a row
LINE = 60  # what surrounds an output row
PATCHES = 60  # what surrounds the copies of some pixels out of rows
COLUMN_COPY = 14  # what surrounds a word of each of them
PIXEL = 60  # what surrounds the copies for one pixel
TAP_ROW = 30  # what surrounds the copy of a kernel row


@dataclass(frozen=True)
class Loop:
    """How the products of a pixel are walked."""

    segments: int
    taps: int
    pixel: int  # bytes from one pixel to the next
    single: bool  # whether the kernels for a single segment serve
    unit: bool  # whether dot products take biases as they are


def quad_results(results: Results, y_bits: int, pixels: int) -> int:
    """Cycles from the sums of a quad to its stored codes."""
    if not results.in_kernel:
        return 1 + QUAD * pixels
    each = RESULT[results.by] + (results.clamp is not None) + (results.low != 0)
    pack = 3 if y_bits == 8 else 4
    return QUAD * (CONSTANTS[results.by] + each * pixels) + pack * pixels


def layer_loads(results: Results) -> int:
    """Loads of what all channels share, for each quad or sixteen channels."""
    return LAYER[results.by] + (results.clamp is not None) + (3 if results.in_kernel else 0)


def waits(pixel: int) -> float:
    """The share of loads of activations that cross a word boundary, `pixel` bytes apart."""
    return {4: 0.0, 2: 0.5, 1: 0.75}[gcd(pixel, 4)]


def column_of_words(pixel: int, row: int) -> float:
    """Cycles of copying a word of each of four pixels, to rows of `row` bytes."""
    return 8 + 4 * waits(pixel) + 4 * waits(row)


def walked(run: Run, loop: Loop, trip: float) -> float:
    """Cycles of all trips of `trip` cycles each."""
    trips = run.trips(loop.taps)
    segment = SEGMENT + (LOOPED if trips > 1 else 0) + trips * trip
    if loop.segments == 1:
        return segment
    return SEGMENTS + loop.segments * (segment + JUMP)


def tile(run: Run, loop: Loop, results: Results, y_bits: int) -> float:
    """Cycles of one quad and four pixels."""
    ratio = run.activation_bits // run.weight_bits
    loads = 4 * ratio if run.folded else 4  # or what comes instead
    trip = loads + ratio * (20 + 4 * waits(loop.pixel))
    if loop.single:
        products = line(run, loop, trip) + line_ends(loop, results)
    else:
        products = walked(run, loop, trip) + TILE_START + layer_loads(results) + TILE_END
    if run.folded:
        products += 5 + 4 * UNFOLD[run.weight_bits]
    return products + quad_results(results, y_bits, 4)


def line(run: Run, loop: Loop, trip: float) -> float:
    """Cycles of all trips of a single segment, the first one apart where the unit is there."""
    trips = run.trips(loop.taps)
    looped = trips - 1 if loop.unit else trips
    return SEGMENT + loop.unit + (LOOPED if looped > 1 else 0) + trips * trip


def line_ends(loop: Loop, results: Results) -> int:
    """What surrounds the trips of a single segment and the results of a quad."""
    kept = results.by is By.UNIT
    start = (1 if kept else 4) + QUAD if loop.unit else 5 + QUAD * QUAD
    return start + (not kept) + LINE_END + layer_loads(results)


def column(run: Run, loop: Loop, results: Results, y_bits: int) -> float:
    """Cycles of all quads of a run for one pixel: sixteen channels at a time, then four."""
    ratio = run.activation_bits // run.weight_bits
    sixteen = 0 if results.by is By.CALL else run.quads // 4
    total = 0.0
    for quads, count in ((4, sixteen), (1, run.quads - 4 * sixteen)):
        loads = ratio if run.folded else 1
        trip = QUAD * quads * (loads + ratio) + ratio * (1 + waits(loop.pixel))
        products = (
            line(run, replace(loop, unit=False), trip) if loop.single else walked(run, loop, trip)
        )
        ends = (COLUMN if loop.single else COLUMN_START + COLUMN_END) + layer_loads(results)
        ends += quads * (quad_results(results, y_bits, 1) + QUAD)
        if run.folded:
            ends += 3 + quads * UNFOLD[run.weight_bits]
        total += count * (products + ends)
    return total


def excess(run: Run, loop: Loop, pixels: int) -> float:
    """Cycles of the sums of the activations of four pixels, or of one, for folded weights."""
    if not run.folded:
        return 0.0
    words = run.trips(loop.taps) * run.lanes // 4
    return EXCESS + pixels * loop.segments * words * (2 + waits(loop.pixel))


def pixels_of_run(run: Run, loop: Loop, results: Results, y_bits: int, pixels: int) -> float:
    """Cycles of one call: a run for neighbouring pixels."""
    groups, single = divmod(pixels, 4)
    each = tile(run, loop, results, y_bits)
    total = PASS + groups * (GROUP + run.quads * each + excess(run, loop, 4))
    one = column(run, loop, results, y_bits) + GROUP + excess(run, loop, 1)
    total += single * one + (PASS if single else 0)
    if not results.in_kernel:
        total += QUAD * run.quads * pixels * CALL_RESULT
    return total


def copied(codes: int, x_bits: int, bits: int) -> float:
    """Cycles of copying `codes` codes from `x_bits` bits to `bits`."""
    if x_bits == bits:
        return codes * bits / 32 * 2
    return codes * {(8, 4): 1.7, (8, 2): 1.0, (4, 8): 1.9, (2, 8): 2.5, (2, 4): 1.7}[x_bits, bits]
