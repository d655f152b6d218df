"""Measured resources and clocks of the RTL: Yosys, and nextpnr for ECP5, from Python packages."""

from qcompile.rtl.packages import NotInstalled
from qcompile.synth.cells import Family, Resources, UnknownCell
from qcompile.synth.nextpnr import (
    Device,
    DoesNotFit,
    Package,
    Placement,
    Site,
    Use,
    place_and_route,
)
from qcompile.synth.program import ToolError
from qcompile.synth.sources import NoSuchModule
from qcompile.synth.yosys import Measured, Options, Part, Synthesis, measure, synthesise

__all__ = [
    "Device",
    "DoesNotFit",
    "Family",
    "Measured",
    "NoSuchModule",
    "NotInstalled",
    "Options",
    "Package",
    "Part",
    "Placement",
    "Resources",
    "Site",
    "Synthesis",
    "ToolError",
    "UnknownCell",
    "Use",
    "measure",
    "place_and_route",
    "synthesise",
]
