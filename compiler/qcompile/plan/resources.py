"""LUTs, flip-flops, memory blocks and DSPs of a process's module, estimated from the plan.

Structure gives the terms (bits of sums, words of ROMs, ...), and a fit to Yosys 0.70 on 7-series
cells gives what a unit of each costs. `python -m benchmarks.fpga_modules` compares the two on
modules that the fit did not see; `benchmarks.fpga_fit` spells the fit, whose result has since been
adjusted by hand. Half of all modules are within 5 %, but single requantizers, selects and small
modules are far off, so no report prints these figures yet.
"""

from __future__ import annotations

from qcompile.plan.processes import Depthwise, MatrixVector, Requantize, Window
from qcompile.plan.resources_linear import matrix, window
from qcompile.plan.resources_others import other
from qcompile.plan.resources_parts import (
    BLOCK_COST,
    UNIT_COST,
    Sizes,
    bits_of,
    blocks,
    distributed,
    units,
)
from qcompile.plan.resources_requant import requantize
from qcompile.plan.streams import Process
from qcompile.synth.cells import Resources

# LUTs of a unit of each term, by kind of process.
COEFFICIENTS: dict[str, dict[str, float]] = {
    "AddStreams": {
        "constant": 0.0,
        "module": 4.36,
        "multiple": 0.44,
        "negated": 0.31,
        "sum": 0.84,
    },
    "Constants": {
        "counter": 1.17,
        "module": 0.0,
        "rom": 1.07,
    },
    "Convert": {
        "counter": 0.94,
        "kept": 0.98,
        "module": 3.75,
        "picked": 1.01,
    },
    "Depthwise": {
        "accumulator": 1.04,
        "counter": 1.23,
        "module": 0.0,
        "offset": 0.0,
        "pair": 0.5,
        "product": 1.01,
        "rom": 0.91,
        "small product": 1.43,
        "tree": 1.0,
        "triple": 0.64,
    },
    "Join": {
        "choice": 0.99,
        "count": 0.0,
        "inputs": 2.76,
        "module": 0.0,
    },
    "MatrixProduct": {
        "address": 1.28,
        "counter": 0.79,
        "difference": 0.0,
        "kept": 1.45,
        "module": 10.42,
    },
    "MatrixVector": {
        "accumulator": 0.97,
        "bypass": 0.55,
        "counter": 1.83,
        "module": 0.09,
        "offset": 0.0,
        "pair": 0.11,
        "product": 0.99,
        "rom": 1.01,
        "small product": 0.64,
        "tree": 0.79,
        "triple": 1.21,
    },
    "Move": {
        "constant": 1.0,
        "counter": 0.39,
        "memory mux": 1.65,
        "module": 10.72,
        "offset": 1.31,
        "walk": 1.08,
    },
    "MulStreams": {
        "difference": 0.0,
        "module": 3.99,
        "small product": 0.77,
    },
    "PoolAll": {
        "counter": 1.89,
        "largest": 0.83,
        "module": 0.35,
        "sum": 0.96,
    },
    "PoolWindows": {
        "counter": 0.38,
        "largest": 0.88,
        "module": 4.57,
        "rom": 1.44,
        "sum": 1.02,
    },
    "Rank": {
        "compare": 0.36,
        "module": 6.13,
        "moved": 1.63,
        "places": 0.0,
        "steps": 2.58,
    },
    "Requantize": {
        "choice": 1.92,
        "clip": 1.87,
        "clipped": 0.0,
        "compare": 0.57,
        "counter": 0.71,
        "even": 1.0,
        "first compare": 0.54,
        "lane": 0.0,
        "late": 0.0,
        "listed": 1.0,
        "module": 2.21,
        "rom": 0.99,
        "saturate": 1.75,
        "shift": 0.74,
        "sum": 0.68,
        "wide product": 0.7,
    },
    "RoundedPool": {
        "counter": 0.0,
        "module": 0.0,
        "rounded": 1.31,
    },
    "Select": {
        "choices": 0.99,
        "counter": 0.78,
        "joined": 0.1,
        "module": 4.83,
        "word": 1.11,
    },
    "Window": {
        "address": 1.52,
        "base": 0.0,
        "column": 2.37,
        "column one": 0.68,
        "counter": 1.99,
        "line": 0.67,
        "memory mux": 1.39,
        "module": 23.81,
        "pad value": 0.35,
        "padded": 0.0,
        "rows": 0.0,
        "y": 1.89,
    },
}
BYPASS_COST = 2.7  # of a bit that leaves a block in the cycle in which it is read
FIFO_REGISTERS = 12  # bits of two words up to which a FIFO is made of registers


def estimate(process: Process) -> Resources:
    """The resources of a process's module; a multiplication takes a DSP block where it can."""
    found = sizes(process)
    weights = COEFFICIENTS.get(type(process).__name__, {})
    luts = found.lut + sum(weights.get(t, 1.0) * amount for t, amount in found.terms.items())
    return Resources(
        lut=max(round(luts), 0),
        ff=max(round(found.ff), 0),
        bram18=found.bram18,
        dsp=found.dsp,
        lutram=found.lutram,
    )


def sizes(process: Process) -> Sizes:
    """The terms of a process, by its kind."""
    s = Sizes(terms={"module": 1.0})
    match process:
        case MatrixVector():
            p = process
            matrix(s, p, p.inputs[0].lanes, p.columns, p.grouping.blocks, p.grouping.turns > 1)
        case Depthwise():
            matrix(s, process, 1, process.taps, 1, False)
        case Window():
            window(s, process)
        case Requantize():
            requantize(s, process)
        case _:
            other(s, process)
    return s


def fifo(width: int, depth: int) -> Resources:
    """`qc_fifo`: its words, two places and a count."""
    place, count = bits_of(max(depth, 2)), depth.bit_length()
    full = depth & (depth - 1) == 0
    ff = 2 * place + count
    if depth == 2 and width <= FIFO_REGISTERS + 1:
        return Resources(lut=width + 9, ff=ff + 2 * width)
    if depth > 64 and UNIT_COST * units(depth, width) > BLOCK_COST + BYPASS_COST * width:
        luts = round(2.2 * place + 14 + width * 1.1)
        return Resources(lut=luts + 18, ff=ff + width + 3, bram18=blocks(depth, width))
    control = FIFO_CONTROL[place] if full else FIFO_WRAP[place]
    luts = distributed(depth, width)
    beyond = width * (-(-depth // 64) - 1)
    return Resources(lut=luts + control + beyond, ff=ff, lutram=luts)


# LUTs of both places and the count, by the bits of a place; measured at 16 bits.
FIFO_CONTROL = {1: 8, 2: 15, 3: 12, 4: 17, 5: 19, 6: 20, 7: 28, 8: 30, 9: 32, 10: 34}
FIFO_WRAP = {2: 11, 3: 16, 4: 17, 5: 24, 6: 28, 7: 32, 8: 36, 9: 40, 10: 44}
