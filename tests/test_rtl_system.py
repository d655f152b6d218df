"""The RISC-V system on the core's RTL: counters, faults, interrupts, build cache, loop rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qcompile.rtl import (
    Firmware,
    FirmwareError,
    FirmwareFault,
    Interrupts,
    Interval,
    Isa,
    NotInstalled,
    Run,
    check_hardware_loops,
    run,
    simulator,
)
from qcompile.rtl.packages import package
from qcompile.rtl.unit_model import Status, Words, dot_products
from rtl_programs import assembly, build, loop_setup

DOT, STATUS = 0x43, 0x4B


def mark(number: int) -> list[str]:
    return ["lui t0, 0x30000", f"li t1, {number}", "sw t1, 0(t0)"]


def measured(folder: Path, lines: Sequence[str], isa: Isa = Isa.RV32IMC) -> Interval:
    """The counters of `lines` alone."""
    done = run(assembly(folder, [*mark(1), *lines, *mark(2), "li a0, 0"], isa))
    assert [m.id for m in done.markers] == [1, 2]
    return done.intervals[0]


def counted(cycles: int, instructions: int, loads: int = 0, stores: int = 0) -> Interval:
    return Interval(1, cycles, instructions, loads, stores)


# What instructions cost is in the core's manual ("Pipeline Details"): 1 cycle, a load that the next
# instruction uses 1 more, a jump 2, a taken branch 3, mulh 5.


def test_counters_of_straight_code(tmp_path: Path) -> None:
    assert measured(tmp_path, []) == counted(0, 0)
    assert measured(tmp_path, ["addi a0, a0, 1"] * 10) == counted(10, 10)
    assert measured(tmp_path, ["mul a0, a0, a1"] * 10) == counted(10, 10)
    assert measured(tmp_path, ["mulh a0, a0, a1"] * 10) == counted(50, 10)
    memory = ["lw a0, 0(sp)", "addi a2, a2, 1", "sw a2, -4(sp)"] * 5
    assert measured(tmp_path, ["addi sp, sp, -16", *memory, "addi sp, sp, 16"]) == counted(
        17, 17, 5, 5
    )
    waiting = ["lw a0, 0(sp)", "addi a0, a0, 1"] * 5
    assert measured(tmp_path, ["addi sp, sp, -16", *waiting, "addi sp, sp, 16"]) == counted(
        17, 12, 5
    )


def test_counters_of_loops(tmp_path: Path) -> None:
    n = 100
    branches = [f"li a1, {n}", ".balign 4", "1: addi a1, a1, -1", "bnez a1, 1b"]
    assert measured(tmp_path, branches) == counted(1 + (1 + 3) * (n - 1) + 2, 1 + 2 * n)
    hardware = [f"li a1, {n}", loop_setup(0, 11, 4), *["addi a0, a0, 1"] * 3]
    assert measured(tmp_path, hardware, Isa.CV32E40P) == counted(2 + 3 * n, 2 + 3 * n)


def test_the_published_inner_loop_of_the_unit(tmp_path: Path) -> None:
    """4 channels x 2 pixels: 6 loads and 8 dot products, 32 products of 8 bits, in 14 cycles."""
    n = 50
    load = [f".insn i 0x0B, 2, x{10 + i}, 4(x{28 + i % 2})" for i in range(6)]  # post-increment
    dot = [
        f".insn r4 {DOT:#x}, 0, 0, x{18 + i}, x{10 + i % 2}, x{12 + i // 2}, x{18 + i}"
        for i in range(8)
    ]
    saved = [f"sw x{18 + i}, {-4 * i - 4}(sp)" for i in range(8)]
    back = [f"lw x{18 + i}, {-4 * i - 4}(sp)" for i in range(8)]
    pointers = ["lui x28, 0x10000", "lui x29, 0x20000"]
    loop = [f"li x17, {n}", loop_setup(0, 17, 15), *load, *dot]
    lines = [*saved, *pointers, *mark(1), *loop, *mark(2), *back, "li a0, 0"]
    done = run(assembly(tmp_path, lines, Isa.MPIC))
    assert done.intervals == (counted(2 + 14 * n, 2 + 14 * n, 6 * n),)


def test_wait_states_slow_fetches_and_loads_from_flash(tmp_path: Path) -> None:
    firmware = assembly(tmp_path, [*mark(1), *["addi a0, a0, 1"] * 8, *mark(2), "li a0, 0"])
    cycles = [run(firmware, flash_wait=n).intervals[0].cycles for n in (0, 1, 2, 3)]
    # A word of flash holds one instruction here, and takes n + 1 cycles. The marker's 3 cycles of
    # zero-wait memory are taken off, its 3 fetches stay.
    assert cycles == [11 * (n + 1) - 3 for n in (0, 1, 2, 3)]


def test_code_in_ram_has_no_wait_states(tmp_path: Path) -> None:
    text = """
