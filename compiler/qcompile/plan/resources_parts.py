"""Sizes of what modules are made of, on AMD parts: memories, counters, products, adder trees.

Memories go where Yosys finds them cheapest; its costs are those of its library files for the
7 series. Whatever is stated as measured comes from Yosys 0.70 on single modules of `templates/rtl`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from qcompile.plan.streams import Rom
from qcompile.qtype import Ints

BLOCK_COST = 127  # of a RAMB18: 15 memories of LUTs are still cheaper, 16 are not (measured)
UNIT_COST = 8  # of four LUTs as a memory
LOGIC_BITS = 64  # of a ROM in logic that cost 1
CHUNK = 64  # words that a bit of a ROM finds in one LUT
SHAPES_18 = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


@dataclass
class Sizes:
    """What is known of a module: resources for certain, and terms that coefficients weigh."""

    lut: float = 0.0
    ff: float = 0.0
    bram18: int = 0
    dsp: int = 0
    lutram: int = 0
    terms: dict[str, float] = field(default_factory=dict)

    def term(self, name: str, amount: float) -> None:
        self.terms[name] = self.terms.get(name, 0.0) + amount

    def memory(self, luts: int, blocks: int = 0) -> None:
        self.lut += luts
        self.lutram += luts
        self.bram18 += blocks


def bits_of(limit: int) -> int:
    """Bits of an address below `limit`."""
    return (limit - 1).bit_length()


def counter(sizes: Sizes, limit: int) -> None:
    """A count that starts over, and whether it is at its end."""
    if limit == 1:
        return
    bits = bits_of(limit)
    sizes.ff += bits
    full = limit & (limit - 1) == 0
    sizes.term("counter", 1 + bits / 6 if full else 2 + 0.7 * bits)


def blocks(depth: int, width: int) -> int:
    """RAMB18 of a memory, two for a RAMB36."""
    return min(-(-depth // d) * -(-width // w) for d, w in SHAPES_18)


def columns(rom: Rom) -> Ints:
    """The bits of a memory's words: [depth, width]."""
    words = rom.values.reshape(rom.values.shape[0], -1)
    places = np.arange(rom.number.bits)
    return (words[..., np.newaxis] >> places & 1).reshape(words.shape[0], -1)


def read_only(sizes: Sizes, rom: Rom, held: bool = True) -> None:
    """A ROM that is read into registers; not `held`: DSP blocks have the registers."""
    table = columns(rom)
    depth = table.shape[0]
    varying = table[:, np.any(table != table[:1], axis=0)]
    bits = varying.shape[1]
    if depth == 1 or not bits:
        return
    if depth * bits > BLOCK_COST * LOGIC_BITS * blocks(depth, bits):
        sizes.bram18 += blocks(depth, bits)
        return
    kept = np.unique(varying, axis=1)
    sizes.ff += kept.shape[1] if held else 0
    sizes.term("rom", logic(kept))


def varying(rom: Rom) -> float:
    """The share of a memory's bits that are not the same in all words."""
    table = columns(rom)
    return float(np.mean(np.any(table != table[:1], axis=0)))


def logic(table: Ints) -> int:
    """LUTs of unlike bits [depth, bits]: one for every chunk of words, and what joins them.

    A bit that is a bit of the address, or its complement, takes none.
    """
    depth = table.shape[0]
    address = np.arange(depth)
    total = 0
    for column in table.T:
        plain = any(
            np.array_equal(column, address >> i & 1 ^ flip)
            for i in range(bits_of(depth))
            for flip in (0, 1)
        )
        if plain:
            continue
        chunks = {column[i : i + CHUNK].tobytes() for i in range(0, depth, CHUNK)}
        chunks -= {bytes(len(c)) for c in chunks} | {
            np.ones_like(column[: len(c) // 8]).tobytes() for c in chunks
        }
        total += joined(len(chunks))
    return total


def joined(chunks: int) -> int:
    """LUTs of a bit that is found in one of several: multiplexers of a slice join two or four."""
    return chunks + (0 if chunks in (0, 1, 2, 4) else chunks // 4 + 1)


def units(depth: int, width: int) -> int:
    """Memories of four LUTs: 32 words of 6 bits or 64 of 3, a port to write and one to read."""
    if depth <= 32:
        return -(-width // 6)
    return -(-depth // 64) * -(-width // 3)


def distributed(depth: int, width: int) -> int:
    """LUTs of a memory in LUTs; of what is left over after 64s, 32 words take half as many."""
    rest = depth % 64
    if depth > 64 and 0 < rest <= 32:
        return 4 * (units(depth - rest, width) + units(rest, width))
    return 4 * units(depth, width)


def memory(sizes: Sizes, depth: int, width: int) -> bool:
    """A memory whose read is registered; whether it is in blocks."""
    if units(depth, width) * UNIT_COST > BLOCK_COST * blocks(depth, width):
        sizes.bram18 += blocks(depth, width)
        return True
    sizes.memory(distributed(depth, width))
    sizes.ff += width
    if depth > 64:
        sizes.term("memory mux", width * (-(-depth // 64) - 1))
    return False


@cache
def product(x: int, signed: bool, w: int) -> int:
    """LUTs of a product of an `x`-bit activation and a `w`-bit weight, measured up to 10 x 8 bits.

    3 * x is given. Rows of X + 2 bits for two bits of the weight; the first row has no sum.
    """
    if w == 1:
        return x
    if x <= 3 and w > 2:
        return {1: w, 2: 2 * w + (not signed), 3: 3 * w + 2}[x]
    if w == 2:
        return x + 2
    if w <= 4:
        return min(3 * x + w - 3, 2 * x + 8)
    rows = (w + 1) // 2
    return rows * x + 2 * rows - 2 + (w % 2 == 0)


def tripled(x: int, w: int) -> bool:
    """Whether a product needs 3 * x."""
    return x > 3 and w > 2


@dataclass(frozen=True)
class Tree:
    """Sums of pairs, level by level: bits that are added, registers, and registers in a row."""

    adders: int
    registers: int


@cache
def tree(count: int, width: int, total: int) -> Tree:
    """The adders of `count` terms of `width` bits, none wider than `total`."""
    adders = registers = 0
    terms, bits = count, width
    while terms > 1:
        pairs, rest = divmod(terms, 2)
        wider = min(bits + 1, total)
        adders += pairs * bits
        registers += pairs * wider + rest * bits
        terms, bits = pairs + rest, wider
    return Tree(adders, registers)


def dsp_blocks(a: int, b: int) -> int:
    """DSP48 of a signed product: 25 x 18 bits each, in parts of 24 or 17 unsigned bits."""
    if min(a, b) <= 18 and max(a, b) <= 25:
        return 1
    wide = [-(-max(v - 1, 1) // 17) for v in (a, b)]
    return min(wide[0] * -(-(b - 1) // 24), wide[1] * -(-(a - 1) // 24))
