"""--measure: the cells of a design, as Yosys maps its modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qcompile.compile import compile
from qcompile.errors import CompileError
from tiny import mlp

KEYS = ("lut", "ff", "bram36", "dsp")


def test_cells_of_layers_and_fifos_add_up(tmp_path: Path) -> None:
    compile(mlp(tmp_path), "fpga", output=tmp_path / "out", measure=True, verify="no")
    report = json.loads((tmp_path / "out/report.json").read_text())
    for key in KEYS:
        layers = sum(layer.get(key, 0) for layer in report["layers"])
        beside = (report["totals"][f"{part}_{key}"] for part in ("fifo", "port"))
        assert report["totals"][key] == layers + sum(beside)
        assert report["sources"][key].startswith("measured: Yosys for xc7")
    assert report["totals"]["lut"] > report["totals"]["fifo_lut"] > 0
    assert "yosys" in report["tools"]["versions"]
    assert report["tools"]["command"].endswith("--measure")


def test_a_design_that_does_not_fit(tmp_path: Path) -> None:
    """Nothing is written, and each resource that lacks is named."""
    small = tmp_path / "small.toml"
    text = 'family = "fpga"\npart = "xc7a1"\nclock_mhz = 100\n[limits]\nlut = 10\ndsp = 100\n'
    small.write_text(text)
    with pytest.raises(CompileError, match=r"LUTs, .* more than the 10 of small"):
        compile(mlp(tmp_path), str(small), output=tmp_path / "out", measure=True, verify="no")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text('family = "fpga"\npart = "ep4ce6"\n')
    for target in (str(odd), "mpic"):
        with pytest.raises(CompileError):
            compile(mlp(tmp_path), target, output=tmp_path / "out", measure=True, verify="no")
    assert not (tmp_path / "out").exists()
