"""The commands, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qcompile
from qcompile.cli import byte_count, grids, main
from qcompile.errors import CompileError
from tiny import cnn, mlp, noise


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qcompile", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, check=False, env={**os.environ}
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def three_lines(text: str) -> None:
    """An error as it should read."""
    lines = text.rstrip("\n").split("\n")
    assert len(lines) == 3, text
    assert [line[:7] for line in lines] == ["error: ", "   at: ", " help: "]
    assert all(line[7:].strip() for line in lines), text


REPORT_KEYS = {"qcompile", "model", "target", "layers", "totals", "tools", "sources", "verify"}


@pytest.mark.parametrize("target", ["riscv", "fpga"])
def test_compile(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cnn(tmp_path)
    out = tmp_path / "out"
    words = [str(path), "--target", target, "-o", str(out), "--name", "net"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert ("research core" in shown.out.splitlines()[0]) == (target == "riscv")
    first = tree(out)
    assert {"report.json", "certificate.json", "Makefile"} <= set(first)
    report = json.loads(first["report.json"])
    assert set(report) >= REPORT_KEYS
    assert all(level["ran"] for level in report["verify"]["levels"].values())
    assert all(level["mismatches"] == 0 for level in report["verify"]["levels"].values())
    assert set(report["files"]) == set(first) - {"report.json"}
    assert str(tmp_path) not in first["report.json"].decode()
    certificate = json.loads(first["certificate.json"])
    assert len(certificate["functions"]) == 4
    assert certificate["differences"] == 0


@pytest.mark.parametrize("target", ["riscv", "fpga"])
def test_the_same_input_gives_the_same_bytes(target: str, tmp_path: Path) -> None:
    path = cnn(tmp_path)
    for name in ("a", "b"):
        words = [str(path), "--target", target, "-o", str(tmp_path / name), "--no-verify"]
        assert main(words) == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_layers_of_the_report(tmp_path: Path) -> None:
    build = qcompile.compile(cnn(tmp_path), "riscv", output=tmp_path / "out", verify="no")
    rows = {row["op"]: row for row in build.report["layers"]}
    first = build.report["layers"][0]
    assert first["macs"] == 4 * 36 * 2 * 9
    assert first["weight_bits"] == {"1": 1, "2": 1, "4": 1, "8": 1}
    assert first["bops"] == 36 * 18 * 5 * (1 + 2 + 4 + 8)
    assert rows["Dense"]["weights"] == 5 * 16
    assert build.report["verify"]["levels"] == {}
    assert sum(build.report["totals"]["forms"].values()) == 4 + 4 + 4 + 5


def test_build_runs(tmp_path: Path) -> None:
    path = cnn(tmp_path)
    source = qcompile.read(path)
    x = noise(3, 20, 2, 6, 6)
    for target in ("gd32vf103", "fpga"):
        build = qcompile.compile(path, target, output=tmp_path / target, verify="no")
        found = build.run({"x": x})
        assert np.array_equal(found["y"], qcompile.simulate(source, x, integer=True)["y"])


def test_graph_layout_keeps_the_order_of_axes(tmp_path: Path) -> None:
    build = qcompile.compile(cnn(tmp_path), "rv32imc", output=tmp_path / "out", graph_layout=True)
    (port,) = build.report["inputs"]
    assert port["shape"] == port["onnx_shape"] == [1, 2, 6, 6]
    x = noise(3, 5, 2, 6, 6)
    expected = qcompile.simulate(build.source, x, integer=True)["y"]
    assert np.array_equal(build.run(x)["y"], expected)


def test_it_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(mlp(tmp_path)), "--target", "gd32vf103", "--no-verify", "--ram", "10"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr()
    three_lines(shown.err)
    assert "bytes of RAM" in shown.err
    assert "more than the 10 of gd32vf103" in shown.err
    assert "or give --ram" in shown.err
    assert not (tmp_path / "out").exists()


def test_both_memories_are_too_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(mlp(tmp_path)), "--target", "riscv", "--no-verify", "--ram", "9", "--flash", "99"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["error:", "at:", "help:"] * 2
    assert "those of hidden" in lines[2]


def test_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(mlp(tmp_path))
    assert main(["inspect", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["layer", "op", "MACs"]
    assert lines[-1].split()[0] == "total"
    assert main(["inspect", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["macs"] == 12 * 6 + 6 * 3


def test_simulate_and_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = mlp(tmp_path)
    x = noise(1, 50, 12)
    truth = qcompile.simulate(qcompile.read(path), x)["scores"]
    np.savez(tmp_path / "x.npz", x=x, labels=truth.argmax(axis=1))
    words = ["simulate", path, "--inputs", tmp_path / "x.npz", "--output", tmp_path / "y.npz"]
    assert main([str(w) for w in [*words, "--labels", tmp_path / "x.npz"]]) == 0
    with np.load(tmp_path / "y.npz") as found:
        assert np.array_equal(found["scores"], truth)
        assert found["scores"].dtype == np.float32
    lines = capsys.readouterr().out.splitlines()
    assert "simulated: top-1 1.0000 (50 of 50)" in lines
    assert any(line.startswith("onnxruntime: ") for line in lines)


def test_nothing_is_said_in_a_pipe(tmp_path: Path) -> None:
    mlp(tmp_path)
    done = run("tiny.onnx", "--target", "rv32imc", "--no-verify", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert (tmp_path / "tiny-rv32imc" / "report.json").is_file()


MISTAKES = (
    "missing",
    "folder",
    "text",
    "empty",
    "cut",
    "target",
    "no target",
    "option",
    "bytes",
    "input",
    "vectors",
    "parent",
    "inspect",
    "simulate",
    "nothing",
)


def bad_files(folder: Path) -> dict[str, list[str]]:
    """Command lines that the user has to mend."""
    whole = mlp(folder).read_bytes()
    (folder / "text.onnx").write_text("not a model")
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (folder / "bad.npz").write_text("not arrays")
    good = str(folder / "tiny.onnx")
    return {
        "missing": [str(folder / "no.onnx"), "--target", "riscv"],
        "folder": [str(folder), "--target", "riscv"],
        "text": [str(folder / "text.onnx"), "--target", "riscv"],
        "empty": [str(folder / "empty.onnx"), "--target", "fpga"],
        "cut": [str(folder / "cut.onnx"), "--target", "fpga"],
        "target": [good, "--target", "risc"],
        "no target": [good],
        "option": [good, "--target", "riscv", "--frobnicate"],
        "bytes": [good, "--target", "riscv", "--flash", "many"],
        "input": [good, "--target", "riscv", "--input", "x"],
        "vectors": [good, "--target", "riscv", "--inputs", str(folder / "bad.npz")],
        "parent": [good, "--target", "riscv", "-o", "/proc/out"],
        "inspect": ["inspect", str(folder / "text.onnx")],
        "simulate": ["simulate", good, "--inputs", str(folder / "no.npz"), "--output", "y.npz"],
        "nothing": [],
    }


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_three_lines(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = bad_files(tmp_path)[name]
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    assert main(words) == 1
    shown = capsys.readouterr()
    three_lines(shown.err)
    assert shown.out == ""
    assert tree(tmp_path) == before


def test_a_mistake_ends_with_status_1_and_no_traceback(tmp_path: Path) -> None:
    done = run("no.onnx", "--target", "riscv", cwd=tmp_path)
    assert done.returncode == 1
    three_lines(done.stderr)
    assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["no.onnx", "--target", "riscv", "-o", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err


def test_words_of_the_command_line() -> None:
    assert [byte_count(t) for t in ("40000", "64k", "1M", "2K")] == [40_000, 65_536, 2**20, 2048]
    assert grids(["a=uint8", "b/c:0=fixed<8,3>,scale=0.5"]) == {
        "a": "uint8",
        "b/c:0": "fixed<8,3>,scale=0.5",
    }
    with pytest.raises(CompileError, match="is not NAME=GRID"):
        grids(["image"])


def test_the_package_is_light() -> None:
    code = "import sys, qcompile; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_functions_stay_functions() -> None:
    code = (
        "import importlib, qcompile\n"
        "for name in ('read', 'simulate', 'compile'): importlib.import_module('qcompile.' + name)\n"
        "print(all(callable(getattr(qcompile, n)) for n in qcompile.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
