"""The compilers that verification and the report use: this machine's, and ziglang for RISC-V."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from qcompile.elf import Sizes, sizes
from qcompile.errors import CompileError
from qcompile.rtl import Isa

OPTIMISATION = ("-std=c99", "-O2")


def host_compiler() -> list[str]:
    """The command of this machine's C compiler: $CC, or cc, gcc or clang.

    Raises CompileError where there is none.
    """
    named = os.environ.get("CC")
    if named:
        return shlex.split(named)
    found = next((p for p in map(shutil.which, ("cc", "gcc", "clang")) if p), None)
    if found is None:
        raise CompileError(
            "verification needs a C compiler",
            at="this machine",
            help="install gcc or clang, or compile with --no-verify",
        )
    return [found]


def riscv_compiler(isa: Isa = Isa.RV32IMC) -> list[str] | None:
    """The command that compiles C for a 32-bit RISC-V core, or None without `ziglang`."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    return [sys.executable, "-m", "ziglang", "cc", *isa.flags, "-fno-sanitize=undefined"]


def riscv_version() -> str | None:
    """Which compiler makes the RISC-V figures, for the report."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    command = [sys.executable, "-m", "ziglang", "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"zig {done.stdout.strip()}" if done.returncode == 0 else None


def riscv_sizes(files: Mapping[str, str], prefix: str, isa: Isa = Isa.RV32IMC) -> Sizes | None:
    """Sections of a project compiled for `isa`; None where `ziglang` is not installed.

    `files` are those of `emit_c`, `prefix` its name. Code that the compiler itself brings, such as
    64-bit division, is not part of it.
    """
    compiler = riscv_compiler(isa)
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory(prefix="qcompile-riscv-") as home:
        folder = Path(home)
        write_files(folder, files)
        total = Sizes()
        for source in (f"{prefix}.c", f"{prefix}_weights.c"):
            target = Path(source).with_suffix(".o").name
            command = [*compiler, *OPTIMISATION, "-c", source, "-o", target]
            run_tool(command, folder, "the RISC-V compiler")
            total += sizes((folder / target).read_bytes())
        return total


def run_tool(command: list[str], folder: Path, what: str) -> None:
    """Run a compiler in `folder`; raises CompileError with what it says where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        lines = [line for line in said if "error" in line] or said
        raise CompileError(
            f"{what} refuses the generated code: {lines[0] if lines else 'no message'}",
            at=shlex.join(command),
            help="please report this, with the model",
        )


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write a project's text by path."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
