"""Run firmware on the core's RTL and read what it did."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcompile.rtl.firmware import Firmware
from qcompile.rtl.simulator import simulator

# Two markers with nothing between them are this far apart (QC_MARK in qc_system.h).
MARK_CYCLES, MARK_INSTRUCTIONS, MARK_STORES = 3, 3, 1

CAUSES = {
    0: "misaligned fetch",
    1: "fetch fault",
    2: "illegal instruction",
    3: "breakpoint",
    11: "environment call",
}


class FirmwareFault(Exception):
    """The firmware did not reach its end: a trap, an access outside memory, or too many cycles."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__(f"{what}; it had printed: {text!r}" if text else what)
        self.what = what
        self.text = text


@dataclass(frozen=True)
class Marker:
    """The counters when the firmware wrote MARK; loads and stores are accesses of the data bus."""

    id: int
    cycles: int
    instructions: int
    loads: int
    stores: int


@dataclass(frozen=True)
class Interval:
    """What was done from one marker, whose id it has, to the next; less the marker itself."""

    id: int
    cycles: int
    instructions: int
    loads: int
    stores: int


@dataclass(frozen=True)
class Interrupts:
    """The timer interrupt after intervals drawn from `shortest` to `longest` cycles.

    Cycles count in which interrupts are enabled, so not those of the handler, which starts the next
    interval with qc_timer(0). With wait states, `shortest` must leave time to fetch an instruction,
    or the program does not get on.
    """

    shortest: int
    longest: int
    seed: int = 0


@dataclass(frozen=True)
class Run:
    """A run that ended with EXIT. Cycles count from reset; `stack_bytes` is the deepest stack."""

    exit_code: int
    cycles: int
    instructions: int
    text: str
    markers: tuple[Marker, ...]
    output: bytes
    stack_bytes: int

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The stretches between consecutive markers; exact with zero-wait memory."""
        return tuple(
            Interval(
                a.id,
                b.cycles - a.cycles - MARK_CYCLES,
                b.instructions - a.instructions - MARK_INSTRUCTIONS,
                b.loads - a.loads,
                b.stores - a.stores - MARK_STORES,
            )
            for a, b in zip(self.markers, self.markers[1:], strict=False)
        )


def run(
    firmware: Firmware,
    exchange: bytes = b"",
    *,
    output: tuple[int, int] = (0, 0),
    flash_wait: int = 0,
    max_cycles: int = 1_000_000_000,
    interrupts: Interrupts | None = None,
) -> Run:
    """Run `firmware` with `exchange` at the start of the exchange window.

    `output` is (offset, bytes) of the window to read after the end. `flash_wait` delays each fetch
    and load from flash by so many cycles. Raises NotInstalled without the packages, and
    FirmwareFault where the firmware fails.
    """
    program = simulator()
    with tempfile.TemporaryDirectory(prefix="qcompile-run-") as home:
        image, before, after = (Path(home) / name for name in ("flash", "before", "after"))
        image.write_bytes(firmware.image)
        before.write_bytes(exchange)
        options: dict[str, str | int | Path] = {
            "image": image,
            "input": before,
            "output": after,
            "output-offset": output[0],
            "output-bytes": output[1],
            "wait": flash_wait,
            "unit": firmware.isa.unit,
            "max-cycles": max_cycles,
            "stack-limit": firmware.address("__bss_end"),
        }
        if interrupts:
            options["interrupt-min"] = interrupts.shortest
            options["interrupt-max"] = interrupts.longest
            options["seed"] = interrupts.seed
        command = [str(program)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise ValueError(f"the simulator refuses: {done.stderr.strip()}")
        said = json.loads(done.stdout)
        if said["fault"]:
            raise FirmwareFault(_fault(firmware, said), said["text"])
        return _result(said, after.read_bytes())


def _result(said: dict[str, Any], output: bytes) -> Run:
    return Run(
        exit_code=said["exit_code"],
        cycles=said["cycles"],
        instructions=said["instructions"],
        text=said["text"],
        markers=tuple(Marker(*values) for values in said["markers"]),
        output=output,
        stack_bytes=said["stack_bytes"],
    )


def _fault(firmware: Firmware, said: dict[str, Any]) -> str:
    """One line about what went wrong and where."""
    what, place = said["fault"], firmware.place(said["pc"])
    if what == "trap":
        cause = CAUSES.get(said["cause"], f"trap with mcause {said['cause']}")
        return f"{cause} at {place} (pc {said['pc']:#x}, word {said['word']:#010x})"
    if what == "too many cycles":
        return f"no end after {said['cycles']} cycles"
    return f"{what}: {said['address']:#x}, by {place} (pc {said['pc']:#x})"
