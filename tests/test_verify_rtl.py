"""Firmware on the RTL: what is right passes, a planted fault is named, counts add up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qcompile
from qcompile import ops
from qcompile.backends import riscv_benches, riscv_project
from qcompile.cli import main
from qcompile.compare import compare
from qcompile.errors import CompileError
from qcompile.passes import lower
from qcompile.rtl import Interval, Isa, NotInstalled
from qcompile.target import load
from qcompile.verify import firmware
from qcompile.verify.counts import Counts, inferences, total
from qcompile.verify.firmware import FirmwareRunner
from qcompile.verify.rtl_bench import FirmwareBench, ordered
from qcompile.verify.run import Effort, Missing, Project
from qcompile.verify.vectors import vectors
from test_verify import changed, flip_weight
from tiny import cnn, mlp, noise


def bench_of(name: str) -> FirmwareBench:
    bench = riscv_benches(load(name))[-1]
    assert isinstance(bench, FirmwareBench)
    return bench


@pytest.mark.parametrize("name", [isa.value for isa in Isa])
def test_what_is_right_passes(name: str, tmp_path: Path) -> None:
    model = lower(qcompile.read(cnn(tmp_path)))
    project = riscv_project(model, "net", {}, load(name))
    level = bench_of(name).compare(model, project, Effort.USUAL, None)
    assert level.ran
    assert level.vectors > 10
    assert level.probes > 100
    assert level.measured is not None
    assert level.measured.vectors == level.vectors


def test_a_fault_in_emitted_constants_is_named(tmp_path: Path) -> None:
    """The project of a model with a flipped weight bit, against the right model."""
    model = lower(qcompile.read(cnn(tmp_path)))
    wrong, _ = changed(model, ops.Conv, flip_weight)
    project = riscv_project(wrong, "net", {}, load("mpic"))
    first = project.plan.steps[0].draft.node
    with pytest.raises(CompileError, match="rtl differs from the integer graph") as error:
        bench_of("mpic").compare(model, project, Effort.USUAL, None)
    assert f"{first!r}" in error.value.what
    assert error.value.place == model.graph[first].origin


def test_a_fault_of_the_core_is_told_with_its_place(tmp_path: Path) -> None:
    model = lower(qcompile.read(mlp(tmp_path)))
    project = riscv_project(model, "net", {}, load("rv32imc"))
    text = project.files["net.c"]
    broken = text.replace("    return 0;\n", '    __asm__ volatile("unimp");\n    return 0;\n')
    assert broken != text
    runner = FirmwareRunner(project.plan, project.files | {"net.c": broken})
    with pytest.raises(CompileError, match="illegal instruction at") as error:
        runner.run(vectors(model, 1))
    assert error.value.help.startswith("this is a fault of qcompile")


def test_a_fault_of_one_instruction_set_is_caught(tmp_path: Path) -> None:
    """The host has no part of what is wrong here."""
    source = qcompile.read(cnn(tmp_path))
    model = lower(source)
    target = load("mpic")
    project = riscv_project(model, "net", {}, target)
    fault = "#ifdef QC_ISA_MPIC\n    out->y[0] ^= 1;\n#endif\n    return 0;\n"
    files = project.files | {"net.c": project.files["net.c"].replace("    return 0;\n", fault)}
    wrong = Project(project.plan, files)
    host, rtl = riscv_benches(target)
    assert host.compare(model, wrong, Effort.USUAL, None).ran
    with pytest.raises(CompileError, match=r"rtl differs from .* build without a trace"):
        rtl.compare(model, wrong, Effort.USUAL, None)


LOOP = """\
    __asm__ volatile(".option push\\n.option norvc\\n.balign 4\\n"
                     ".word 0x0020472b\\nnop\\nnop\\n" /* cv.setup 0, zero, 2 */
                     ".option pop");
    return 0;
