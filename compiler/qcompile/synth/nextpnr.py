"""Place and route a design for a Lattice ECP5: does it fit, and how fast does it run?"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from qcompile.synth.cells import Family
from qcompile.synth.program import Program, ToolError, run, warnings
from qcompile.synth.sources import needed
from qcompile.synth.yosys import Options, Part, netlist_script, write

# A line such as "Info:  TRELLIS_COMB:  37/ 24288  0%".
_USE = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)


class Device(Enum):
    """LFE5U parts, by thousands of LUTs."""

    LFE5U_12F = "--12k"
    LFE5U_25F = "--25k"
    LFE5U_45F = "--45k"
    LFE5U_85F = "--85k"


class Package(Enum):
    """Packages; not every part comes in each."""

    CABGA256 = "CABGA256"
    CSFBGA285 = "CSFBGA285"
    CABGA381 = "CABGA381"
    CABGA554 = "CABGA554"
    CABGA756 = "CABGA756"


@dataclass(frozen=True, slots=True)
class Site:
    """A part with its package and speed grade (6, 7 or the fastest, 8)."""

    device: Device = Device.LFE5U_25F
    package: Package = Package.CABGA381
    speed: int = 6


@dataclass(frozen=True, slots=True)
class Use:
    """So many sites of one type are taken, of so many that the part has."""

    name: str
    used: int
    available: int

    def __str__(self) -> str:
        return f"{self.used} {self.name} of {self.available}"


@dataclass(frozen=True, slots=True)
class Placement:
    """A routed design. `fmax` in MHz is None where no path goes from register to register."""

    clock: float
    fmax: float | None
    utilisation: tuple[Use, ...]
    warnings: tuple[str, ...]

    @property
    def meets_clock(self) -> bool:
        return self.fmax is None or self.fmax >= self.clock


class DoesNotFit(ToolError):
    """The part is too small; `over` says of what it has too few."""

    def __init__(self, over: tuple[Use, ...], log: str) -> None:
        super().__init__("does not fit: " + ", ".join(map(str, over)), log)
        self.over = over


def place_and_route(
    part: Part,
    sources: Mapping[str, str],
    site: Site,
    clock: float,
    *,
    dsp: bool = True,
    pins: bool = True,
    seed: int = 1,
    seconds: float | None = None,
) -> Placement:
    """Synthesise a module as the top, place it and route it for a clock in MHz.

    A missed clock is no error: compare `fmax`. Without `pins` the ports stay inside the chip, for
    a block that has more of them than the package. Pins are placed freely. One seed gives one
    result. `seconds` holds for each of the two programs. Raises NotInstalled, DoesNotFit,
    ToolError and NoSuchModule.
    """
    literals = tuple(value for _, value in part.parameters if isinstance(value, str))
    files = needed(part.module, sources, literals)
    script = netlist_script(part, list(files), Options(Family.ECP5, dsp=dsp))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write(files, home)
        (home / "run.ys").write_text(script + "write_json netlist.json\n", encoding="utf-8")
        run(Program.YOSYS, ["-s", "run.ys"], home, seconds)
        arguments = [site.device.value, "--package", site.package.value]
        arguments += ["--speed", str(site.speed), "--freq", f"{clock:g}", "--seed", str(seed)]
        arguments += ["--json", "netlist.json", "--report", "report.json"]
        arguments += ["--lpf-allow-unconstrained" if pins else "--out-of-context"]
        try:
            log = run(Program.NEXTPNR_ECP5, [*arguments, "--timing-allow-fail"], home, seconds)
        except ToolError as error:
            raise _explained(error) from None
        report = json.loads((home / "report.json").read_text(encoding="utf-8"))
    return _placement(report, clock, warnings(log))


def _placement(report: dict[str, Any], clock: float, warned: tuple[str, ...]) -> Placement:
    reached = [entry["achieved"] for entry in report["fmax"].values()]
    uses = report["utilization"].items()
    taken = tuple(Use(name, u["used"], u["available"]) for name, u in sorted(uses) if u["used"])
    return Placement(clock, min(reached, default=None), taken, warned)


def _explained(error: ToolError) -> ToolError:
    """The tool names one cell that found no place; its table says what there is too little of."""
    uses = (Use(name, int(used), int(has)) for name, used, has in _USE.findall(error.log))
    over = tuple(use for use in uses if use.used > use.available)
    return DoesNotFit(over, error.log) if over else error
