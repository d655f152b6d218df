"""Broken rules of hardware loops are found, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

from qcompile.rtl import Isa, check_hardware_loops
from qcompile.rtl.hardware_loops import Rule
from rtl_programs import assembly, loop_setup

NOPS = ["addi a0, a0, 1"] * 8


def start_i(number: int, words: int) -> str:
    return f".4byte {0x2B | number << 7 | 4 << 12 | words << 20:#x}"


def end_i(number: int, words: int) -> str:
    return f".4byte {0x2B | number << 7 | 2 << 8 | 4 << 12 | words << 20:#x}"


def setup_i(number: int, count: int, words: int) -> str:
    fields = 0x2B | number << 7 | 6 << 8 | 4 << 12 | words << 15 | count << 20
    return f".4byte {fields:#x}"


@pytest.mark.parametrize(
    ("lines", "rules"),
    [
        ([loop_setup(0, 10, 4), *NOPS], []),
        ([setup_i(0, 9, 4), *NOPS], []),
        ([start_i(1, 2), end_i(1, 4), *NOPS], []),
        ([loop_setup(1, 10, 8), "nop", loop_setup(0, 11, 4), *NOPS], []),
        ([loop_setup(0, 10, 3), *NOPS], [Rule.LENGTH]),
        ([loop_setup(0, 10, 0), *NOPS], [Rule.BOUNDS]),
        ([loop_setup(0, 10, 4000), *NOPS], [Rule.BOUNDS]),
        ([loop_setup(0, 10, 4), "nop", "j . + 12", *NOPS], [Rule.STRAIGHT]),
        ([loop_setup(0, 10, 4), "nop", "beqz a0, . + 16", *NOPS], [Rule.STRAIGHT]),
        ([loop_setup(0, 10, 4), "nop", "jr a0", *NOPS], [Rule.STRAIGHT]),
        ([loop_setup(0, 10, 4), "nop", "fence", *NOPS], [Rule.STRAIGHT]),
        ([loop_setup(0, 10, 4), "nop", "wfi", *NOPS], [Rule.STRAIGHT]),
        (["c.nop", loop_setup(0, 10, 4), *NOPS], [Rule.SETUP_ALIGNED, Rule.ALIGNED]),
        (
            [loop_setup(0, 10, 4), "nop", "c.nop", "c.nop", *NOPS],
            [Rule.UNCOMPRESSED, Rule.UNCOMPRESSED],
        ),
        ([loop_setup(1, 10, 7), "nop", loop_setup(0, 11, 4), *NOPS], [Rule.NESTED_ENDS]),
        ([loop_setup(0, 10, 8), "nop", loop_setup(1, 11, 4), *NOPS], [Rule.NESTED_LOOPS]),
        (
            [loop_setup(0, 10, 8), "nop", loop_setup(0, 11, 4), *NOPS],
            [Rule.OWN_REGISTERS, Rule.NESTED_LOOPS],
        ),
        ([loop_setup(1, 10, 5), "nop", loop_setup(0, 11, 4), *NOPS], [Rule.NESTED_LOOPS]),
        (["bnez a0, . + 12", loop_setup(0, 10, 4), *NOPS], [Rule.ENTRY]),
        (["j . + 8", loop_setup(0, 10, 4), *NOPS], []),
        ([loop_setup(0, 10, 4), *NOPS, "j . - 28"], [Rule.ENTRY]),
        ([loop_setup(0, 10, 4), *NOPS, "c.j . - 28"], [Rule.ENTRY]),
        ([loop_setup(0, 10, 4), *NOPS, "c.bnez a0, . - 28"], [Rule.ENTRY]),
    ],
)
def test_rules_of_hardware_loops(tmp_path: Path, lines: list[str], rules: list[Rule]) -> None:
    spelled = [f".option rvc\n    {x}\n    .option norvc" if "c." in x else x for x in lines]
    findings = check_hardware_loops(assembly(tmp_path, spelled, Isa.CV32E40P))
    assert sorted(f.rule.value for f in findings) == sorted(r.value for r in rules)
    assert all(f.place.startswith("main+0x") for f in findings)