"""


def test_a_wrong_hardware_loop_is_told(tmp_path: Path) -> None:
    """A body of one instruction, which the core runs without a trap."""
    model = lower(qcompile.read(mlp(tmp_path)))
    project = riscv_project(model, "net", {}, load("cv32e40p"))
    text = project.files["net.c"].replace("    return 0;\n", LOOP)
    with pytest.raises(CompileError, match=r"a hardware loop is wrong: net_run.*at least 3"):
        FirmwareRunner(project.plan, project.files | {"net.c": text})


def test_outputs_and_layers_of_several_vectors(tmp_path: Path) -> None:
    model = lower(qcompile.read(cnn(tmp_path)))
    project = riscv_project(model, "net", {}, load("mpic"))
    runner = FirmwareRunner(project.plan, project.files)
    codes = vectors(model, 7)
    expected, found = model.run(codes), runner.run(codes)
    assert np.array_equal(expected["y"], found["y"])
    values, traced = model.run(codes, trace=True), runner.trace(codes)
    assert set(traced) == {s.draft.node for s in project.plan.steps}
    assert all(np.array_equal(values[node], traced[node]) for node in traced)


def test_counts_add_up_and_repeat(tmp_path: Path) -> None:
    model = lower(qcompile.read(cnn(tmp_path)))
    project = riscv_project(model, "net", {}, load("cv32e40p"))
    bench = bench_of("cv32e40p")
    found, again = (bench.measure(model, project, None) for _ in range(2))
    assert found == again
    assert len(found.steps) == len(project.plan.steps)
    assert all(s.cycles >= s.instructions > 0 for s in found.steps)
    assert found.total.cycles == sum(s.cycles for s in found.steps) == found.most
    assert found.stack_bytes > 0


def test_intervals_become_inferences() -> None:
    """Two inferences of two steps, with something between them; the return joins the last step."""
    ids = (0, 1, 2, 2047, 0, 1, 2)
    parts = [Interval(i, 10 + n, n, 1, 0) for n, i in enumerate(ids)]
    first, second = inferences(parts)
    assert first == (Counts(10, 0, 1, 0), Counts(11 + 12, 1 + 2, 2, 0))
    assert second == (Counts(14, 4, 1, 0), Counts(15 + 16, 5 + 6, 2, 0))
    assert total(first) == Counts(33, 3, 3, 0)


def test_the_users_vector_is_the_first(tmp_path: Path) -> None:
    model = lower(qcompile.read(mlp(tmp_path)))
    own = {"x": vectors(model, 20)["x"][-1:]}
    assert np.array_equal(ordered(model, 1, own)["x"], own["x"])
    every = ordered(model, 9, own)["x"]
    assert np.array_equal(np.sort(every, axis=0), np.sort(vectors(model, 9, own)["x"], axis=0))


def test_full_runs_all_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qcompile.verify.rtl_bench.CYCLES", 1)
    monkeypatch.setattr("qcompile.verify.run.MOST", 30)
    model = lower(qcompile.read(mlp(tmp_path)))
    project = riscv_project(model, "net", {}, load("mpic"))
    bench = bench_of("mpic")
    assert bench.compare(model, project, Effort.USUAL, None).vectors == 1
    assert bench.compare(model, project, Effort.FULL, None).vectors == 30


def test_a_missing_package_is_not_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise NotInstalled("ziglang", "qcompile[sim]")

    monkeypatch.setattr(firmware, "compile_firmware", missing)
    words = [str(mlp(tmp_path)), "--target", "mpic", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "rtl: not run: install qcompile[sim]" in shown
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["verify"]["levels"]["rtl"] == {"ran": False, "why": "install qcompile[sim]"}
    assert "cycles" not in report["totals"]
    assert report["sources"]["cycles"] == "not run: install qcompile[sim]"


def test_what_is_too_large_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qcompile.verify.rtl_bench.MOST_WORK", 10)
    model = lower(qcompile.read(mlp(tmp_path)))
    project = riscv_project(model, "net", {}, load("mpic"))
    with pytest.raises(Missing, match="--verify=full runs them"):
        bench_of("mpic").compare(model, project, Effort.USUAL, None)


def test_the_report_has_cycles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(cnn(tmp_path)), "--target", "mpic", "--flash-wait", "2"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    totals, rows = report["totals"], [row for row in report["layers"] if "cycles" in row]
    for key in ("cycles", "instructions", "loads", "stores"):
        assert totals[key] == sum(row[key] for row in rows)
    conv = next(row for row in rows if row["op"] == "Conv")
    assert conv["macs_per_cycle"] == round(conv["macs"] / conv["cycles"], 3)
    assert totals["latency_ms"] == pytest.approx(totals["cycles"] / 250_000)
    assert totals["energy_uj"] == round(totals["cycles"] * 21.53e-6, 6)
    assert totals["slow_flash"]["cycles"] > totals["cycles"]
    assert report["sources"]["cycles"].startswith("measured: CV32E40P RTL with the mixed-precision")
    assert report["sources"]["energy_uj"].startswith("model: ")
    assert {"cv32e40p", "verilator", "zig"} <= set(report["tools"]["versions"])
    shown = capsys.readouterr().out
    assert "MAC/cycle, " in shown
    assert " wait states" in shown


def test_another_cores_cycles_are_no_latency(tmp_path: Path) -> None:
    build = qcompile.compile(mlp(tmp_path), "esp32c3", output=tmp_path / "out")
    totals, sources = build.report["totals"], build.report["sources"]
    assert totals["cycles"] > 0
    assert not {"latency_ms", "energy_uj"} & set(totals)
    assert "not the core of esp32c3" in sources["cycles"]


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = cnn(tmp_path)
    x = noise(3, 1, 2, 6, 6)
    rows = compare(path, ("rv32imc", "mpic"), inputs=x)
    assert [row["target"] for row in rows] == ["rv32imc", "mpic"]
    assert all(row["fits"] and row["totals"]["cycles"] > 0 for row in rows)
    assert main(["compare", str(path), "--targets", "cv32e40p,gd32vf103"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "target", "fits", "cycles", "MAC/cycle", "latency", "energy", "flash", "RAM",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:3]] == ["cv32e40p", "gd32vf103"]
    assert main(["compare", str(path), "--targets", "mpic,fpga"]) == 1
    assert "pynq-z2 is not a RISC-V target" in capsys.readouterr().err


def test_a_copied_output_has_a_row_of_its_own(tmp_path: Path) -> None:
    """An output that another output holds already is copied, which takes cycles too."""
    model = lower(qcompile.read(mlp(tmp_path)))
    (port,) = model.outputs
    twice = replace(model, outputs=(port, replace(port, name="again")))
    twice.graph.outputs = (port.node, port.node)
    project = riscv_project(twice, "net", {}, load("mpic"))
    found = bench_of("mpic").measure(twice, project, None)
    from qcompile.report.riscv import counted

    measured = counted(project.plan, load("mpic"), found)
    assert [row["op"] for row in measured.others] == ["copy"]
    each = [*measured.layers.values(), *measured.others]
    assert sum(row["cycles"] for row in each) == measured.totals["cycles"]


def test_a_project_may_have_any_name(tmp_path: Path) -> None:
    model = lower(qcompile.read(mlp(tmp_path)))
    for name in ("firmware", "main", "host"):
        project = riscv_project(model, name, {}, load("rv32imc"))
        runner = FirmwareRunner(project.plan, project.files)
        codes = vectors(model, 1)
        assert np.array_equal(runner.run(codes)["scores"], model.run(codes)["scores"])


def test_nothing_else_of_the_project_is_needed(tmp_path: Path) -> None:
    model = lower(qcompile.read(mlp(tmp_path)))
    project = riscv_project(model, "net", {}, load("mpic"))
    files = {k: v for k, v in project.files.items() if k.endswith((".c", ".h", ".inc"))}
    again = Project(project.plan, files)
    assert bench_of("mpic").measure(model, again, None).vectors == 1
