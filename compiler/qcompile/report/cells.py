"""LUTs, flip-flops, memory blocks and DSPs of a design as Yosys maps it, module by module."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from qcompile.errors import CompileError
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.process_moves import ReadPort, WritePort
from qcompile.report.measured import Measured, Table
from qcompile.rtl.packages import NotInstalled
from qcompile.synth import Family, Options, Part, Resources, synthesise
from qcompile.synth.program import Program, installed_version
from qcompile.target import Target
from qcompile.verify.run import Project

FOLDER = "rtl/"
FAMILIES = {"xc7": Family.XC7, "xczu": Family.ULTRASCALE_PLUS, "lfe5": Family.ECP5}


def family_of(target: Target) -> Family:
    """Which cells a part has. Raises CompileError for a part of none that Yosys is run for."""
    for start, family in FAMILIES.items():
        if target.part.lower().startswith(start):
            return family
    raise CompileError(
        f"no cells are known for the part {target.part!r}",
        at="--measure",
        help=f"a target whose part begins with one of {', '.join(FAMILIES)}",
    )


def measure_cells(project: Project, target: Target) -> Measured:
    """Each process alone, and the FIFOs and ends beside them. Raises CompileError without Yosys."""
    plan: Dataflow = project.plan
    family = family_of(target)
    sources = {
        path.removeprefix(FOLDER): text
        for path, text in project.files.items()
        if path.startswith(FOLDER)
    }
    own = [Part(p.name) for p in plan.processes]
    shared = [Part(*key, count) for key, count in Counter(between(plan)).items()]
    found = mapped([*own, *shared], sources, Options(family))
    by_layer: dict[str, Resources] = {}
    ports = Resources()
    for p in plan.processes:
        if isinstance(p, ReadPort | WritePort):
            ports += found[Part(p.name)]
        else:
            layer = plan.layers[p.node]
            by_layer[layer] = by_layer.get(layer, Resources()) + found[Part(p.name)]
    fifos = sum((found[part] * part.count for part in shared), Resources())
    total = sum(by_layer.values(), fifos + ports)
    layers = {name: row(resources) for name, resources in by_layer.items()}
    others: Table = {f"fifo_{key}": value for key, value in row(fifos).items()}
    others |= {f"port_{key}": value for key, value in row(ports).items()}
    version = installed_version(Program.YOSYS)
    how = f"measured: Yosys for {family.value}, each module synthesised alone and added up"
    sources_of = dict.fromkeys(row(total), how)
    return Measured(layers, row(total) | others, sources_of, versions={"yosys": version})


def between(plan: Dataflow) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
    """The modules of the top level that are no process, with their parameters."""
    fifos = [("qc_fifo", (("WIDTH", s.bits), ("DEPTH", plan.depths[s.name]))) for s in plan.streams]
    return fifos + [("qc_last", (("WORDS", port.stream.words),)) for port in plan.outputs]


def mapped(
    parts: list[Part], sources: Mapping[str, str], options: Options
) -> dict[Part, Resources]:
    """What each part takes, as many at once as there are cores."""

    def one(part: Part) -> Resources:
        return synthesise(part, sources, options).resources

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return dict(zip(parts, pool.map(one, parts), strict=True))
    except NotInstalled as error:
        raise CompileError(
            "measuring needs Yosys", at="--measure", help=f"{error.install}"
        ) from None


def row(found: Resources) -> Table:
    """As in report.json: memory in blocks of 36 kbit."""
    return {
        "lut": found.lut,
        "ff": found.ff,
        "bram36": float(found.bram36),
        "dsp": found.dsp,
    }
