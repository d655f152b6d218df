"""Compare: the same network over RISC-V targets, measured on the RTL with one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qcompile.backends import isa_of, riscv_project
from qcompile.compile import Arrays, chosen, input_codes
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.passes import lower
from qcompile.progress import QUIET, Progress
from qcompile.read import read
from qcompile.report.document import LIMITED, document, joined
from qcompile.report.riscv import counted, measure_bytes
from qcompile.source import Semantics
from qcompile.target import Family, Target, load
from qcompile.verify.rtl_bench import FirmwareBench
from qcompile.verify.run import Missing
from qcompile.verify.vectors import Codes

Table = dict[str, Any]
USUAL = ("rv32imc", "cv32e40p", "mpic", "mpic-q")


def compare(
    path: str | Path,
    targets: Sequence[str] = USUAL,
    *,
    semantics: str | Semantics | None = None,
    grids: Mapping[str, str] | None = None,
    inputs: Arrays | None = None,
    progress: Progress = QUIET,
) -> list[Table]:
    """A row for each of `targets`: what report.json has in `totals`, `sources` and `layers`.

    One vector runs, the user's first where there are `inputs`, and every bit of it is compared.
    Without the packages for the RTL, `sources` says so and there are no cycles. Raises
    CompileError for what the user can mend.
    """
    loaded = [riscv_target(name) for name in targets]
    progress.step("reading")
    source = read(path, semantics=chosen(semantics), inputs=dict(grids or {}))
    model = lower(source)
    codes = None if inputs is None else input_codes(source, model, inputs)
    report = document(source, model, "")
    rows = []
    for target in loaded:
        progress.step(target.name)
        rows.append(compared(report, model, target, codes))
    return rows


def riscv_target(name: str) -> Target:
    """Raises CompileError for a target whose code no core runs."""
    target = load(name)
    if target.family is not Family.RISCV:
        raise CompileError(
            f"{target.name} is not a RISC-V target",
            at="--targets",
            help=f"such as {','.join(USUAL)}",
        )
    return target


def compared(report: Table, model: IntegerModel, target: Target, codes: Codes | None) -> Table:
    """The row of one target."""
    project = riscv_project(model, "net", {}, target)
    found = measure_bytes(project)
    bench = FirmwareBench(isa_of(target), lambda _: project)
    try:
        found |= counted(project.plan, target, bench.measure(model, project, codes))
        why = ""
    except Missing as missing:
        why = f"not run: {missing}"
    whole = joined(report, found)
    limits = asdict(target.limits)
    fits = all(limits[key] is None or whole["totals"].get(key, 0) <= limits[key] for key in LIMITED)
    row = {key: whole[key] for key in ("totals", "layers", "sources")}
    row["sources"] |= {"cycles": why} if why else {}
    return {"target": target.name, "fits": fits, **row}
