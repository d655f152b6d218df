"""Compile C and assembly for the simulated system, with `ziglang`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path

from qcompile.elf import Sizes, Symbol, segments, sizes, symbols
from qcompile.resources import folder
from qcompile.rtl.packages import package

FLASH_BYTES = 4 << 20
WINDOW = 0x20000000  # where what is no memory of the system begins
START = ("crt0.S", "interrupt.S", "runtime.c")
XCV = "+xcvalu+xcvbi+xcvbitmanip+xcvmac+xcvmem+xcvsimd"


class Isa(Enum):
    """An instruction set of the system: its macros, and what of the unit it may use."""

    RV32IMC = "rv32imc"
    CV32E40P = "cv32e40p"
    MPIC = "mpic"
    MPIC_Q = "mpic-q"

    @property
    def macros(self) -> tuple[str, ...]:
        """Preprocessor macros that say what kernels may use."""
        return {
            Isa.RV32IMC: (),
            Isa.CV32E40P: ("QC_ISA_XCV",),
            Isa.MPIC: ("QC_ISA_XCV", "QC_ISA_MPIC"),
            Isa.MPIC_Q: ("QC_ISA_XCV", "QC_ISA_MPIC", "QC_ISA_MPIC_Q"),
        }[self]

    @property
    def unit(self) -> int:
        """What the mixed-precision unit does: 0 nothing, 1 dot products, 2 requantization too."""
        return {Isa.MPIC: 1, Isa.MPIC_Q: 2}.get(self, 0)

    @property
    def flags(self) -> tuple[str, ...]:
        """Arguments of the compiler."""
        extensions = "" if self is Isa.RV32IMC else XCV
        return (
            "-target",
            "riscv32-freestanding",
            f"-mcpu=generic_rv32+m+c{extensions}",
            *(f"-D{macro}=1" for macro in self.macros),
        )


class FirmwareError(Exception):
    """The compiler or linker refuses; the text is what it said."""


@dataclass(frozen=True)
class Firmware:
    """A linked program: `elf` is the file, `image` what flash holds from address 0."""

    isa: Isa
    elf: bytes
    image: bytes

    @cached_property
    def sizes(self) -> Sizes:
        """Of flash and RAM, start-up code among them; the stack is measured by running."""
        return sizes(self.elf, WINDOW)

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        return symbols(self.elf)

    def address(self, name: str) -> int:
        """The address of a symbol; raises KeyError where there is none of that name."""
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol.address
        raise KeyError(name)

    def place(self, address: int) -> str:
        """`function+offset` of an address of code, for messages."""
        for symbol in self.symbols:
            if symbol.function and symbol.address <= address < symbol.address + symbol.size:
                return f"{symbol.name}+{address - symbol.address:#x}"
        return f"{address:#x}"


def compile_firmware(
    sources: Sequence[Path],
    isa: Isa,
    *,
    optimise: int = 2,
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
) -> Firmware:
    """Compile and link `sources` (.c, .S) with the start-up code of the system.

    The program defines `int main(void)`; what it returns is the exit code. `qc_system.h` is on the
    include path. `optimise` is the compiler's level (to `ziglang`, 2 and 3 are the same);
    `flags` come after it and may change it, to -Os for one. Raises NotInstalled without `ziglang`,
    and FirmwareError with the compiler's words when it refuses.
    """
    package("ziglang")
    own = folder("verilator")
    with tempfile.TemporaryDirectory(prefix="qcompile-firmware-") as home:
        program = Path(home) / "firmware.elf"
        command: list[str | Path] = [sys.executable, "-m", "ziglang", "cc", *isa.flags]
        command += [f"-O{optimise}", "-ffreestanding", "-fno-sanitize=undefined", *flags]
        command += [f"-I{own}", *(f"-I{path}" for path in include)]
        command += ["-T", own / "link.ld", "-o", program, *sources, *(own / n for n in START)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FirmwareError(done.stderr.strip() or "the compiler gives no message")
        elf = program.read_bytes()
    return Firmware(isa, elf, flash_image(elf))


def flash_image(elf: bytes) -> bytes:
    """What flash holds, from address 0; raises FirmwareError where a part lies elsewhere."""
    parts = sorted(segments(elf), key=lambda part: part.address)
    image = bytearray()
    for part in parts:
        if part.address + len(part.content) > FLASH_BYTES:
            raise FirmwareError(f"bytes at {part.address:#x}, which is not flash")
        image += bytes(part.address - len(image)) + part.content
    return bytes(image)