#include "qc_system.h"
__attribute__((section(".ramtext"), noinline)) static void work(void)
{
    QC_MARK(1);
    for (volatile int i = 0; i < 50; i++) ;
    QC_MARK(2);
}
int main(void) { work(); return 0; }
"""
    firmware = build(tmp_path, text.replace("++) ;", "++) {}"))
    assert run(firmware, flash_wait=5).intervals == run(firmware).intervals


def test_what_a_program_gives_back(tmp_path: Path) -> None:
    text = """
#include "qc_system.h"
#include <stddef.h>
static volatile int32_t initial[3] = {5, -6, 7};
static volatile int32_t zero[1000];
void *memcpy(void *, const void *, size_t);
volatile int64_t product = 1234567890123;
int main(void)
{
    volatile char deep[3000];
    int sum = 0;
    for (int i = 0; i < 3000; i++) deep[i] = (char)i;
    for (int i = 0; i < 1000; i++) sum += zero[i];
    memcpy((char *)QC_EXCHANGE + 8, (char *)QC_EXCHANGE, 8);
    qc_print("a \\"quoted\\" line\\n");
    return sum + initial[0] + initial[1] + initial[2] + (int)(product / 1234567890) + deep[2];
}
"""
    firmware = build(tmp_path, text)
    done = run(firmware, b"12345678", output=(6, 10))
    assert done.exit_code == 6 + 1000 + 2
    assert done.text == 'a "quoted" line\n'
    assert done.output == b"7812345678"
    assert 3000 <= done.stack_bytes <= 3200
    sizes = firmware.sizes
    assert 12 + 8 <= sizes.data <= 12 + 8 + 4
    assert (sizes.bss, sizes.ram) == (4000, sizes.data + 4000)
    assert sizes.flash <= len(firmware.image) <= sizes.flash + 8  # alignment between sections


def test_runs_repeat_exactly(tmp_path: Path) -> None:
    firmware = build(tmp_path, SHARED, Isa.MPIC)
    exchange = dot_exchange(30)
    interrupts = Interrupts(1, 90, seed=4)
    first = run(firmware, exchange, output=(0, 8), interrupts=interrupts)
    assert first == run(firmware, exchange, output=(0, 8), interrupts=interrupts)


@pytest.mark.parametrize(
    ("lines", "isa", "said"),
    [
        (["nop", ".4byte 0xFFFFFFFF"], Isa.RV32IMC, "illegal instruction at main+0x4 (pc "),
        (["ecall"], Isa.RV32IMC, "environment call at main+0x0 (pc "),
        (["ebreak"], Isa.RV32IMC, "breakpoint at main+0x0 (pc "),
        (["lui a0, 0x40000", "lw a0, 4(a0)"], Isa.RV32IMC, "load outside memory: 0x40000004, by "),
        (["lui a0, 0x10100", "sw a0, 0(a0)"], Isa.RV32IMC, "store outside memory: 0x10100000, by "),
        (["nop", "sw a0, 8(zero)"], Isa.RV32IMC, "store to flash: 0x8, by main+0x4 "),
        (["lui a0, 0x30000", "sw a0, 64(a0)"], Isa.RV32IMC, "store to a device that is not there"),
        (["lui a0, 0x40000", "jr a0"], Isa.RV32IMC, "illegal instruction at 0x40000000"),
        ([f".insn r4 {DOT}, 0, 0, a0, a0, a0, a0"], Isa.CV32E40P, "an operation that the unit"),
        ([".insn r4 0x4F, 0, 0, a0, a0, a0, a0"], Isa.MPIC, "an operation that the unit of this"),
        (["fadd.s a0, a0, a0"], Isa.MPIC_Q, "an operation that the unit of this core"),
        (["1: j 1b"], Isa.RV32IMC, "no end after 20000 cycles"),
    ],
)
def test_faults_are_reported(tmp_path: Path, lines: list[str], isa: Isa, said: str) -> None:
    if lines[0].startswith("fadd"):
        lines = [".insn r 0x53, 0, 0, a0, a0, a0"]
    with pytest.raises(FirmwareFault) as caught:
        run(assembly(tmp_path, lines, isa), max_cycles=20000)
    assert caught.value.what.startswith(said)


def test_the_compiler_speaks(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="undeclared"):
        build(tmp_path, "int main(void) { return nothing; }")


def test_the_compiler_uses_the_extensions_of_the_core(tmp_path: Path) -> None:
    """Clang's own clip, multiply-add and post-increment instructions compute the same, faster."""
    text = """
#include "qc_system.h"
static volatile uint32_t seed = 12345;
static int16_t x[256];
int main(void)
{
    uint32_t state = seed, sum = 0;
    int32_t acc = 0;
    for (int i = 0; i < 256; i++) {
        state = state * 1103515245u + 12345u;
        x[i] = (int16_t)(state >> 16);
    }
    QC_MARK(1);
    for (int i = 0; i < 256; i++) {
        acc += x[i] * x[255 - i];
        int32_t v = acc >> 7;
        v = v < -128 ? -128 : v > 127 ? 127 : v;
        sum = (sum << 5 | sum >> 27) ^ (uint32_t)(v < 0 ? -v : v) ^ (uint8_t)acc;
    }
    QC_MARK(2);
    return (int)(sum & 0x7fffffff);
}
"""
    base, core = (run(build(tmp_path, text, isa)) for isa in (Isa.RV32IMC, Isa.CV32E40P))
    assert core.exit_code == base.exit_code
    assert core.intervals[0].cycles < base.intervals[0].cycles


