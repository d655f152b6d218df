"""The mixed-precision unit on the RTL, instruction by instruction, against its Python model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from qcompile.rtl import Firmware, Isa, compile_firmware, run
from qcompile.rtl.unit_model import FORMATS, Status, Words, dot_products, requantize

DOT_UNSIGNED, DOT_SIGNED, STATUS, REQUANTIZE = range(4)
ALL = 0xFFFFFFFF
CORNERS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x80808080, 0x7F7F7F7F, 0x55555555, 0xAAAAAAAA)

# Runs a list of (operation, rs1, rs2, rs3) in the exchange window; each result goes over rs3.
PLAYER = r"""
#include "qc_system.h"

#define UNIT(opcode) \
    __asm__ volatile(".insn r4 " opcode ", 0, 0, %0, %1, %2, %3" \
                     : "=r"(r[3]) : "r"(r[1]), "r"(r[2]), "r"(r[3]))

int main(void)
{
    uint32_t *r = (uint32_t *)QC_EXCHANGE;
    for (uint32_t count = *r++; count; count--, r += 4) {
        switch (r[0]) {
        case 0: UNIT("0x43"); break;
        case 1: UNIT("0x47"); break;
        case 2: UNIT("0x4B"); break;
        case 3: UNIT("0x4F"); break;
        default: return 1;
        }
    }
    return 0;
}
"""

# A load from flash waits for its response while the dot product after it asks for its result.
STALLED = r"""
#include "qc_system.h"

const volatile uint32_t constant = 5;

