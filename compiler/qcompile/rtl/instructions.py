"""Instructions of a program, decoded as far as control flow and hardware loops need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qcompile.elf import EXECUTE, NO_BITS, sections

CUSTOM_0, CUSTOM_1 = 0x0B, 0x2B
BRANCH, JALR, JAL, FENCE, SYSTEM = 0x63, 0x67, 0x6F, 0x0F, 0x73


@dataclass(frozen=True)
class Instruction:
    address: int
    word: int  # 16 or 32 bits

    @property
    def compressed(self) -> bool:
        return self.word & 3 != 3

    @property
    def opcode(self) -> int:
        return self.word & 0x7F

    @property
    def function(self) -> int:
        return self.word >> 12 & 7

    @property
    def loop_operation(self) -> int | None:
        """Bits [11:8] of an instruction that writes loop registers."""
        writes = not self.compressed and self.opcode == CUSTOM_1 and self.function == 4
        return self.word >> 8 & 15 if writes else None

    @property
    def loop_number(self) -> int:
        return self.word >> 7 & 1

    @property
    def target(self) -> int | None:
        """Where a branch or jump of this program goes; None of other instructions and `jalr`."""
        offset = _compressed_offset(self.word) if self.compressed else self._offset
        return None if offset is None else self.address + offset

    @property
    def _offset(self) -> int | None:
        w = self.word
        if self.opcode == BRANCH or self.immediate_branch:
            high = _signed(w >> 31, 1) << 12
            return high | (w >> 7 & 1) << 11 | (w >> 25 & 0x3F) << 5 | (w >> 8 & 15) << 1
        if self.opcode == JAL:
            high = _signed(w >> 31, 1) << 20
            return high | (w >> 12 & 0xFF) << 12 | (w >> 20 & 1) << 11 | (w >> 21 & 0x3FF) << 1
        return None

    @property
    def immediate_branch(self) -> bool:
        """cv.beqimm or cv.bneimm."""
        return self.opcode == CUSTOM_0 and self.function in (6, 7)

    @property
    def straight(self) -> bool:
        """Whether a loop's body may have it, as far as control flow goes."""
        return not self.immediate_branch and self.opcode not in (BRANCH, JALR, JAL, FENCE, SYSTEM)


def instructions(elf: bytes) -> Iterator[Instruction]:
    """The instructions of every section of code."""
    for section in sections(elf):
        if not section.flags & EXECUTE or section.kind == NO_BITS:
            continue
        place = 0
        while place + 2 <= section.size:
            size = 4 if section.content[place] & 3 == 3 else 2
            word = int.from_bytes(section.content[place : place + size], "little")
            yield Instruction(section.address + place, word)
            place += size


def _signed(value: int, bits: int) -> int:
    return value - ((value >> (bits - 1)) << bits)


def _compressed_offset(w: int) -> int | None:
    """The offset of c.j, c.jal, c.beqz or c.bnez."""
    if w & 3 != 1:
        return None
    if w >> 13 in (0b001, 0b101):  # c.jal, c.j
        value = (w >> 12 & 1) << 11 | (w >> 11 & 1) << 4 | (w >> 9 & 3) << 8 | (w >> 8 & 1) << 10
        value |= (w >> 7 & 1) << 6 | (w >> 6 & 1) << 7 | (w >> 3 & 7) << 1 | (w >> 2 & 1) << 5
        return _signed(value, 12)
    if w >> 13 in (0b110, 0b111):  # c.beqz, c.bnez
        value = (w >> 12 & 1) << 8 | (w >> 10 & 3) << 3 | (w >> 5 & 3) << 6
        value |= (w >> 3 & 3) << 1 | (w >> 2 & 1) << 5
        return _signed(value, 9)
    return None