def test_missing_packages_have_one_exception() -> None:
    with pytest.raises(NotInstalled) as caught:
        package("a_package_that_nobody_has")
    assert str(caught.value) == "not run: install qcompile[sim]"


def test_the_simulator_is_built_once() -> None:
    program = simulator()
    before = program.stat().st_mtime_ns
    assert simulator() == program
    assert program.stat().st_mtime_ns == before


def test_programs_may_be_long(tmp_path: Path) -> None:
    """Start-up code and interrupt handler reach each other past a megabyte of code."""
    padding = [".globl far", "far: ret", ".space 1300000", "main_end: li a0, 3"]
    lines = ["la t1, main_end", "jr t1", *padding]
    assert run(assembly(tmp_path, lines), max_cycles=100_000).exit_code == 3


@pytest.mark.parametrize("isa", Isa)
def test_waiting_for_an_interrupt(tmp_path: Path, isa: Isa) -> None:
    text = """
#include "qc_system.h"
static volatile int count;
void qc_interrupt(void) { qc_timer(0); count++; }
int main(void)
{
    qc_interrupts_on();
    for (int i = 0; i < 5; i++) {
        QC_MARK(3);
        qc_timer(1000);
        __asm__ volatile("wfi");
    }
    QC_MARK(4);
    qc_interrupts_off();
    qc_timer(10);
    for (volatile int i = 0; i < 50; i++) {}
    return count;
}
"""
    done = run(build(tmp_path, text, isa))
    assert done.exit_code == 5
    assert all(1000 <= interval.cycles <= 1250 for interval in done.intervals)