int main(void)
{
    uint32_t *r = (uint32_t *)QC_EXCHANGE, t, acc = 0;
    __asm__ volatile(".insn r4 0x4B, 0, 0, x0, %0, %1, x0" : : "r"(r[0]), "r"(-1));
    for (int i = 0; i < 20; i++) {
        __asm__ volatile(
            "lw %1, 0(%2)\n\t"
            ".insn r4 0x43, 0, 0, %0, %3, %4, %0\n\t"
            ".insn r4 0x43, 0, 0, %0, %4, %3, %0\n\t"
            "lw %1, 0(%2)\n\t"
            "addi %1, %1, 1\n\t"
            ".insn r4 0x43, 0, 0, %0, %3, %1, %0"
            : "+&r"(acc), "=&r"(t) : "r"(&constant), "r"(r[1]), "r"(r[2]));
    }
    r[0] = acc;
    __asm__ volatile(".insn r4 0x4B, 0, 0, %0, x0, x0, x0" : "=r"(r[1]));
    return 0;
}
"""


@dataclass
class Program:
    """Unit instructions and what each must give."""

    words: list[Words] = field(default_factory=list)
    results: list[Words] = field(default_factory=list)

    def add(self, operation: int, a: Words, b: Words, c: Words, results: Words) -> None:
        operations = np.full(len(a), operation, np.uint32)
        self.words.append(np.stack([operations, a, b, c], axis=1).astype(np.uint32))
        self.results.append(results)

    def set(self, status: Status, before: int) -> None:
        """Write the whole status; the instruction gives the one `before`."""
        one = np.array([status.word], np.uint32)
        self.add(STATUS, one, one | ALL, one * 0, np.array([before], np.uint32))

    def check(self, firmware: Firmware) -> None:
        words, expected = np.concatenate(self.words), np.concatenate(self.results)
        exchange = np.uint32(len(words)).tobytes() + words.tobytes()
        done = run(firmware, exchange, output=(4, 16 * len(words)))
        assert done.exit_code == 0
        got = np.frombuffer(done.output, np.uint32).reshape(-1, 4)[:, 3]
        np.testing.assert_array_equal(got, expected)


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    source = tmp_path_factory.mktemp("player") / "player.c"
    source.write_text(PLAYER)
    return compile_firmware([source], Isa.MPIC_Q)


def operands(rng: np.random.Generator, count: int) -> tuple[Words, Words, Words]:
    """Three columns of words, half of them corners."""
    words = rng.integers(0, 1 << 32, (3, count), dtype=np.uint32)
    corners = rng.choice(np.array(CORNERS, np.uint32), (3, count))
    a, b, c = np.where(rng.random((3, count)) < 0.5, words, corners)
    return a, b, c


@pytest.mark.parametrize(("activation_bits", "weight_bits"), FORMATS)
def test_dot_products_of_every_format(
    player: Firmware, activation_bits: int, weight_bits: int
) -> None:
    rng = np.random.default_rng(10 * activation_bits + weight_bits)
    program, before = Program(), 0
    for skip in (1, 2, 3, 8, 16, 32):
        for operation in (DOT_UNSIGNED, DOT_SIGNED):
            status = Status(activation_bits, weight_bits, skip)
            program.set(status, before)
            a, b, c = operands(rng, 5 * skip + 40)
            results, status = dot_products(status, a, b, c, signed=operation == DOT_SIGNED)
            program.add(operation, a, b, c, results)
            before = status.word
    program.check(player)


def test_the_definition_by_hand() -> None:
    """Figures worked out on paper: lanes are little endian, slices follow each other."""

    def one(status: Status, x: int, w: int, acc: int, *, signed: bool) -> int:
        words = (np.array([value], np.uint32) for value in (x, w, acc))
        return int(dot_products(status, *words, signed=signed)[0][0])

    # 200*1 + 3*(-1) + 2*127 + 1*(-128) + 10
    assert one(Status(8, 8), 0x010203C8, 0x807FFF01, 10, signed=False) == 333
    # -56*1 + 3*(-1) + 2*127 + 1*(-128) + 10
    assert one(Status(8, 8), 0x010203C8, 0x807FFF01, 10, signed=True) == 77
    # second half of the weight word, nibbles 1, -1, 7, -8: 4*1 + 3*(-1) + 2*7 + 1*(-8)
    assert one(Status(8, 4, index=1), 0x01020304, 0x87F10000, 0, signed=False) == 7
    # third byte, crumbs 1, -1, -2, 0
    assert one(Status(8, 2, index=2), 0x01020304, 0x002D0000, 0, signed=False) == (4 - 3 - 4) & ALL
    # sixteen times 3 * (-2), and wrap-around
    assert one(Status(2, 2), 0xFFFFFFFF, 0xAAAAAAAA, 95, signed=False) == 0xFFFFFFFF
    assert Status(4, 2, 3, 1, 2, 7, 9, 4, True).word == (
        1 | 2 << 2 | 2 << 4 | 1 << 9 | 2 << 11 | 7 << 16 | 9 << 21 | 3 << 26 | 1 << 29
    )


def test_status_saved_and_restored_in_the_middle_of_a_slice(player: Firmware) -> None:
    rng = np.random.default_rng(1)
    program, before = Program(), 0
    outer, inner = Status(8, 2, skip=5), Status(4, 2, skip=2)
    program.set(outer, before)
    for count in range(1, 24):
        a, b, c = operands(rng, count)
        results, outer = dot_products(outer, a, b, c, signed=False)
        program.add(DOT_UNSIGNED, a, b, c, results)
        program.set(inner, outer.word)  # gives what must be restored
        results, other = dot_products(inner, a, b, c, signed=True)
        program.add(DOT_SIGNED, a, b, c, results)
        program.set(outer, other.word)
    program.check(player)


def test_status_is_written_under_a_mask(player: Firmware) -> None:
    rng = np.random.default_rng(2)
    program, status = Program(), 0
    for _ in range(200):
        a, b, c = operands(rng, 1)
        program.add(STATUS, a, b, c, np.array([status], np.uint32))
        status = ((status & ~int(b[0])) | (int(a[0]) & int(b[0]))) & 0x3FFFFFFF
    program.check(player)


def test_requantization(player: Firmware) -> None:
    rng = np.random.default_rng(3)
    program, before = Program(), 0
    for output_bits in range(1, 9):
        for output_signed in (False, True):
            for k, s in [(0, 0), (31, 31), (0, 31), (31, 0), *rng.integers(0, 32, (8, 2))]:
                status = Status(
                    k=int(k), s=int(s), output_bits=output_bits, output_signed=output_signed
                )
                program.set(status, before)
                before = status.word
                a, b, c = operands(rng, 24)
                # Half of them of a size that does not always saturate.
                a[:12] = (a[:12].view(np.int32) >> 12).view(np.uint32)
                c[:12] = (c[:12].view(np.int32) >> int(rng.integers(0, 31))).view(np.uint32)
                program.add(REQUANTIZE, a, b, c, requantize(status, a, b, c))
    program.check(player)


def test_requantization_by_hand() -> None:
    def one(status: Status, *values: int) -> int:
        words = [np.array([value & ALL], np.uint32) for value in values]
        return int(requantize(status, *words).view(np.int32)[0])

    unsigned, signed = Status(k=4, s=2), Status(k=4, s=2, output_bits=4, output_signed=True)
    assert one(unsigned, 100, 50, -4) == (5000 // 16 - 4) // 4
    assert one(unsigned, -100, 50, 4) == 0
    assert one(unsigned, 100, 5000, 4) == 255
    assert one(signed, -7, 3, 0) == -1  # -21 >> 4 = -2, and >> 2 rounds down again
    assert one(signed, 100, 50, 0) == 7
    assert one(signed, -(1 << 31), (1 << 31) - 1, 0) == -8


@pytest.mark.parametrize("flash_wait", [0, 1, 2, 5])
def test_state_changes_once_while_an_instruction_waits(tmp_path: Path, flash_wait: int) -> None:
    source = tmp_path / "stalled.c"
    source.write_text(STALLED)
    status = Status(8, 2, skip=7)
    x, w = 0x04030201, 0x1B2D9C71
    done = run(
        compile_firmware([source], Isa.MPIC),
        np.array([status.word, x, w], np.uint32).tobytes(),
        output=(0, 8),
        flash_wait=flash_wait,
    )
    total = 0
    for a, b in [(x, w), (w, x), (x, 6)] * 20:
        words = (np.array([value], np.uint32) for value in (a, b, total))
        results, status = dot_products(status, *words, signed=False)
        total = int(results[0])
    assert np.frombuffer(done.output, np.uint32).tolist() == [total, status.word]


def test_a_status_word_round_trips_through_every_field() -> None:
    """No two fields share a bit: setting one changes only its own."""
    base = Status(8, 2, skip=32)
    changes = [
        replace(base, weight_bits=8),
        replace(base, index=3),
        replace(base, counter=31),
        replace(base, k=31),
        replace(base, s=31),
        replace(base, output_bits=1),
        replace(base, output_signed=True),
    ]
    masks = [base.word ^ other.word for other in changes]
    assert sum(masks) == masks[0] | masks[1] | masks[2] | masks[3] | masks[4] | masks[5] | masks[6]
