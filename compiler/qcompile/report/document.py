"""report.json: its keys are stable; a figure that was not obtained is absent."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx

from qcompile.errors import CompileError, CompileErrors
from qcompile.model import IntegerModel, Port
from qcompile.report.figures import layer_rows, totals
from qcompile.report.measured import Measured
from qcompile.source import Source
from qcompile.target import Target

Table = dict[str, Any]


def document(source: Source, model: IntegerModel, version: str) -> Table:
    """What is known of a network before any target."""
    rows = layer_rows(model)
    return {
        "qcompile": version,
        "model": {
            "name": source.name,
            "sha256": source.sha256,
            "dialect": source.dialect.value,
            "semantics": source.semantics.value,
        },
        "inputs": [port_row(model, port) for port in model.inputs],
        "outputs": [port_row(model, port) for port in model.outputs],
        "layers": rows,
        "totals": totals(rows, model),
        "notes": list(source.notes),
    }


def port_row(model: IntegerModel, port: Port) -> Table:
    """An input or output as the emitted code takes it; scale and zero point where they exist."""
    kind = model.type_of(port)
    row: Table = {
        "name": port.name,
        "tensor": port.real,
        "onnx_shape": list(port.shape),
        "shape": list(kind.shape),
        "layout": [int(a) for a in port.axes],
        "bits": kind.bits,
        "signed": kind.signed,
        "scale": [float(u) for u in port.unit.flat],
    }
    units, offsets = np.broadcast_arrays(port.unit, port.offset)
    zero_points = [-o / u for o, u in zip(offsets.flat, units.flat, strict=True)]
    if all(z.denominator == 1 for z in zero_points):
        row["zero_point"] = [int(z) for z in zero_points]
    return row


def target_row(target: Target) -> Table:
    """The target, without what is not known of it."""
    row: Table = {"name": target.name, "family": target.family.value, "title": target.title}
    if target.clock_mhz is not None:
        row["clock_mhz"] = target.clock_mhz
    if target.isa is not None:
        row["isa"] = target.isa.value
    limits = {k: v for k, v in asdict(target.limits).items() if v is not None}
    return row | ({"limits": limits} if limits else {})


def tools(target: Target, command: str, versions: Mapping[str, str], seed: int) -> Table:
    """What made the figures."""
    own = {"python": platform.python_version(), "numpy": np.__version__, "onnx": onnx.__version__}
    return {
        "versions": dict(sorted((own | dict(versions)).items())),
        "command": command,
        "seed": seed,
        "clock_source": target.clock_source.value,
    }


def joined(report: Table, found: Measured) -> Table:
    """The report with what was measured of its layers and of the whole."""
    rows = [row | found.layers.get(row["node"], {}) for row in report["layers"]]
    rows = [with_rate(row) for row in (*rows, *found.others)]
    for row in rows:
        row.pop("node", None)
    totals = with_rate(report["totals"] | found.totals)
    return report | {"layers": rows, "totals": totals, "sources": found.sources}


def with_rate(row: Table) -> Table:
    """With multiply-accumulates a cycle, where cycles were measured."""
    if not row.get("cycles") or not row["macs"]:
        return row
    return row | {"macs_per_cycle": round(row["macs"] / row["cycles"], 3)}


LIMITED = {
    "flash_bytes": ("bytes of flash", "; or give --flash if there is more"),
    "ram_bytes": ("bytes of RAM", "; or give --ram if there is more"),
    "lut": ("LUTs", ""),
    "ff": ("flip-flops", ""),
    "bram36": ("BRAM36", ""),
    "dsp": ("DSPs", ""),
}
SMALLER = {True: "use a smaller network", False: "ask for a lower --fps"}


def check_limits(found: Measured, target: Target) -> None:
    """Raises CompileError where the code needs more than the target has."""
    limits = asdict(target.limits)
    errors = []
    for key, (name, option) in LIMITED.items():
        has, needs = limits[key], found.totals.get(key)
        if has is None or needs is None or needs <= has:
            continue
        cause = found.causes.get(key, SMALLER[key.endswith("bytes")])
        errors.append(
            CompileError(
                f"does not fit: {needs} {name}, {needs - has} more than the {has} of {target.name}",
                at=f"--target {target.name}",
                help=f"{cause}{option}",
            )
        )
    CompileErrors.check(errors)
