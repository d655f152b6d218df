"""The results of a comparison: kept as JSON, printed as a table."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path


class Status(Enum):
    """How a comparison ended."""

    EQUAL = "equal"  # in every element
    EXPLAINED = "explained"  # every difference has the reason that is stated
    DIFFERS = "DIFFERS"
    ERROR = "ERROR"
    REJECTED = "rejected"  # a clear error, and out of scope


@dataclass(frozen=True)
class Row:
    """A model and what it was compared with."""

    family: str
    model: str
    reference: str
    status: Status
    samples: int = 0
    tensors: int = 0
    elements: int = 0
    differing: int = 0
    unexplained: int = 0
    end_to_end: str = ""  # reported, not judged
    note: str = ""


HEADER = (
    "| model | compared with | result | samples | tensors | elements | differing | unexplained "
    "| end to end | note |"
)


def save(folder: Path, row: Row) -> None:
    """Keep a row, so that tables can be put together without running again."""
    folder.mkdir(parents=True, exist_ok=True)
    data = asdict(row) | {"status": row.status.value}
    name = f"{row.family}_{row.model}".replace("/", "__")
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")


def load(folder: Path) -> list[Row]:
    rows = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        rows.append(Row(**data | {"status": Status(data["status"])}))
    return rows


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(rows: list[Row]) -> str:
    """The rows of one family as Markdown."""
    lines = [HEADER, "|" + "---|" * HEADER.count("| ")]
    for row in rows:
        cells = (
            row.model,
            row.reference,
            row.status.value,
            row.samples or "",
            row.tensors or "",
            f"{row.elements:,}" if row.elements else "",
            row.differing if row.elements else "",
            row.unexplained if row.elements else "",
            row.end_to_end,
            row.note,
        )
        lines.append("| " + " | ".join(map(cell, cells)) + " |")
    return "\n".join(lines)


def totals(rows: list[Row]) -> str:
    """How many models ended how."""
    counts = Counter(row.status for row in rows)
    return ", ".join(f"{counts[s]} {s.value}" for s in Status if counts[s])
