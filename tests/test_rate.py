"""--fps, --clock, --folding: what the user wishes of a design, and what a wish too far is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qcompile.compile import compile
from qcompile.errors import CompileError
from qcompile.plan.folding import Fold
from qcompile.plan.folding_file import folding_text, read_folding
from tiny import cnn


def totals(folder: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((folder / "report.json").read_text())["totals"]
    return found


def test_a_rate_decides_the_folds(tmp_path: Path) -> None:
    """As many cycles as the clock leaves, and no faster fold than that needs."""
    model = cnn(tmp_path)
    for fps, clock in ((20_000, 100), (20_000, 10), (1000, 1)):
        out = tmp_path / f"{fps}-{clock}"
        compile(model, "fpga", output=out, fps=fps, clock=clock, verify="no")
        assert totals(out)["ii_cycles"] <= clock * 1e6 / fps
    slow, fast = (
        json.loads((tmp_path / f / "folding.json").read_text()) for f in ("20000-100", "20000-10")
    )
    products = [sum(v["pe"] * v["simd"] for v in t["layers"].values()) for t in (slow, fast)]
    assert products[0] < products[1]


def test_a_rate_beyond_reach_names_the_best(tmp_path: Path) -> None:
    """The rate that the help names is reached; one more inference a second is not."""
    model = cnn(tmp_path)
    with pytest.raises(CompileError) as caught:
        compile(model, "fpga", output=tmp_path / "no", fps=10_000_000, verify="no")
    assert not (tmp_path / "no").exists()
    assert caught.value.help is not None
    best = int(caught.value.help.split("--fps ")[1].split(",")[0])
    compile(model, "fpga", output=tmp_path / "best", fps=best - 1, verify="no")
    with pytest.raises(CompileError, match="at its widest fold"):
        compile(model, "fpga", output=tmp_path / "no", fps=best * 1.01 + 1, verify="no")


def test_a_folding_comes_back(tmp_path: Path) -> None:
    """What a design wrote makes the same design; a part of it is kept, the rest chosen."""
    model = cnn(tmp_path)
    compile(model, "fpga", output=tmp_path / "a", fps=20_000, clock=50, verify="no")
    folding = tmp_path / "a/folding.json"
    compile(model, "fpga", output=tmp_path / "b", folding=folding, verify="no")
    first, again = (read_folding(tmp_path / f / "folding.json") for f in "ab")
    assert first == again
    name, fold = next((n, f) for n, f in first.items() if f.products > 1)
    part = tmp_path / "part.json"
    part.write_text(folding_text(1, {name: Fold(1, 1)}))
    compile(model, "fpga", output=tmp_path / "c", folding=part, verify="no")
    assert read_folding(tmp_path / "c/folding.json")[name] == Fold(1, 1) != fold


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "not JSON"),
        ("[]", "not a folding of version 1"),
        ('{"version": 2, "layers": {}}', "not a folding of version 1"),
        ('{"version": 1, "layers": {"x": {"pe": 0, "simd": 1}}}', "the fold of 'x'"),
        (
            '{"version": 1, "layers": {"x": {"pe": 1, "simd": 1}}}',
            "there is no layer 'x' with weights",
        ),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, what: str) -> None:
    model, file = cnn(tmp_path), tmp_path / "folding.json"
    file.write_text(text)
    with pytest.raises(CompileError, match=what):
        compile(model, "fpga", output=tmp_path / "no", folding=file, verify="no")
    assert not (tmp_path / "no").exists()


def test_wishes_for_the_wrong_target(tmp_path: Path) -> None:
    model = cnn(tmp_path)
    for wish in ({"fps": 10.0}, {"clock": 100.0}):
        with pytest.raises(CompileError):
            compile(model, "riscv", output=tmp_path / "no", verify="no", **wish)
    for fps, clock in ((0.0, None), (10.0, 0.0)):
        with pytest.raises(CompileError):
            compile(model, "fpga", output=tmp_path / "no", verify="no", fps=fps, clock=clock)