# Sums dot products in a hardware loop, in the format that the exchange window says. The interrupt
# handler does the same in another format, and counts its runs and its wrong results.
SHARED = r"""
#include "qc_system.h"

#define DOTS 30

static uint32_t dots(uint32_t status, const uint32_t *words)
{
    uint32_t acc = 0, a, b, old;
    __asm__ volatile(
        ".option push\n\t.option norvc\n\t.balign 4\n\t"
        ".insn r4 0x4B, 0, 0, %3, %5, %6, x0\n\t"   /* qc.status */
        ".insn i 0x2B, 4, x14, %7, 5\n\t"           /* cv.setup 0: ends 5 instructions on */
        ".insn i 0x0B, 2, %1, 4(%4)\n\t"            /* cv.lw, post-increment */
        ".insn i 0x0B, 2, %2, 4(%4)\n\t"
        "addi %3, %3, 0\n\t"
        ".insn r4 0x43, 0, 0, %0, %1, %2, %0\n\t"
        ".option pop"
        : "+&r"(acc), "=&r"(a), "=&r"(b), "=&r"(old), "+&r"(words)
        : "r"(status), "r"(-1), "r"(DOTS) : "memory");
    return acc;
}

static uint32_t *const window = (uint32_t *)0x20000000;
static volatile uint32_t wrong, entered;

void qc_interrupt(void)
{
    entered++;
    if (dots(window[2], window + 4) != window[3]) wrong++;
    qc_timer(0);
}

int main(void)
{
    uint32_t first = dots(window[0], window + 4);
    qc_interrupts_on();
    for (int i = 0; i < 20; i++)
        if (dots(window[0], window + 4) != first) wrong++;
    qc_interrupts_off();
    window[0] = first;
    window[1] = entered;
    return (int)wrong;
}
"""


def dot_exchange(count: int) -> bytes:
    """status, -, status of the handler and what it must find, then the operands."""
    outer, inner = Status(8, 2, skip=3), Status(4, 2, skip=2)
    words = operands(count)
    return np.concatenate(
        [
            np.array([outer.word, 0, inner.word, chained(inner, words)], np.uint32),
            words.reshape(-1),
        ]
    ).tobytes()


def operands(count: int) -> Words:
    return np.random.default_rng(8).integers(0, 1 << 32, (count, 2), dtype=np.uint32)


def chained(status: Status, words: Words) -> int:
    """The sum of all dot products: the sum of single ones, as sums wrap around."""
    results, _ = dot_products(status, words[:, 0], words[:, 1], words[:, 0] * 0, signed=False)
    return int(results.sum(dtype=np.uint32))


@pytest.mark.parametrize("flash_wait", [0, 2])
def test_loops_of_dot_products_survive_interrupts(tmp_path: Path, flash_wait: int) -> None:
    firmware = build(tmp_path, SHARED, Isa.MPIC)
    assert check_hardware_loops(firmware) == ()
    expected = chained(Status(8, 2, skip=3), operands(30))
    entered = 0
    for seed in range(12):
        done = interrupted(
            firmware, Interrupts(1 + 10 * flash_wait, 30 + 20 * seed, seed), flash_wait
        )
        assert done.exit_code == 0
        first, times = np.frombuffer(done.output, np.uint32)
        assert first == expected
        entered += int(times)
    assert entered > 200


def interrupted(firmware: Firmware, interrupts: Interrupts, flash_wait: int) -> Run:
    return run(
        firmware,
        dot_exchange(30),
        output=(0, 8),
        interrupts=interrupts,
        flash_wait=flash_wait,
        max_cycles=1_000_000,
    )
