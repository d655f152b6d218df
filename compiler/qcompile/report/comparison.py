"""The table of `qcompile compare`: one line a target."""

from __future__ import annotations

from typing import Any

from qcompile.report.summary import aligned, count, size

Table = dict[str, Any]

HEADER = ("target", "fits", "cycles", "MAC/cycle", "latency", "energy", "flash", "RAM")


def comparison(rows: list[Table]) -> str:
    """The table, and where its cycles come from."""
    cells = [HEADER, *(row_cells(row) for row in rows)]
    widths = [max(len(cell[i]) for cell in cells) for i in range(len(HEADER))]
    lines = [aligned(cell, widths) for cell in cells]
    lines += ["", *(f"{row['target']}: {row['sources']['cycles']}" for row in rows)]
    models = dict.fromkeys(
        row["sources"]["energy_uj"] for row in rows if "energy_uj" in row["sources"]
    )
    return "\n".join([*lines, *(f"energy: {text}" for text in models)])


def row_cells(row: Table) -> tuple[str, ...]:
    """What is not known stays empty."""
    totals = row["totals"]
    spelled = {
        "cycles": count,
        "macs_per_cycle": "{:.2f}".format,
        "latency_ms": "{:.3g} ms".format,
        "energy_uj": "{:.3g} uJ".format,
        "flash_bytes": size,
        "ram_bytes": size,
    }
    figures = (spell(totals[key]) if key in totals else "" for key, spell in spelled.items())
    return (row["target"], "yes" if row["fits"] else "no", *figures)
