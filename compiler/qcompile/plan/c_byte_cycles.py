"""Predicted cycles of the kernels for bytes, with zero-wait memory.

What is repeated is counted from the instructions; what surrounds it was measured on the RTL. On
rv32imc, which has no instruction that clips or compares bytes, it depends on the values a little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, prod
from typing import Any

from qcompile.plan.c_elementwise import AddCodes, LookUp, ScaleCodes
from qcompile.plan.c_layers import Window
from qcompile.plan.c_moves import Fill, Move, MovesCode
from qcompile.plan.c_pools import MaxPoolCode, SumCodes
from qcompile.rtl import Isa

RUN = 32  # QC_RUN of qc.h


@dataclass(frozen=True)
class Pixels:
    """Neighbouring output pixels whose windows have as many taps."""

    rows: int
    columns: int
    count: int


def cycles(details: Any, isa: Isa) -> float | None:
    """Of one call of the layer's function; None for other kernels than those for bytes."""
    fast = isa is not Isa.RV32IMC
    match details:
        case AddCodes(count=n, function=name):
            limits = name.endswith("limits")
            each = 6 if isa is Isa.MPIC_Q and not limits else 7 + limits
            return 35 + n * (each if fast else 13.3)
        case LookUp(count=n):
            return 30 + n * (3 if fast else 5.25)
        case ScaleCodes(count=n, function=name):
            return 35 + n * (5 + name.endswith("limits") if fast else 11.5)
        case MaxPoolCode(window=w, function=name) if name.startswith("qc_max_codes"):
            return max_pool(w) if fast else max_pool_portable(w)
        case SumCodes(window=w):
            return (sum_pool(w) if fast else sum_pool_portable(w)) + results(details, fast)
        case MovesCode(fill_all=None) if all(m.run for m in details.moves):
            moved = sum(move(m) if fast else move_portable(m) for m in details.moves)
            return moved + sum(filled(f, fast) for f in details.fills)
    return None


def max_pool(w: Window) -> float:
    """Four loads, three instructions and a store take a word of a group of taps on."""
    words, rest = divmod(w.channels, 4)
    total = 76.0 + 89 * w.out_height * w.images
    parts = 1 + (rest > 0 and words > 0)
    each = 6 * parts + (words + parts - 1) * (8 + 5.3 * crossing(w.channels))
    if words == 0:
        each = 11 + 21 * w.channels
    for p in pixels(w):
        total += 78 + calls_of_max(p) * (105 + 6 * parts + p.count * each)
    return total


def max_pool_portable(w: Window) -> float:
    total = 76.0 + 112 * w.out_height * w.images
    each = w.channels * (13.3 if w.channels % 4 == 0 else 25.1)
    for p in pixels(w):
        border = 35 if p.count == w.images else 0
        total += 60 + border + calls_of_max(p) * (118 + p.count * (11 + each))
    return total


def sum_pool(w: Window) -> float:
    """A load and four products take a word of a tap."""
    total = 65.0 + 91 * w.out_height * w.images
    chunks, eights = chunks_of(w.channels)
    for p in pixels(w):
        rows, columns = joined(w, p)
        if w.channels < 8:
            total += p.count * (131 + w.channels * (25 + rows * (10 + 7 * columns)))
            continue
        products = rows * (3.5 + columns * (10 + 2 * crossing(w.channels)))
        total += p.count * (77 + 56 * chunks + eights * (45 + products))
    return total


def sum_pool_portable(w: Window) -> float:
    total = 100.0 + 145 * w.out_height * w.images
    chunks, _ = chunks_of(w.channels)
    for p in pixels(w):
        rows, columns = joined(w, p)
        if w.channels % 4 == 0:
            sums = w.channels / 4 * (5.2 + rows * (30.5 + 9.75 * columns))
        else:
            count = w.channels if w.channels < 8 else counted(w.channels)
            sums = count * (4 + rows * (7.6 + 7.4 * columns))
        total += p.count * (92 + 36 * chunks + sums)
    return total


