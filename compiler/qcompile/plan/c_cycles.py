"""Cycles of the tile kernels on CV32E40P with zero-wait memory, counted from their instructions.

All instructions take one cycle but for taken branches (3), the upper half of a product (5), loads
that are waited for and loads across a word boundary (one more each): CV32E40P user manual, chapter
"Pipeline". What surrounds the assembly was measured on the RTL, see `benchmarks/riscv.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from qcompile.plan.c_results import By, Results
from qcompile.plan.tiles import QUAD, Run

RESULT = {By.WORD: 3, By.SPLIT: 5, By.HIGH: 8, By.UNIT: 1, By.CALL: 0}  # of one sum
CONSTANTS = {By.WORD: 2, By.SPLIT: 3, By.HIGH: 2, By.UNIT: 2, By.CALL: 0}  # loads of a channel
LAYER = {By.WORD: 2, By.SPLIT: 3, By.HIGH: 3, By.UNIT: 0, By.CALL: 0}  # loads for all channels

TILE_START = 22  # from a quad's first instruction to its loops
TILE_END = 9  # what surrounds a quad's results, with its branch back
SEGMENT = 1
SEGMENTS = 5  # for a quad, where there are several
JUMP = 3  # after each of them
LOOPED = 5  # more where a segment has several trips
GROUP = 25  # what surrounds the quads of four pixels
COLUMN_START = 5  # as TILE_START without the loads of biases, for one pixel
COLUMN_END = 10
CALL_RESULT = 40  # one sum through a `finish` function
PASS = 60  # what surrounds a call of a tile kernel
ROW = 90  # what surrounds the copy of a row
LINE = 60  # what surrounds an output row
PIXEL = 60  # what surrounds the copies for one pixel
TAP_ROW = 30  # what surrounds the copy of a kernel row


@dataclass(frozen=True)
class Loop:
    """How the products of a pixel are walked."""

    segments: int
    taps: int
    pixel: int  # bytes from one pixel to the next


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


def waits(run: Run, loop: Loop) -> float:
    """The share of loads of activations that cross a word boundary."""
    step = gcd(loop.pixel, 4)
    return {4: 0.0, 2: 0.5, 1: 0.75}[step]


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
    trip = 4 + ratio * (20 + 4 * waits(run, loop))
    products = walked(run, loop, trip)
    ends = TILE_START + layer_loads(results) + TILE_END
    return ends + products + quad_results(results, y_bits, 4)


def column(run: Run, loop: Loop, results: Results, y_bits: int) -> float:
    """Cycles of all quads of a run for one pixel: sixteen channels at a time, then four."""
    ratio = run.activation_bits // run.weight_bits
    sixteen = 0 if results.by is By.CALL else run.quads // 4
    total = 0.0
    for quads, count in ((4, sixteen), (1, run.quads - 4 * sixteen)):
        trip = QUAD * quads * (1 + ratio) + ratio * (1 + waits(run, loop))
        products = walked(run, loop, trip)
        ends = COLUMN_START + layer_loads(results) + COLUMN_END
        ends += quads * (quad_results(results, y_bits, 1) + QUAD)
        total += count * (products + ends)
    return total


def pixels_of_run(run: Run, loop: Loop, results: Results, y_bits: int, pixels: int) -> float:
    """Cycles of one call: a run for neighbouring pixels."""
    groups, single = divmod(pixels, 4)
    each = tile(run, loop, results, y_bits)
    total = PASS + groups * (GROUP + run.quads * each)
    total += single * (column(run, loop, results, y_bits) + GROUP) + (PASS if single else 0)
    if not results.in_kernel:
        total += QUAD * run.quads * pixels * CALL_RESULT
    return total


def copied(codes: int, x_bits: int, bits: int) -> float:
    """Cycles of copying `codes` codes from `x_bits` bits to `bits`."""
    if x_bits == bits:
        return codes * bits / 32 * 2
    return codes * {(8, 4): 1.7, (8, 2): 1.0, (4, 8): 1.9, (2, 8): 2.5, (2, 4): 1.7}[x_bits, bits]
