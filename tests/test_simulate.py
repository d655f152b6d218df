"""simulate: batches, types, grids, traces; and that a batch is its samples."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import qcompile
from examples import exact
from qcompile import CompileError, export, simulate
from tiny import cnn, mlp, noise


def test_outputs_are_those_of_exact_arithmetic(tmp_path: Path) -> None:
    """Of every tensor; the examples' own evaluator shares nothing with the package."""
    path = mlp(tmp_path)
    x = noise(0, 40, 12)
    expected = exact.run(path, x)
    found = simulate(qcompile.read(path), {"x": x}, trace=True)
    assert {"quantize_0", "hidden", "act", "scores"} <= set(found)
    for name in ("quantize_0", "hidden", "act", "scores"):
        wanted = exact.reals(expected[name]).astype(found[name].dtype)
        assert np.array_equal(wanted, found[name]), name


def test_every_sample_runs_alone(tmp_path: Path) -> None:
    source = qcompile.read(cnn(tmp_path))
    x = 10 * noise(1, 7, 2, 6, 6)
    together = simulate(source, x)["y"]
    alone = np.concatenate([simulate(source, x[i : i + 1])["y"] for i in range(7)])
    assert together.shape == (7, 5)
    assert together.dtype == np.float32
    assert np.array_equal(together, alone)


def test_chunks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = qcompile.read(cnn(tmp_path))
    x = noise(1, 9, 2, 6, 6)
    whole = simulate(source, x, trace=True)
    monkeypatch.setattr(import_module("qcompile.simulate"), "CHUNK_BYTES", 1 << 16)
    parts = simulate(source, x, trace=True)
    assert whole.keys() == parts.keys()
    assert all(np.array_equal(whole[n], parts[n]) for n in whole)


def test_codes_are_int64_and_mean_the_outputs(tmp_path: Path) -> None:
    source = qcompile.read(cnn(tmp_path))
    x = noise(1, 9, 2, 6, 6)
    codes = simulate(source, x, integer=True)["y"]
    assert codes.dtype == np.int64
    assert np.array_equal(codes * np.float32(0.5), simulate(source, x)["y"])


def test_mistakes_in_inputs(tmp_path: Path) -> None:
    source = qcompile.read(mlp(tmp_path))
    x = noise(1, 4, 12)
    for inputs, what in (
        ({"y": x}, "hold 'y', and not 'x'"),
        ({"x": x[:, :5]}, r"shape \(4, 5\) does not fit"),
        ({"x": x[0]}, r"shape \(12,\) does not fit"),
        ({"x": x[:0]}, "no sample"),
        ({"x": x * np.nan}, "NaN or infinity"),
        ({"x": np.full((1, 12), "a")}, "does not hold numbers"),
        ({"x": np.full((1, 12), 1e300)}, "is float32"),
    ):
        with pytest.raises(CompileError, match=what):
            simulate(source, inputs)


def declared(folder: Path) -> Path:
    """A network whose input no quantizer reads."""
    model = export.Model("declared")
    x = model.input("x", (1, 3))
    weights = export.Quantizer(scale=0.5, bits=4)
    model.output(model.dense(x, noise(1, 2, 3), weights, name="y"))
    model.save(folder / "declared.onnx")
    return folder / "declared.onnx"


def test_a_value_off_the_declared_grid_is_an_error(tmp_path: Path) -> None:
    source = qcompile.read(declared(tmp_path), inputs={"x": "fixed<4,2>"})
    on = np.array([[-2, 1.75, 0.25]], np.float32)
    assert simulate(source, on)["y"].shape == (1, 2)
    for off in (0.3, 2.0, -2.25):
        with pytest.raises(CompileError, match=f"cannot hold {off}.*multiples of 0.25 from -2"):
            simulate(source, np.array([[off, 0, 0]], np.float32))
