"""What README.md and CONTRIBUTING.md show is what the programs print, and what they name exists."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import qcompile
from benchmarks import models, readme
from benchmarks.compiled import Backend, Result, Task
from benchmarks.rows import Row, Status
from examples.accuracy import FOLDER
from qcompile.backends import emit_for_c
from qcompile.passes import lower
from qcompile.rtl import Isa
from tiny import mlp

ROOT = Path(__file__).parents[1]
HELP = "run `python -m benchmarks.readme`"


def part(name: str) -> str:
    return readme.within(readme.README.read_text(), name)


def test_operators() -> None:
    assert part("operators") == readme.operators(), HELP


def test_figures_of_other_models_are_those_of_models_md() -> None:
    assert part("models") == readme.models(models.MODELS_MD.read_text()), HELP


def test_the_run(tmp_path: Path) -> None:
    assert part("run") == readme.run(tmp_path / "out"), HELP


def test_prices_of_options(tmp_path: Path) -> None:
    assert part("options") == readme.options(tmp_path / "out"), HELP


def test_the_comparison() -> None:
    assert part("compare") == readme.compared(), HELP


def test_results_of_the_examples(tmp_path: Path) -> None:
    assert part("results") == readme.results(tmp_path), HELP


@pytest.mark.parametrize("isa", Isa)
def test_the_emitted_readme_has_the_other_encodings_where_there_are_some(
    isa: Isa, tmp_path: Path
) -> None:
    project = emit_for_c(lower(qcompile.read(mlp(tmp_path))), "net", {}, isa)
    named = "QC_ISA_XPULP" in project.files["README.md"]
    assert named == (isa in (Isa.CV32E40P, Isa.MPIC))
    assert named <= ("lib/qc_xpulp.h" in project.files)


def test_the_python_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = FOLDER / "digits_mlp"
    shutil.copy(home / "model.onnx", tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"x": np.load(home / "inputs.npz")["input"]}
    (code,) = re.findall(r"```python\n(.*?)```", readme.README.read_text(), re.DOTALL)
    exec(code, names)
    outputs, codes = names["outputs"], names["codes"]
    assert outputs["scores"].argmax(axis=1).tolist() == codes["scores"].argmax(axis=1).tolist()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_files_that_are_named_exist(name: str) -> None:
    folders = r"(?:compiler|templates|targets|tests|benchmarks|examples)"
    found = re.findall(rf"`({folders}/[^`<>*]*)`", (ROOT / name).read_text())
    assert found
    assert [path for path in found if not (ROOT / path).exists()] == []


def test_a_table_is_read_back() -> None:
    text = "### T\n\nwords\n\n| a | b |\n|---|---|\n| x \\| y | 1 |\n| z |  |\n\n### U\n| a |\n"
    assert readme.rows_below(text, "### T") == {
        "x \\| y": {"a": "x \\| y", "b": "1"},
        "z": {"a": "z", "b": ""},
    }
    assert readme.rows_below(text, "### V") == {}


def test_the_summary_counts_what_failed() -> None:
    def result(backend: Backend, seed: int | None, **figures: int | str) -> Result:
        return Result(Task("A", "m.onnx", backend, seed), {}, **figures)  # type: ignore[arg-type]

    references = [
        Row("A", "a", "r", Status.EXPLAINED, samples=2, elements=1000, differing=3),
        Row("A", "b", "r", Status.DIFFERS, samples=1, elements=500, differing=2, unexplained=1),
        Row("A", "c", "", Status.REJECTED),
        Row("node", "d", "r", Status.EQUAL, samples=1, elements=7),
    ]
    compiled = [
        result(Backend.C, None, vectors=100, elements=1000, mismatches=4),
        result(Backend.C, None, error="no"),
        result(Backend.HLS, 1, vectors=5, elements=50),
    ]
    lines = models.summary(references, compiled).splitlines()[2:]
    assert lines == [
        "| simulated, against references | 2 | 3 | 1,500 "
        "| 5 differ, 1 of them unexplained; 1 failed; 1 out of scope |",
        "| node tests of ONNX's quantized operators | 1 | 1 | 7 "
        "| 0 differ; 0 failed; 0 out of scope |",
        "| compiled to C, as exported | 1 | 100 | 1,000 | 4 mismatches; 1 failed |",
        "| compiled to HLS, random widths | 1 | 5 | 50 | 0 mismatches; 0 failed |",
    ]
