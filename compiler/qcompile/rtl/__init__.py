"""Firmware on the RTL of CV32E40P with the mixed-precision unit, cycle by cycle."""

from qcompile.elf import Sizes
from qcompile.rtl.firmware import Firmware, FirmwareError, Isa, compile_firmware
from qcompile.rtl.hardware_loops import Finding, check_hardware_loops
from qcompile.rtl.packages import NotInstalled
from qcompile.rtl.run import FirmwareFault, Interrupts, Interval, Marker, Run, run
from qcompile.rtl.simulator import BuildError, rtl_revision, simulator

__all__ = [
    "BuildError",
    "Finding",
    "Firmware",
    "FirmwareError",
    "FirmwareFault",
    "Interrupts",
    "Interval",
    "Isa",
    "Marker",
    "NotInstalled",
    "Run",
    "Sizes",
    "check_hardware_loops",
    "compile_firmware",
    "rtl_revision",
    "run",
    "simulator",
]
