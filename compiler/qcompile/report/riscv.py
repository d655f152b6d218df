"""Figures of a C project: bytes from its plan and objects, cycles from the RTL."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from qcompile.emit.c import emit_plan
from qcompile.plan.c_plan import Bands, CPlan, Step
from qcompile.report.figures import work_of
from qcompile.report.measured import Measured
from qcompile.rtl import Isa
from qcompile.target import Target
from qcompile.verify.counts import Counts, Measurement
from qcompile.verify.run import Level, Project
from qcompile.verify.toolchain import riscv_sizes, riscv_version

Table = dict[str, Any]

CORES = {
    Isa.RV32IMC: "CV32E40P RTL, portable C without its extensions",
    Isa.CV32E40P: "CV32E40P RTL",
    Isa.MPIC: "CV32E40P RTL with the mixed-precision unit",
    Isa.MPIC_Q: "CV32E40P RTL with the mixed-precision unit and its one-cycle requantization",
}


def measure_bytes(project: Project) -> Measured:
    """Sections of the riscv32 objects, the arena, inputs and outputs."""
    plan = project.plan
    rows = by_layer(plan, {s.index: byte_figures(s) for s in plan.steps})
    ports = plan.port_bytes
    totals: Table = {
        "weight_bytes": sum(row.get("weight_bytes", 0) for row in rows.values()),
        "metadata_bytes": sum(row.get("metadata_bytes", 0) for row in rows.values()),
        "ram_bytes": plan.arena_bytes + ports,
        "ram_lower_bound_bytes": plan.memory.lower_bound + ports,
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound_bytes": plan.memory.lower_bound,
        "activation_bytes": plan.storage.values.size,  # the arena without scratch
        "activation_lower_bound_bytes": plan.storage.values.lower_bound,
    }
    if plan.bands is not None:
        totals |= bands_figures(plan, plan.bands)
    sources = {
        "ram_bytes": "exact: the arena, the inputs and the outputs; no stack",
        "arena_bytes": f"exact: {plan.storage.claim}",
    }
    found = Measured(rows, totals, sources, causes=causes(plan))
    return found | section_bytes(project, totals["ram_bytes"])


def section_bytes(project: Project, ram: int) -> Measured:
    """Flash, and the RAM that variables add; nothing without `ziglang`."""
    plan = project.plan
    sizes, version = riscv_sizes(project.files, plan.prefix, plan.isa), riscv_version()
    if sizes is None or version is None:
        return Measured(sources={"flash_bytes": "not run: install qcompile[sim]"})
    totals = {
        "flash_bytes": sizes.flash,
        "code_bytes": sizes.text,
        "constant_bytes": sizes.rodata,
        "ram_bytes": ram + sizes.ram,
    }
    if plan.bands is not None:
        plain = plan.bands.plain
        without = riscv_sizes(emit_plan(plain, {}), plain.prefix, plain.isa)
        totals |= {"flash_bytes_without_bands": without.flash} if without else {}
    source = f"measured: sections of the {plan.isa.value} objects, {version}, -O2"
    versions = {"zig": version.removeprefix("zig ")}
    return Measured(totals=totals, sources={"flash_bytes": source}, versions=versions)


def by_layer(plan: CPlan, rows: dict[int, Table]) -> dict[str, Table]:
    """Figures of steps, by index, summed over the parts of each layer, by node; without copies."""
    found: dict[str, Table] = {}
    for step in plan.steps:
        layer = plan.layer_of(step)
        if layer is not None:
            found[layer] = added(found.get(layer, {}), rows[step.index])
    return found


def added(one: Table, other: Table) -> Table:
    """The sums of figures."""
    return one | {key: round(one.get(key, 0) + value, 6) for key, value in other.items()}


def byte_figures(step: Step) -> Table:
    if not step.arrays:
        return {}
    return {"weight_bytes": step.weight_bytes, "metadata_bytes": step.metadata_bytes}


def causes(plan: CPlan) -> dict[str, str]:
    """What takes most of the flash and of the RAM."""
    found = {}
    constants = {s.name: s.weight_bytes + s.metadata_bytes for s in plan.steps}
    if any(constants.values()):
        largest = max(constants, key=lambda name: constants[name])
        found["flash_bytes"] = (
            f"constants take {sum(constants.values())} bytes, those of {largest} "
            f"{constants[largest]}: use fewer weight bits or channels there"
        )
    if plan.steps:
        peak = plan.steps[plan.memory.peak]
        found["ram_bytes"] = (
            f"most is in use at {peak.name}, whose result has {peak.bytes} bytes: use narrower "
            "activations, fewer channels or a smaller input there"
        )
    return found


def measure_cycles(project: Project, target: Target, levels: tuple[Level, ...]) -> Measured:
    """What the RTL counted while it verified; nothing where it did not run."""
    level = next((level for level in levels if level.name == "rtl"), None)
    if level is None:
        return Measured()
    if not isinstance(level.measured, Measurement):
        return Measured(sources={"cycles": f"not run: {level.why}"})
    return counted(project.plan, target, level.measured)


def counted(plan: CPlan, target: Target, found: Measurement) -> Measured:
    """Cycles, instructions, loads and stores of each step and of the whole, energy and latency."""
    rows = {s.index: step_figures(c, target) for s, c in zip(plan.steps, found.steps, strict=True)}
    layers = by_layer(plan, {s.index: predicted(s) | rows[s.index] for s in plan.steps})
    totals = step_figures(found.total, target) | {"stack_bytes": found.stack_bytes}
    if found.plain is not None:
        totals["cycles_without_bands"] = found.plain
    if target.is_simulated_core and target.clock_mhz is not None:
        totals["latency_ms"] = round(found.total.cycles / target.clock_mhz / 1000, 6)
    if found.waiting is not None:
        totals["slow_flash"] = {"wait_cycles": found.flash_wait, "cycles": found.waiting}
    versions = dict(word.split(" ", 1) for word in found.revision.split(", "))
    return Measured(layers, totals, sources(plan, target, found), versions, copies(plan, rows))


def copies(plan: CPlan, rows: dict[int, Table]) -> tuple[Table, ...]:
    """Rows of the copies of outputs, and one for the rows that are kept between bands."""
    own: Table = {"op": "copy", "macs": 0, "bops": 0}
    found = []
    kept: Table = {}
    for step in plan.steps:
        if step.draft.field is not None:
            found.append({"name": step.name, **own, **rows[step.index]})
        elif plan.layer_of(step) is None:
            kept = added(kept, rows[step.index])
    return (*found, *([{"name": "kept between bands", **own, **kept}] if kept else []))


def bands_figures(plan: CPlan, bands: Bands) -> Table:
    """What running layers in bands gives and takes."""
    row = {
        "layers": bands.layers,
        "bands": bands.count,
        "macs_more": work(plan) - work(bands.plain),
        "copied_bytes": plan.copied_bytes,
    }
    return {
        "bands": row,
        "arena_bytes_without_bands": bands.plain.arena_bytes,
        "activation_bytes_without_bands": bands.plain.storage.values.size,
    }


def work(plan: CPlan) -> int:
    """Multiply-accumulates."""
    graph = plan.model.graph
    return sum(work_of(graph, node).macs for node in graph)


def step_figures(found: Counts, target: Target) -> Table:
    """The keys of a layer, and of the whole, that the RTL gives."""
    row: Table = asdict(found)
    if target.energy_pj_per_cycle is not None:
        row["energy_uj"] = round(found.cycles * target.energy_pj_per_cycle / 1e6, 6)
    return row


def predicted(step: Step) -> Table:
    """The cycles that the plan expects, where it has a model of the step."""
    cycles = getattr(step.draft.code, "cycles_model", None)
    return {} if cycles is None else {"cycles_model": cycles}


def sources(plan: CPlan, target: Target, found: Measurement) -> dict[str, str]:
    """What the figures come from, in words."""
    other = target.clock_mhz is not None and not target.is_simulated_core  # a chip
    core = f", not the core of {target.name}" if other else ""
    cycles = f"measured: {CORES[plan.isa]}, zero-wait memory{core}; {spread(found)}"
    words = {
        "cycles": cycles,
        "stack_bytes": "measured on the RTL: the deepest stack, the calling program's included",
    }
    if target.energy_pj_per_cycle is not None:
        words["energy_uj"] = (
            f"model: cycles x {target.energy_pj_per_cycle:g} pJ ({target.energy_source})"
        )
    if target.is_simulated_core and target.clock_mhz is not None:
        words["latency_ms"] = f"cycles at {target.clock_mhz:g} MHz ({target.clock_source.value})"
    if found.waiting is not None:
        words["slow_flash"] = (
            f"measured: {found.flash_wait} more cycles for each fetch and load from flash"
        )
    return words


def spread(found: Measurement) -> str:
    """Which vector the figures are of, and how far the others are from it."""
    if found.vectors == 1:
        return "one vector"
    if found.fewest == found.most:
        return f"the same for {found.vectors} vectors"
    return f"the first of {found.vectors} vectors, which take {found.fewest} to {found.most}"
