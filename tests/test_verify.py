"""Planted faults: verification fails and names the layer, whatever was broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import qcompile
from qcompile import ops
from qcompile.backends import BACKENDS
from qcompile.errors import CompileError
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel
from qcompile.ops.base import IntegerOp
from qcompile.ops.requant import Form, Scale, Steps, Table
from qcompile.passes import lower
from qcompile.progress import QUIET
from qcompile.target import Family, load
from qcompile.verify.run import Bench, Effort, Project, verify
from qcompile.verify.vectors import vectors
from tiny import cnn, mlp

Change = Callable[[IntegerOp], IntegerOp]


TARGETS = {Family.RISCV: "rv32imc", Family.FPGA: "pynq-z2"}


def emitted(model: IntegerModel, name: str) -> tuple[Project, Bench]:
    """The project for a target, and this machine's way to run it."""
    target = load(name)
    backend = BACKENDS[target.family]
    project = backend.emit(model, "net", vectors(model, 2), target)
    return project, backend.benches(target, 0)[0]


def changed(model: IntegerModel, kind: type[IntegerOp], change: Change) -> tuple[IntegerModel, str]:
    """The model with its first op of a kind changed, and where that one comes from."""
    first = next(n for n in model.graph if isinstance(n.op, kind))

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node is not first:
            return copy_node(new, node, inputs)
        assert isinstance(node.op, IntegerOp)
        return new.add(node.name, change(node.op), *inputs, origin=node.origin)

    return replace(model, graph=model.graph.rebuild(rule)), first.origin


def flip_weight(op: IntegerOp) -> IntegerOp:
    assert isinstance(op, ops.Conv | ops.Dense)
    weight = op.weight.copy()
    weight.flat[0] ^= 1
    return replace(op, weight=weight)


def no_rounding(op: IntegerOp) -> IntegerOp:
    assert isinstance(op, ops.Requant)
    return replace(op, forms=tuple(without_rounding(f) for f in op.forms))


def without_rounding(form: Form) -> Form:
    return replace(form, offset=0) if isinstance(form, Scale) else form


def off_by_one(op: IntegerOp) -> IntegerOp:
    """One step of one channel moves by one code."""
    assert isinstance(op, ops.Requant)
    return replace(op, forms=(moved(op.forms[0]), *op.forms[1:]))


def moved(form: Form) -> Form:
    match form:
        case Scale():
            return replace(form, offset=form.offset - max(abs(form.multiplier), 1))
        case Steps():
            breaks = form.breaks.copy()
            breaks[len(breaks) // 2] += 1
            return replace(form, breaks=breaks)
        case Table():
            return replace(form, values=np.roll(form.values, 1))


def bias_off(op: IntegerOp) -> IntegerOp:
    assert isinstance(op, ops.Conv | ops.Dense)
    return replace(op, bias=op.bias + np.eye(1, len(op.bias), 2, np.int64)[0])


FAULTS = {
    "weight": (ops.Conv, flip_weight),
    "bias": (ops.Conv, bias_off),
    "rounding": (ops.Requant, no_rounding),
    "step": (ops.Requant, off_by_one),
    "dense": (ops.Dense, flip_weight),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_passes_is_named(fault: str, tmp_path: Path) -> None:
    source = qcompile.read(cnn(tmp_path))
    kind, change = FAULTS[fault]
    model, origin = changed(lower(source), kind, change)  # type: ignore[type-abstract]
    with pytest.raises(CompileError, match="differs from the graph as read") as error:
        verify(source, model, Project(None, {}), (), Effort.USUAL, None, QUIET)
    assert error.value.place == origin


def test_a_fault_in_the_meaning_of_an_op_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = qcompile.read(cnn(tmp_path))
    model = lower(source)
    run = ops.SumPool.run
    monkeypatch.setattr(ops.SumPool, "run", lambda self, x: run(self, x) + (x.max() > 12))
    with pytest.raises(CompileError, match="differs from the graph as read"):
        verify(source, model, Project(None, {}), (), Effort.USUAL, None, QUIET)


@pytest.mark.parametrize("family", list(Family), ids=lambda f: f.value)
def test_a_fault_in_emitted_constants_is_named(family: Family, tmp_path: Path) -> None:
    """The project of a model with a flipped weight bit, against the right model."""
    source = qcompile.read(mlp(tmp_path))
    model = lower(source)
    wrong, origin = changed(model, ops.Dense, flip_weight)
    project, bench = emitted(wrong, TARGETS[family])
    with pytest.raises(CompileError, match="differs from the integer graph") as error:
        verify(source, model, project, (bench,), Effort.USUAL, None, QUIET)
    assert error.value.place in (origin, "act")  # the layer, or the requantizer fused to it


def test_a_fault_in_an_emitted_kernel_is_caught(tmp_path: Path) -> None:
    """Another multiplier in the emitted text."""
    source = qcompile.read(mlp(tmp_path))
    model = lower(source)
    project, bench = emitted(model, "rv32imc")
    text = project.files["net_weights.c"]
    (constant, *_) = re.findall(r"\b[1-9]\d{5,}\b", text)  # a multiplier: what else is as large?
    broken = text.replace(constant, str(int(constant[1:])), 1)
    files = project.files | {"net_weights.c": broken}
    with pytest.raises(CompileError, match="host differs"):
        verify(source, model, Project(project.plan, files), (bench,), Effort.USUAL, None, QUIET)


def test_what_is_right_passes_on_all_levels(tmp_path: Path) -> None:
    source = qcompile.read(cnn(tmp_path))
    model = lower(source)
    for target in TARGETS.values():
        project, bench = emitted(model, target)
        levels = verify(source, model, project, (bench,), Effort.USUAL, None, QUIET)
        assert all(level.ran and level.vectors == 100 and level.probes for level in levels)


def test_a_missing_tool_is_not_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    source = qcompile.read(mlp(tmp_path))
    model = lower(source)
    project, bench = emitted(model, "rv32imc")
    levels = verify(source, model, project, (bench,), Effort.USUAL, None, QUIET)
    assert [level.ran for level in levels] == [True, False]
    assert "C compiler" in levels[1].why
