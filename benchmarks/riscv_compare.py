"""The same network over RISC-V targets and widths, as `qcompile compare` prints it.

python -m benchmarks.riscv_compare
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.riscv_kept import ERROR, Table
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_tables import Part, show, table
from benchmarks.shapes import Shape, Widths, network
from qcompile.compare import compare
from qcompile.report.comparison import HEADER, comparison, row_cells
from qcompile.rtl import Isa

SHOWN = Shape.DSCNN
BITS = (8, 4, 2)
TARGETS = (Isa.RV32IMC, Isa.CV32E40P, Isa.MPIC)
FILE = "dscnn.onnx"


def rows_of(bits: int) -> Table:
    """What the command finds."""
    with tempfile.TemporaryDirectory(prefix="qcompile-compare-") as home:
        path = Path(home) / FILE
        network(SHOWN, Widths(bits, bits)).save(path)
        return {"rows": compare(path, [isa.value for isa in TARGETS])}


def compared(bench: Bench, folder: Path) -> Part:
    """The command, what it prints, and the same for narrower widths."""
    found: dict[int, list[Any]] = {}
    failed = []
    for bits in BITS:
        kept = bench.others.table(
            f"compare {SHOWN.value} a{bits}w{bits}", lambda b=bits: rows_of(b)
        )
        if ERROR in kept:
            failed.append(f"- a{bits}w{bits}: {kept[ERROR]}")
        else:
            found[bits] = kept["rows"]
    names = ",".join(isa.value for isa in TARGETS)
    shown = comparison(found[BITS[0]]) if BITS[0] in found else ""
    rows = [
        (
            f"a{bits}w{bits}",
            *(c for c, h in zip(row_cells(row), HEADER, strict=True) if h != "fits"),
        )
        for bits, each in found.items()
        for row in each
    ]
    header = " | ".join(("widths", *(h for h in HEADER if h != "fits")))
    text = (
        f"`qcompile compare` compiles a network for several targets and runs a vector on each. "
        f"{SHOWN.value} with random weights at {BITS[0]} bits throughout:\n\n"
        "```\n"
        f'$ python -c "from benchmarks.shapes import *; '
        f"network(Shape.{SHOWN.name}, Widths({BITS[0]}, {BITS[0]})).save('{FILE}')\"\n"
        f"$ qcompile compare {FILE} --targets {names}\n{shown}\n```\n\n"
        "The same at other widths:\n\n"
    )
    rest = "\n\nNot measured:\n\n" + "\n".join(failed) if failed else ""
    return Part("One network over targets and widths", text + table(header, rows) + rest)


if __name__ == "__main__":
    show(compared, __doc__)