def results(details: SumCodes, fast: bool) -> float:
    """What becomes of the sums."""
    w = details.window
    sums = w.images * w.out_height * w.out_width * counted(w.channels)
    if details.line:
        return sums * (2 if fast else 24.7)
    return sums * (16 if details.alike else 60)


def joined(w: Window, p: Pixels) -> tuple[int, int]:
    """Rows and columns of taps, where rows that follow each other are one."""
    whole = p.columns == w.width and w.dilation_x == w.dilation_y == 1
    return (1, p.rows * p.columns) if whole else (p.rows, p.columns)


def chunks_of(channels: int) -> tuple[int, int]:
    """Runs of accumulators, and groups of eight channels in them."""
    whole, rest = divmod(channels, RUN)
    return whole + (rest > 0), whole * RUN // 8 + -(-rest // 8)


def counted(channels: int) -> int:
    """Channels, with those that are summed twice for the sake of eight at a time."""
    rest = channels % RUN
    return channels - rest + max(rest, 8 if rest and channels >= 8 else 0)


def move(m: Move) -> float:
    """Two loads and two stores take eight bytes."""
    outer, rows = prod(m.walk.size[:-1]), prod(m.walk.size)
    pairs, rest = divmod(m.run, 8)
    waits = crossing(m.x_offset, *m.walk.a) + crossing(m.y_offset, *m.walk.y)
    total = 140.0 + 44 * outer
    if m.run < 4:
        return total + 12 * outer + rows * (12 + 7 * m.run)
    if m.run < 8:
        return total + rows * (6 + 2 * waits)
    parts = 1 + (rest > 0)
    return total + rows * (3 * parts + (pairs + parts - 1) * (4 + 2 * waits))


def move_portable(m: Move) -> float:
    outer, rows = prod(m.walk.size[:-1]), prod(m.walk.size)
    total = 140.0 + 85 * outer
    places = (m.x_offset, m.y_offset, *m.walk.a, *m.walk.y)
    if crossing(*places) or m.run < 4:
        return total + rows * (15 + 3.7 * m.run)
    each = 15 * (m.run // 16) + 10 * (m.run % 16 // 4) + 3.7 * (m.run % 4)
    return total + rows * (23 + each)


def filled(f: Fill, fast: bool) -> float:
    if not fast:
        return 7 + f.rows * (30 + f.bytes / 1.6)
    blocks, rest = divmod(f.bytes, 16)
    if blocks == 0:
        return 10 + f.rows * (15 + 2 * f.bytes)
    parts = 1 + (rest > 0)
    stores = 4 * (blocks + parts - 1) * (1 + crossing(f.offset, f.step))
    return 5 + f.rows * (3 * parts + stores)


def crossing(*steps: int) -> float:
    """The share of words that cross a boundary, where they lie at sums of these steps."""
    return {4: 0.0, 2: 0.5, 1: 0.75}[gcd(*steps, 4)]


def pixels(w: Window) -> Iterator[Pixels]:
    """All output pixels, those with a whole window side by side together."""
    for oy in range(w.out_height):
        rows = taps(oy * w.stride_y - w.top, w.dilation_y, w.kernel_height, w.height)
        ox = 0
        while ox < w.out_width:
            inner = w.inner_left <= ox < w.inner_right
            count = w.inner_right - ox if inner else 1
            columns = taps(ox * w.stride_x - w.left, w.dilation_x, w.kernel_width, w.width)
            yield Pixels(rows, columns, count * w.images)
            ox += count


def taps(start: int, step: int, count: int, size: int) -> int:
    """How many of start, start + step, ... lie within 0 .. size - 1."""
    return sum(0 <= start + k * step < size for k in range(count))


def calls_of_max(p: Pixels) -> int:
    """Groups of taps that are met at once: four, then three each."""
    return 1 + -(-max(p.rows * p.columns - 4, 0) // 3)
