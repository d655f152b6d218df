"""report.json: its keys are stable; a figure that was not obtained is absent."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx

from qcompile.model import IntegerModel, Port
from qcompile.report.figures import layer_rows, totals
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


def limit_warnings(found: Table, target: Target) -> list[str]:
    """A sentence for each limit of the target that is exceeded or cannot be checked."""
    limits = asdict(target.limits)
    names = {"flash_bytes": "flash", "ram_bytes": "RAM"}
    out = []
    for key, name in names.items():
        has, needs = limits[key], found.get(key)
        if has is not None and needs is not None and needs > has:
            out.append(f"does not fit: {needs} bytes of {name}, and {target.name} has {has}")
    return out
