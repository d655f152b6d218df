"""folding.json: the folds of a design, written beside it and accepted back, whole or in part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qcompile.errors import CompileError
from qcompile.plan.folding import Fold

FILE = "folding.json"
VERSION = 1
EXAMPLE = '{"version": 1, "layers": {"conv1": {"pe": 4, "simd": 8}}}'


def folding_text(target: int, folds: Mapping[str, Fold]) -> str:
    """The file: cycles that were aimed at, and the fold of each layer with weights."""
    layers = {name: {"pe": f.pe, "simd": f.simd} for name, f in sorted(folds.items())}
    table = {"version": VERSION, "target_cycles": target, "layers": layers}
    return json.dumps(table, indent=2) + "\n"


def read_folding(path: Path) -> dict[str, Fold]:
    """The folds of a file, by layer. Raises CompileError where it is not such a file."""
    try:
        table = json.loads(path.read_text())
    except OSError as error:
        raise CompileError(
            f"the folding cannot be read: {error.strerror}", at=str(path), help="check the path"
        ) from None
    except ValueError as error:
        raise CompileError(f"not JSON: {error}", at=str(path), help=f"like {EXAMPLE}") from None
    layers = table.get("layers") if isinstance(table, dict) else None
    if not isinstance(layers, dict) or table.get("version") != VERSION:
        raise CompileError(
            f"not a folding of version {VERSION}", at=str(path), help=f"like {EXAMPLE}"
        )
    return {name: _fold(path, name, row) for name, row in layers.items()}


def _fold(path: Path, name: str, row: Any) -> Fold:
    """Counts of at least 1."""
    if isinstance(row, dict) and set(row) == {"pe", "simd"}:
        pe, simd = row["pe"], row["simd"]
        if type(pe) is int and type(simd) is int and min(pe, simd) >= 1:
            return Fold(pe, simd)
    raise CompileError(
        f"the fold of {name!r} is {json.dumps(row)}", at=str(path), help=f"like {EXAMPLE}"
    )
