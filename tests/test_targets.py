"""Targets: every file loads, and mistakes in one read well."""

from __future__ import annotations

from pathlib import Path

import pytest

from qcompile.errors import CompileError
from qcompile.rtl import Isa
from qcompile.target import Family, described, known, load, parse

BOARDS = ("esp32c3", "gd32vf103", "ch32v307", "ch32v203")


@pytest.mark.parametrize("name", known())
def test_every_target_states_its_source(name: str) -> None:
    target = load(name)
    assert target.name == name
    assert target.source != "not stated"
    assert target.source in described(target)
    assert target.isa if target.family is Family.RISCV else target.part
    assert bool(target.energy_pj_per_cycle) == bool(target.energy_source)


def test_instructions_of_targets() -> None:
    cores = {name: load(name).isa for name in ("rv32imc", "cv32e40p", "mpic", "mpic-q")}
    assert cores == {isa.value: isa for isa in Isa}
    assert [load(name).isa for name in BOARDS] == [Isa.RV32IMC] * len(BOARDS)
    assert not any(load(name).is_simulated_core for name in (*BOARDS, "rv32imc", "fpga"))


def test_families_have_defaults() -> None:
    assert load("riscv").name == "mpic"
    assert load("fpga").name == "pynq-z2"


def test_the_users_limits_replace_those_of_the_file() -> None:
    limits = load("gd32vf103").limited(flash=1000, ram=None).limits
    assert (limits.flash_bytes, limits.ram_bytes) == (1000, 32_768)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('family = "riscv"\nclock_mhz = 48\n[limits]\nflash_bytes = 16_384\n')
    target = load(str(path))
    assert target.isa is Isa.RV32IMC
    assert (target.name, target.clock_mhz, target.limits.flash_bytes) == ("mine", 48.0, 16_384)


MISTAKES = {
    'family = "risc"': "family is 'risc'",
    "": "there is no family",
    'family = "fpga"\nclok_mhz = 5': "nothing reads the key 'clok_mhz', did you mean 'clock_mhz'?",
    'family = "fpga"\nclock_mhz = "5"': "clock_mhz is '5'",
    'family = "fpga"\nclock_mhz = true': "clock_mhz is True",
    'family = "fpga"\ntitle = 5': "title is not text: 5",
    'family = "fpga"\nlimits = 5': "limits is not a table",
    'family = "fpga"\n[limits]\nluts = 5': "nothing reads the key 'luts', did you mean 'lut'?",
    'family = "fpga"\n[limits]\nlut = 1.5': "lut is not a count: 1.5",
    'family = "fpga"\nclock_source = "guess"': "clock_source is 'guess'",
    'family = "riscv"\nisa = "rv32"': "isa is 'rv32'",
    'family = "riscv"\nenergy_pj_per_cycle = 0': "energy_pj_per_cycle is 0",
    "family": "not TOML: ",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_a_file(text: str) -> None:
    with pytest.raises(CompileError) as error:
        parse("mine", text, at="mine.toml")
    assert error.value.what.startswith(MISTAKES[text])
    assert "mine.toml" in error.value.place
    assert error.value.help


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(CompileError, match="'esp32c6', did you mean 'esp32c3'"):
        load("esp32c6")


def test_a_missing_file() -> None:
    with pytest.raises(CompileError, match="No such file"):
        load("nowhere/mine.toml")
