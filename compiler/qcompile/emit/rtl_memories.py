"""Constants as memory files and literals: what `$readmemh` and parameters of the RTL take."""

from __future__ import annotations

from collections.abc import Iterable

from qcompile.plan.streams import Rom

FOLDER = "weights"


def depth(rom: Rom) -> int:
    """Words of the memory: the first dimension of the array."""
    return int(rom.values.shape[0])


def width(rom: Rom) -> int:
    """Bits of a word: all else."""
    return rom.bits // depth(rom)


def path(rom: Rom) -> str:
    """The memory file, from the project's folder."""
    return f"{FOLDER}/{rom.name}.mem"


def packed(values: Iterable[int], bits: int) -> int:
    """Values side by side in two's complement, the first in the lowest bits."""
    word, mask = 0, (1 << bits) - 1
    for place, value in enumerate(values):
        word |= (value & mask) << (place * bits)
    return word


def memory_file(rom: Rom) -> str:
    """One word a line, in hexadecimal."""
    digits = -(-width(rom) // 4)
    rows = rom.values.reshape(depth(rom), -1).tolist()
    return "".join(f"{packed(row, rom.number.bits):0{digits}x}\n" for row in rows)


def literal(rom: Rom) -> str:
    """The whole array as one constant, word 0 in the lowest bits."""
    return f"{rom.bits}'h{packed(rom.values.reshape(-1).tolist(), rom.number.bits):x}"
