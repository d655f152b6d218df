"""certificate.json: the grids, and what is proved of every function that the code computes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile.model import IntegerModel, Port, Proof
from qcompile.source import Source

Table = dict[str, Any]


def certificate(source: Source, model: IntegerModel, version: str) -> str:
    """The text of `certificate.json`. Rationals are written exactly, as text: "3/128"."""
    return dump(
        {
            "qcompile": version,
            "model": {"name": source.name, "sha256": source.sha256},
            "semantics": source.semantics.value,
            "inputs": [grid(model, port) for port in model.inputs],
            "outputs": [grid(model, port) for port in model.outputs],
            "functions": [function(proof) for proof in model.proofs],
            "differences": sum(len(proof.differences) for proof in model.proofs),
            "notes": list(source.notes),
        }
    )


def grid(model: IntegerModel, port: Port) -> Table:
    """How a port's codes are read: real = unit·code + offset."""
    kind = model.type_of(port)
    return {
        "name": port.name,
        "shape": list(port.shape),
        "unit": [str(u) for u in port.unit.flat],
        "offset": [str(o) for o in port.offset.flat],
        "low": kind.low.tolist(),
        "high": kind.high.tolist(),
    }


def function(proof: Proof) -> Table:
    return {
        "layer": proof.node,
        "stands_for": proof.origin,
        "proved": proof.method,
        "channels_by_form": dict(sorted(proof.forms.items())),
        "groups": list(proof.constants),
        "differences": list(proof.differences),
    }


def dump(table: Table) -> str:
    """JSON with one fixed spelling, so that the same input gives the same bytes."""
    return spelled(table, "") + "\n"


def spelled(value: object, indent: str) -> str:
    """A value as JSON; lists and tables of plain values that fit stay on one line."""
    line = json.dumps(value, default=plain, ensure_ascii=False)
    if not isinstance(value, dict | list | tuple) or not value:
        return line
    nested = isinstance(value, dict) and not indent
    if not nested and len(line) + len(indent) <= 110:
        return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(str(k), ensure_ascii=False)}: {spelled(v, deeper)}"
            for k, v in value.items()
        ]
        return f"{{\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}}}"
    if not any(isinstance(v, dict | list | tuple) for v in value):
        return wrapped(value, indent)
    return f"[\n{deeper}" + f",\n{deeper}".join(spelled(v, deeper) for v in value) + f"\n{indent}]"


def wrapped(values: Sequence[object], indent: str) -> str:
    """A long list of plain values, as many on a line as fit."""
    lines = [indent + "  "]
    for word in (json.dumps(v, default=plain, ensure_ascii=False) + ", " for v in values):
        if len(lines[-1]) + len(word) > 110 and lines[-1].strip():
            lines.append(indent + "  ")
        lines[-1] += word
    body = "\n".join(line.rstrip() for line in lines).rstrip(",")
    return f"[\n{body}\n{indent}]"


def plain(value: object) -> object:
    """What JSON does not know: rationals as text, numpy's numbers and arrays as Python's."""
    match value:
        case Fraction():
            return str(value)
        case np.ndarray():
            return value.tolist()
        case np.generic():
            return value.item()
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} in a report")
