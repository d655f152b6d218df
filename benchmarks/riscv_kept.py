"""Figures that are kept as JSON: what stands in the file, of the same code, is not made again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.riscv_figures import fingerprint

Table = dict[str, Any]
ERROR = "error"  # key of what says why there are no figures


@dataclass(frozen=True)
class Kept:
    """A file of JSON lines; `keep` takes figures of other code as well."""

    path: Path
    keep: bool = False
    _rows: dict[str, Table] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, keep: bool) -> Kept:
        """The last line of each name counts."""
        lines = path.read_text().splitlines() if path.exists() else []
        rows = [json.loads(line) for line in lines]
        return cls(path, keep, {row["name"]: row for row in rows})

    def table(self, name: str, make: Callable[[], Table], code: str = "") -> Table:
        """What `make` gives; what goes wrong there is the table's `error`, and tried again.

        `code` identifies what decides the figures, if not all of the compiler does.
        """
        code = code or fingerprint()
        row = self._rows.get(name)
        if row is not None and ERROR not in row["figures"] and (self.keep or row["code"] == code):
            return dict(row["figures"])
        print(name, file=sys.stderr, flush=True)
        try:
            figures = make()
        except Exception as error:  # it stands in the tables
            figures = {ERROR: " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        self._rows[name] = {"name": name, "code": code, "figures": figures}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(self._rows[name]) + "\n")
        return figures
