"""HLS C++ computes what the integer graph says, bit for bit, in C simulation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from builder import Case
from cases import cases
from hls_models import folded, merged, random_conv
from qcompile.emit.hls import emit_hls, namespace
from qcompile.errors import CompileError
from qcompile.ops import OPS
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.plan.folding import Fold
from qcompile.verify.csim import CSim, write
from qcompile.verify.dataflow_rules import violations

CHUNKS = 3


def residual() -> Case:
    return next(c for c in cases() if c.name == "residual")


def check(case: Case, plan: Dataflow) -> None:
    """No rule is broken, and every output is right; a wrong one is named by its layer."""
    files = emit_hls(case.model, case.name, plan, case.inputs)
    assert violations(files, f"{case.name}_top") == []
    simulation = CSim(case.model, plan, files)
    got, wanted = simulation.run(case.inputs), case.model.run(case.inputs)
    wrong = [name for name in wanted if not np.array_equal(got[name], wanted[name])]
    assert not wrong, f"{wrong}; layers: {simulation.differences(case.inputs)}"


def test_cases_have_every_op() -> None:
    used = {type(node.op) for case in cases() for node in case.model.graph}
    assert used == set(OPS)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_op(chunk: int) -> None:
    case = merged(f"ops{chunk}", cases()[chunk::CHUNKS])
    check(case, plan_dataflow(case.model))


@pytest.mark.parametrize("target", [1, 10**9])
def test_every_interval(target: int) -> None:
    """From everything at once to one product a cycle."""
    names = ("residual", "conv_odd", "dense_requant", "matmul_requant", "concat_first")
    case = merged("interval", [c for c in cases() if c.name in names])
    check(case, plan_dataflow(case.model, target=target))


def test_random_convolutions() -> None:
    case = merged("convs", [random_conv(seed) for seed in range(14)])
    check(case, plan_dataflow(case.model))


def test_random_folds() -> None:
    pairs = [folded(seed) for seed in range(5)]
    case = merged("folds", [part for part, _ in pairs])
    asked = {name: fold for _, folds in pairs for name, fold in folds.items()}
    plan = plan_dataflow(case.model, folds=asked)
    assert plan.folds == asked
    check(case, plan)


def test_trace_holds_every_layer() -> None:
    case = residual()
    traced = CSim.of(case.model, plan_dataflow(case.model)).trace(case.inputs)
    wanted = case.model.run(case.inputs, trace=True)
    assert set(wanted) - set(traced) == {"reshape"}  # a view, not a process
    for node, values in traced.items():
        np.testing.assert_array_equal(values, wanted[node])


def test_a_flipped_weight_is_named_by_its_layer() -> None:
    case = residual()
    plan = plan_dataflow(case.model)
    files = emit_hls(case.model, case.name, plan, case.inputs)
    name = next(path for path in files if "_weights" in path)
    start = files[name].index("conv_matrix_w8[")
    place = files[name].index("{\n    ", start) + len("{\n    ")
    number = re.match(r"-?\d+", files[name][place:])
    assert number is not None
    flipped = str(int(number[0]) ^ 1)
    files[name] = files[name][:place] + flipped + files[name][place + len(number[0]) :]
    found = CSim(case.model, plan, files).differences(case.inputs)
    assert found[0].node == "conv"


def test_project_builds_by_its_makefile(tmp_path: Path) -> None:
    """`make trace` on the emitted project, as a user runs it; a wrong vector fails it."""
    case = residual()
    plan = plan_dataflow(case.model)
    files = emit_hls(case.model, case.name, plan, case.inputs)
    write(tmp_path, files)
    command = ["make", "-j2", "trace", "run", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert done.stdout.count(f"{len(case.inputs['x0'])} vectors, 0 mismatches") == 2
    (tmp_path / "vectors/y0.txt").write_text(files["vectors/y0.txt"].replace("1", "2"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "vector 0, y0[" in done.stdout


def test_emitted_files() -> None:
    """Each carries its licence, no model's name is code, and the same input gives the same text."""
    case = residual()
    files = emit_hls(case.model, "std", plan_dataflow(case.model), case.inputs)
    assert files == emit_hls(case.model, "std", plan_dataflow(case.model), case.inputs)
    assert namespace("std") == "net_std"
    for path, text in files.items():
        if not path.startswith("vectors/"):
            assert "SPDX-License-Identifier: 0BSD" in text.splitlines()[0], path
            assert text.endswith("\n"), path
            assert "\t\n" not in text


def test_hostile_names() -> None:
    """Names of the model stay names: in comments, in identifiers, in files."""
    part = next(c for c in cases() if c.name == "dense_plain")
    case = merged("hostile", [Case('*/ int "x\n#error', part.model, part.inputs)])
    check(case, plan_dataflow(case.model))


def test_folds_that_do_not_fit() -> None:
    case = next(c for c in cases() if c.name == "conv_1x1")
    with pytest.raises(CompileError) as caught:
        plan_dataflow(case.model, folds={"conv": Fold(3, 4)})
    assert caught.value.what == "simd 4 does not divide the 6 inputs of a window's tap"
    assert caught.value.help == "choose one of 1, 2, 3, 6"
    with pytest.raises(CompileError) as caught:
        plan_dataflow(case.model, folds={"conv": Fold(10, 2)})
    assert caught.value.what == "10 processing elements do not fit 9 output channels"


def test_pe_groups_store_each_width() -> None:
    """Stored bits are the declared ones, but for slots that fill up the last turn."""
    case = next(c for c in cases() if c.name == "conv_3x3_padded")  # widths 3, 8, 0, 1
    plan = plan_dataflow(case.model, folds={"conv": Fold(2, 3)})
    matrix = next(p for p in plan.processes if p.name == "conv_matrix")
    widths = {r.name: r.number.bits for r in matrix.roms if r.name.startswith("conv_matrix_w")}
    stored = {n: w for n, w in widths.items() if not n.endswith(("_bias", "_offset"))}
    assert stored == {"conv_matrix_w1_step2": 1, "conv_matrix_w3": 3, "conv_matrix_w8": 8}
    assert plan.cycles[plan.layers["conv"]] == 42 * 4 * 9  # pixels, turns, columns
