"""Convolutions and dense layers in tiles, bit for bit on the host and on the RTL."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.kernels_products import MOST, programs, trials
from benchmarks.steps import Outcome, Program, Trial
from qcompile.passes.uniform_form import Machine
from qcompile.plan import c_product_layout, c_results
from qcompile.plan.c_product_code import ProductCode
from qcompile.plan.c_product_layout import Reading
from qcompile.rtl import Isa

FEW = 256  # products


@pytest.fixture(scope="module")
def layers() -> list[Trial]:
    return trials()


@pytest.fixture(scope="module", params=Isa, ids=lambda isa: isa.value)
def isa(request: pytest.FixtureRequest) -> Isa:
    chosen: Isa = request.param
    return chosen


@pytest.fixture(scope="module")
def made(layers: list[Trial], isa: Isa) -> list[Program]:
    """With kernels of sixteen channels for some of these small layers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c_product_layout, "SIXTEEN", FEW)
        return programs(layers, isa)


def same(outcomes: list[Outcome]) -> None:
    assert outcomes
    for o in outcomes:
        assert not o.touched, f"{o.trial.name} writes outside its result"
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)


def test_every_bit_on_the_host(made: list[Program]) -> None:
    """The portable code of what is made for each instruction set, with both sanitizers."""
    same([o for program in made for o in program.on_host()])


def test_every_bit_on_the_rtl(made: list[Program], isa: Isa) -> None:
    same([o for program in made for o in program.on_rtl(isa)])


@pytest.mark.parametrize("machine", [Machine.LONG, Machine.HIGH], ids=lambda m: m.name)
def test_arithmetics_that_are_seldom_needed(
    machine: Machine, layers: list[Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other is offered."""
    monkeypatch.setattr(c_results, "CLOSER", (machine,))
    some = [t for t in layers if t.requant is not None][::5]
    for program in programs(some, Isa.MPIC):
        kernels = [k for step in program.steps for k in step.draft.code.kernels]
        by = [dict(k.macros)["QC_BY"] for k in kernels if k.name == "qc_tile"]
        assert by.count(f"QC_BY_{machine.name}") > len(by) / 2
        same(program.on_host())
        same(program.on_rtl(Isa.MPIC))


def test_the_layers_take_every_way(layers: list[Trial], made: list[Program], isa: Isa) -> None:
    """All channels, readings, widths, and arithmetics of results."""
    steps = [step for program in made for step in program.steps]
    codes = [step.details for step in steps]
    assert all(isinstance(c, ProductCode) for c in codes)
    fewer = {Reading.PATCHES} if isa is Isa.RV32IMC else set()
    assert {c.reading for c in codes} == set(Reading) - fewer
    assert {t.types[0].channels for t in layers} == set(range(1, MOST + 1))
    assert {t.raw.channels for t in layers} == set(range(1, MOST + 1))
    kernels = [k for step in steps for k in step.draft.code.kernels]
    macros = [dict(k.macros) for k in kernels if k.name == "qc_tile"]
    assert {k.forms & 4 for k in kernels if k.name == "qc_tile" and k.forms & 2} == {0, 4}
    by = {m["QC_BY"] for m in macros}
    assert {"QC_BY_WORD", "QC_BY_CALL"} <= by
    assert ("QC_BY_UNIT" if isa is Isa.MPIC_Q else "QC_BY_SPLIT") in by
    assert {m["QC_W_BITS"] for m in macros} == {"2", "4", "8"}
    tiles = [
        {k.types.split("_")[2] for k in s.draft.code.kernels if k.name == "qc_tile"} for s in steps
    ]
    assert any("call" in kinds and len(kinds) > 1 for kinds in tiles), "no layer in parts"
    shared = {m["QC_W_BITS"] for m in macros if m["QC_SHARED"] == "1"}
    assert shared == ({"2", "4"} if isa is Isa.RV32IMC else set())
    folded = {m["QC_W_BITS"] for m in macros if m["QC_FOLDED"] == "1"}
    assert folded == ({"2", "4"} if isa is Isa.CV32E40P else set())
    unpacked = {u.weight_bits for c in codes for p in c.passes if (u := p.unpacking)}
    assert unpacked == ({8} if isa is Isa.CV32E40P else {2, 4, 8})
