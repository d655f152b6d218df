"""What a synthesised netlist takes of an FPGA: its cells, counted by the rules in this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import Enum
from fractions import Fraction


class Family(Enum):
    """The FPGA families that cells are mapped to."""

    XC7 = "xc7"
    ULTRASCALE_PLUS = "xcup"
    ECP5 = "ecp5"


@dataclass(frozen=True, slots=True)
class Resources:
    """What a design takes of an FPGA.

    lut: look-up tables, with those that hold memories; six inputs on AMD parts, four on ECP5.
    ff: flip-flops. bram18: memory blocks of 18 kbit (a RAMB36 is two). dsp: multiplier blocks.
    lutram: those of `lut` that hold memories or shift registers. carry: carry cells, four bits
    each on AMD parts, two on ECP5. muxf: multiplexers that join look-up tables (MUXF7 to MUXF9;
    PFUMX, L6MUX21). inverters: INV cells, which placement merges into what they feed, and which
    therefore are no LUTs.
    """

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0
    lutram: int = 0
    carry: int = 0
    muxf: int = 0
    inverters: int = 0

    @property
    def bram36(self) -> Fraction:
        """Memory in blocks of 36 kbit, as data sheets of AMD parts count it."""
        return Fraction(self.bram18, 2)

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, count: int) -> Resources:
        return Resources(*(a * count for a in astuple(self)))


def _memory(luts: int) -> Resources:
    return Resources(lut=luts, lutram=luts)


# A memory cell takes the LUTs of its slice that it turns into memory: 64 bits each, one per port
# that reads, and in the cells of several ports (M) the one that holds the write address too.
_XILINX = {
    **{f"LUT{inputs}": Resources(lut=1) for inputs in range(1, 7)},
    **dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE"), Resources(ff=1)),
    **dict.fromkeys(("SRL16E", "SRLC32E", "RAM32X1S", "RAM64X1S"), _memory(1)),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), _memory(2)),
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"), _memory(4)),
    **dict.fromkeys(("RAM32M16", "RAM64M8", "RAM64X8SW", "RAM32X16DR8"), _memory(8)),
    **dict.fromkeys(("RAM256X1D", "RAM512X1S"), _memory(8)),
    **dict.fromkeys(("RAMB18E1", "RAMB18E2"), Resources(bram18=1)),
    **dict.fromkeys(("RAMB36E1", "RAMB36E2"), Resources(bram18=2)),
    **dict.fromkeys(("DSP48E1", "DSP48E2"), Resources(dsp=1)),
    **dict.fromkeys(("MUXF7", "MUXF8", "MUXF9"), Resources(muxf=1)),
    "CARRY4": Resources(carry=1),  # its LUTs are cells of their own
    "INV": Resources(inverters=1),
}

# A carry cell is a slice of two LUT4; a 16x4 memory is two slices of memory and the one that
# drives their write ports: six LUT4, as place-and-route counts it.
_ECP5 = {
    "LUT4": Resources(lut=1),
    "TRELLIS_COMB": Resources(lut=1),
    "CCU2C": Resources(lut=2, carry=1),
    "TRELLIS_DPR16X4": _memory(6),
    "TRELLIS_FF": Resources(ff=1),
    "DP16KD": Resources(bram18=1),
    "PDPW16KD": Resources(bram18=1),
    "MULT18X18D": Resources(dsp=1),
    "PFUMX": Resources(muxf=1),
    "L6MUX21": Resources(muxf=1),
    "INV": Resources(inverters=1),
}

# Bookkeeping, assertions, constants and what belongs to the edge of the chip.
_FREE = {"$scopeinfo", "$check", "$assert", "$print", "GND", "VCC", "BUFG", "IBUF", "OBUF"}


class UnknownCell(Exception):
    """The netlist holds a cell that no counting rule covers: a latch, or one left unmapped."""


def count(cells: Mapping[str, int], family: Family) -> Resources:
    """The resources of a netlist with so many cells of each type; raises UnknownCell."""
    rules = _ECP5 if family is Family.ECP5 else _XILINX
    total = Resources()
    for cell, number in cells.items():
        if cell in _FREE:
            continue
        if cell not in rules:
            raise UnknownCell(f"{number} cells {cell} in a netlist for {family.value}")
        total += rules[cell] * number
    return total
