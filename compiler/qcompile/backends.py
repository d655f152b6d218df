"""The backends: for each family of targets what it emits, how that is run, what it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qcompile.emit.c import emit_plan
from qcompile.emit.hls import emit_hls, namespace
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.names import identifier
from qcompile.plan.c_plan import plan_c
from qcompile.plan.dataflow import plan_dataflow
from qcompile.target import Family
from qcompile.verify.csim import CSim, ap_types, cxx_compiler
from qcompile.verify.host import HostLibrary
from qcompile.verify.run import Bench, Missing, Project, Runner
from qcompile.verify.toolchain import host_compiler, riscv_sizes, riscv_version
from qcompile.verify.vectors import Codes, vectors

Table = dict[str, Any]
STORED_VECTORS = 8  # vectors that go into a project with its code


@dataclass(frozen=True)
class Measured:
    """Figures for report.json: of the layers by node name, of the whole, and their sources."""

    layers: dict[str, Table]
    totals: Table
    sources: dict[str, str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Backend:
    """What is done for one family of targets."""

    emit: Callable[[IntegerModel, str, Codes], Project]
    benches: tuple[Bench, ...]
    measure: Callable[[Project], Measured]


def emit_for_c(model: IntegerModel, name: str, codes: Codes) -> Project:
    plan = plan_c(model, identifier(name))
    return Project(plan, emit_plan(plan, codes))


def emit_for_hls(model: IntegerModel, name: str, codes: Codes) -> Project:
    plan = plan_dataflow(model)
    return Project(plan, emit_hls(model, namespace(name), plan, codes))


def build_c(model: IntegerModel, project: Project) -> Runner:
    needed(host_compiler)
    return HostLibrary(project.plan, project.files)


def build_hls(model: IntegerModel, project: Project) -> Runner:
    needed(cxx_compiler)
    needed(ap_types)
    return CSim(model, project.plan, project.files)


def needed(find: Callable[[], object]) -> None:
    """Raises Missing where `find` does not find its tool."""
    try:
        find()
    except CompileError as error:
        raise Missing(error.what) from None


def measure_c(project: Project) -> Measured:
    """Bytes: sections of the riscv32 objects, the arena, inputs and outputs."""
    plan = project.plan
    layers = {
        step.draft.node: {"weight_bytes": step.weight_bytes, "metadata_bytes": step.metadata_bytes}
        for step in plan.steps
        if step.arrays
    }
    ports = sum(p.qtype.size * p.type.bytes for p in (*plan.inputs, *plan.outputs))
    totals: Table = {
        "weight_bytes": sum(row["weight_bytes"] for row in layers.values()),
        "metadata_bytes": sum(row["metadata_bytes"] for row in layers.values()),
        "ram_bytes": plan.arena_bytes + ports,
        "ram_lower_bound_bytes": plan.memory.lower_bound + ports,
        "arena_bytes": plan.arena_bytes,
    }
    sources = {"ram_bytes": "exact: the arena, the inputs and the outputs; no stack"}
    sizes, version = riscv_sizes(project.files, plan.prefix), riscv_version()
    if sizes is None or version is None:
        sources["flash_bytes"] = "not run: install qcompile[sim]"
        return Measured(layers, totals, sources, {})
    totals |= {
        "flash_bytes": sizes.flash,
        "code_bytes": sizes.text,
        "constant_bytes": sizes.rodata,
        "ram_bytes": totals["ram_bytes"] + sizes.ram,
    }
    sources["flash_bytes"] = f"measured: sections of the rv32imc objects, {version}, -O2"
    return Measured(layers, totals, sources, {"zig": version.removeprefix("zig ")})


def measure_hls(project: Project) -> Measured:
    """Cycles as the static schedules of the plan predict them."""
    plan = project.plan
    layers = {node: {"cycles_model": cycles} for node, cycles in plan.cycles.items()}
    totals = {"ii_cycles": plan.interval}
    model = "model: static schedules of the dataflow plan"
    return Measured(layers, totals, {"ii_cycles": model, "cycles_model": model}, {})


def c_bench_project(model: IntegerModel) -> Project:
    return emit_for_c(model, "probes", {})


def hls_bench_project(model: IntegerModel) -> Project:
    return emit_for_hls(model, "probes", vectors(model, 1))


BACKENDS = {
    Family.RISCV: Backend(
        emit_for_c, (Bench("host", c_bench_project, build_c, 6_000_000_000),), measure_c
    ),
    Family.FPGA: Backend(
        emit_for_hls, (Bench("csim", hls_bench_project, build_hls, 600_000_000),), measure_hls
    ),
}
