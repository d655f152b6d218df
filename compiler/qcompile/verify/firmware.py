"""The emitted C as firmware on the core's RTL: run on vectors, counted layer by layer."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qcompile.emit.c import c_environment
from qcompile.errors import CompileError
from qcompile.plan.c_plan import CPlan
from qcompile.qtype import Ints
from qcompile.rtl import (
    BuildError,
    Firmware,
    FirmwareError,
    FirmwareFault,
    NotInstalled,
    Run,
    check_hardware_loops,
    compile_firmware,
    rtl_revision,
    run,
)
from qcompile.verify.counts import Inference, Measurement, inferences, total
from qcompile.verify.host import pack, step_values, structure, unpack, values_by_node
from qcompile.verify.run import FAULT, Missing
from qcompile.verify.toolchain import write_files

WINDOW_BYTES = 64 << 20  # of the exchange window
HEAD_BYTES = 64
ALIGNMENT = 64
ENDLESS = 1 << 40  # cycles; no vector takes as long, whatever the network
TOO_LARGE = "will not fit in region"  # the linker's words
FLAGS = ("-std=c99",)
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """Where things are in the exchange window, in bytes from its start."""

    samples: int
    input_bytes: int  # of all samples; so are the others
    output_bytes: int
    value_bytes: int = 0

    @property
    def outputs(self) -> int:
        return aligned(HEAD_BYTES + self.input_bytes)

    @property
    def values(self) -> int:
        return aligned(self.outputs + self.output_bytes)

    @property
    def made(self) -> tuple[int, int]:
        """(offset, bytes) of what the firmware writes."""
        return self.outputs, self.values + self.value_bytes - self.outputs

    @property
    def head(self) -> bytes:
        words = struct.pack("<4I", self.samples, HEAD_BYTES, self.outputs, self.values)
        return words.ljust(HEAD_BYTES, b"\0")


class FirmwareRunner:
    """A C project as firmware for the instruction set of its plan.

    `inferences` has the counts of each inference that `run` did so far.
    """

    def __init__(self, plan: CPlan, files: Mapping[str, str], flash_wait: int = 0) -> None:
        """Compile `files` (of `emit_plan`).

        Raises Missing where a package is not installed or the system's memory is too small, and
        CompileError where the compiler refuses the code.
        """
        self._home = tempfile.TemporaryDirectory(prefix="qcompile-rtl-")
        self._folder = Path(self._home.name)
        self._plan, self._wait = plan, flash_wait
        write_files(self._folder, {**files, **firmware_sources(plan)})
        self._input, self._output = structure(plan.inputs), structure(plan.outputs)
        self._plain = self._compile()
        self._tracing: Firmware | None = None
        self.inferences: list[Inference] = []
        self.stack_bytes = 0

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Outputs by port name for input codes by port name, int64 [samples, *stored shape]."""
        given = pack(self._plan.inputs, self._input, codes)
        each = self._input.itemsize + self._output.itemsize
        most = max((WINDOW_BYTES - HEAD_BYTES - 2 * ALIGNMENT) // each, 1)
        parts = []
        for start in range(0, len(given), most):
            part = given[start : start + most]
            done = self._run(self._plain, part, Window(len(part), part.nbytes, self._bytes(part)))
            self.inferences += inferences(done.intervals)
            self.stack_bytes = max(self.stack_bytes, done.stack_bytes)
            parts.append(np.frombuffer(done.output, self._output, len(part)))
        return unpack(self._plan.outputs, np.concatenate(parts))

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """The value of every step by the name of its node, in the order of execution."""
        if self._tracing is None:
            self._tracing = self._compile(f"-D{self._plan.prefix.upper()}_TRACE")
        kind = step_values(self._plan)
        given = pack(self._plan.inputs, self._input, codes)
        traced = len(given) * kind.itemsize
        window = Window(len(given), given.nbytes, self._bytes(given), traced)
        done = self._run(self._tracing, given, window)
        start = window.values - window.outputs
        return values_by_node(self._plan, np.frombuffer(done.output, kind, len(given), start))

    def measurement(self) -> Measurement:
        """What was counted while `run` ran; the layers are those of its first vector."""
        cycles = [total(steps).cycles for steps in self.inferences]
        return Measurement(
            self.inferences[0],
            min(cycles),
            max(cycles),
            len(cycles),
            self.stack_bytes,
            rtl_revision(),
        )

    def _bytes(self, given: NDArray[Any]) -> int:
        return len(given) * self._output.itemsize

    def _compile(self, *flags: str) -> Firmware:
        plan = self._plan
        names = (f"{plan.prefix}.c", f"{plan.prefix}_weights.c", "verify/firmware.c")
        mark = ("-include", str(self._folder / "verify/mark.h"))
        made = told(
            lambda: compile_firmware(
                [self._folder / name for name in names], plan.isa, flags=[*FLAGS, *mark, *flags]
            )
        )
        check_loops(made)
        return made

    def _run(self, firmware: Firmware, given: NDArray[Any], window: Window) -> Run:
        content = window.head + given.tobytes()
        done = told(
            lambda: run(
                firmware,
                content,
                output=window.made,
                flash_wait=self._wait,
                max_cycles=ENDLESS,
            )
        )
        assert done.exit_code == 0, "the firmware refuses its arguments"
        return done


def told(work: Callable[[], T]) -> T:
    """What `work` makes; what goes wrong in it as Missing or as a CompileError."""
    try:
        return work()
    except NotInstalled as missing:
        raise Missing(f"install {missing.install}") from None
    except BuildError as error:
        raise Missing(f"the simulator cannot be built: {said(str(error))}") from None
    except FirmwareError as error:
        if TOO_LARGE in str(error):
            raise Missing("the simulated system has 4 MB of flash and 1 MB of RAM") from None
        raise CompileError(
            f"the RISC-V compiler refuses the generated code: {said(str(error))}",
            at="the firmware for the RTL",
            help="please report this, with the model",
        ) from None
    except FirmwareFault as fault:
        raise CompileError(
            f"the firmware fails: {fault.what}", at="the firmware on the RTL", help=FAULT
        ) from None


def check_loops(firmware: Firmware) -> None:
    """Raises CompileError for a hardware loop that breaks a rule; the core does not trap."""
    for finding in check_hardware_loops(firmware):
        raise CompileError(f"a hardware loop is wrong: {finding}", at="the firmware", help=FAULT)


def said(text: str) -> str:
    """The first line of a compiler's words that names an error."""
    lines = text.strip().splitlines() or ["no message"]
    return next((line for line in lines if "error" in line), lines[0])


def firmware_sources(plan: CPlan) -> dict[str, str]:
    """The program that runs the inferences, by path."""
    templates = c_environment()
    context = {"name": plan.prefix, "upper": plan.prefix.upper()}
    return {
        f"verify/{name}": templates.get_template(f"verify/{name}.j2").render(context)
        for name in ("firmware.c", "mark.h")
    }


def aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
