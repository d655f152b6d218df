"""Imports go one way, emitters name no ops, and every op has its templates."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from qcompile.ops import OPS
from qcompile.resources import PACKAGE, folder

# Each may import what stands before it, and itself.
STAGES = (
    ("elf", "errors", "names", "resources", "qtype", "progress"),
    ("rtl",),
    ("synth",),
    ("ops.base",),
    ("graph",),
    ("semantics", "ops"),
    ("source", "model"),
    ("export",),
    ("read", "passes", "target", "output", "inputs"),
    ("simulate",),
    ("plan",),
    ("emit",),
    ("metrics", "report", "verify"),
    ("backends",),
    ("compile",),
    ("compare",),
    ("cli",),
    ("__main__",),
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def stage(module: str) -> int:
    """The place of `ops.dense`, `cli`, ... in STAGES: that of its longest prefix there."""
    words = module.split(".")
    for count in range(len(words), 0, -1):
        prefix = ".".join(words[:count])
        for place, names in enumerate(STAGES):
            if prefix in names:
                return place
    raise AssertionError(f"{module} has no stage: add it to STAGES")


def module_name(path: Path) -> str:
    words = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(w for w in words if w != "__init__")


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, less the package's name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "qcompile":
            base = (node.module or "").removeprefix("qcompile").removeprefix(".")
            for alias in node.names:
                deeper = f"{base}.{alias.name}".removeprefix(".")
                place = PACKAGE / deeper.replace(".", "/")
                is_module = place.with_suffix(".py").is_file() or place.is_dir()
                found.add(deeper if is_module else base)
        if isinstance(node, ast.Import):
            found |= {a.name[9:] for a in node.names if a.name.startswith("qcompile.")}
    return found - {""}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_go_one_way(path: Path) -> None:
    name = module_name(path)
    if not name:  # the package itself names what it offers
        return
    for other in imports(path):
        assert stage(other) <= stage(name), f"{name} imports {other}"


def test_the_oracle_shares_no_meaning_with_what_it_judges() -> None:
    shared = {"ops.base", "ops.blas"}  # windows of arrays; emitted code has its own
    for path in PACKAGE.glob("semantics/*.py"):
        for other in imports(path) - shared:
            assert not other.startswith(("passes", "plan", "emit", "ops")), f"{path}: {other}"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("emit/*.py")), ids=module_name)
def test_emitters_know_no_ops(path: Path) -> None:
    words = {n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)}
    assert not words & {op.__name__ for op in OPS}
    assert not any(other.startswith("ops") for other in imports(path))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_every_op_is_a_file_of_its_own(op: type) -> None:
    source = PACKAGE / "ops" / f"{op.__module__.rsplit('.', 1)[1]}.py"
    classes = [n.name for n in ast.parse(source.read_text()).body if isinstance(n, ast.ClassDef)]
    assert op.__name__ in classes
    assert len([c for c in classes if c in {o.__name__ for o in OPS}]) == 1


def test_every_op_file_is_listed() -> None:
    listed = {op.__module__.rsplit(".", 1)[1] for op in OPS}
    files = {p.stem for p in PACKAGE.glob("ops/*.py")} - {"__init__", "base", "blas"}
    assert files == listed


@pytest.mark.parametrize("backend", ["c", "hls"])
def test_templates_are_not_long_and_libraries_are_licensed(backend: str) -> None:
    root = folder("templates") / backend
    for path in root.glob("ops/*.j2"):
        assert path.read_text().count("\n") <= 80, f"{path.name}: move it to lib/"
    for path in root.glob("lib/*"):
        assert "SPDX-License-Identifier: 0BSD" in path.read_text(), path.name


# Ops that are not steps of their own in emitted code: what the planner turns them into is tested.
VIEWS = {"input", "constant", "reshape"}


def test_every_op_has_a_template_for_c() -> None:
    stems = {p.name.split(".")[0] for p in (folder("templates") / "c" / "ops").iterdir()}
    assert {op.__module__.rsplit(".", 1)[1] for op in OPS} - VIEWS <= stems
