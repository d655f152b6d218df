"""The emitted C under several compilers: warnings, and sanitizers on this machine.

python -m benchmarks.riscv_compilers
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.riscv_kept import ERROR, Table
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import Subject, generated, trained
from benchmarks.riscv_tables import Goal, Part, show, table
from benchmarks.shapes import Shape, Widths
from qcompile.backends import emit_for_c
from qcompile.model import IntegerModel
from qcompile.rtl import Isa
from qcompile.verify.toolchain import write_files
from qcompile.verify.vectors import vectors

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")
SOURCES = ("net.c", "net_weights.c")
SELFTEST = (*SOURCES, "selftest.c", "-DNET_TRACE", "-DNET_SELFTEST_MAIN")
RISCV_GCC = ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "-ffreestanding")
ZIG = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined")


@dataclass(frozen=True)
class Compiler:
    """A command, and what it compiles for."""

    title: str
    command: tuple[str, ...]


def compilers(isa: Isa) -> tuple[Compiler, ...]:
    """Two for this machine, portable code; two that make the instructions of `isa`."""
    macros = (f"-D{macro}=1" for macro in isa.macros)
    return (
        Compiler("gcc", ("gcc",)),
        Compiler("clang", ZIG),
        Compiler("riscv64-unknown-elf-gcc", (*RISCV_GCC, *macros)),
        Compiler("clang for RISC-V", (*ZIG, *isa.flags)),
    )


def compiled(model: IntegerModel, isa: Isa) -> Table:
    """Lines with warnings or errors by compiler; None where it is not installed."""
    project = emit_for_c(model, "net", vectors(model, 1), isa)
    with tempfile.TemporaryDirectory(prefix="qcompile-compilers-") as home:
        write_files(Path(home), project.files)
        found = {c.title: complaints(c.command, Path(home)) for c in compilers(isa)}
        return {"warnings": found, "sanitized": sanitized(Path(home))}


def complaints(command: Sequence[str], home: Path) -> int | None:
    if shutil.which(command[0]) is None:
        return None
    done = run([*command, *FLAGS, "-c", *SOURCES], home)
    said = [line for line in done.stderr.splitlines() if "warning:" in line or "error:" in line]
    return max(len(said), done.returncode != 0)


def sanitized(home: Path) -> str:
    """What the self-test of every layer says, with sanitizers in it."""
    built = run(["gcc", *FLAGS, *SANITIZERS, *SELFTEST, "-o", "selftest"], home)
    if built.returncode:
        return built.stderr.splitlines()[0]
    done = run([str(home / "selftest")], home)
    return "clean" if done.returncode == 0 and not done.stderr else done.stderr[:200] or "fails"


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)


def subjects(folder: Path) -> list[Subject]:
    mixtures = [generated(shape, Widths(4, None)) for shape in (Shape.RESNET8, Shape.DSCNN)]
    return [*(trained(shape, folder) for shape in Shape), *mixtures]


def warnings(bench: Bench, folder: Path) -> Part:
    """No compiler warns, and no sanitizer finds anything."""
    rows, goals = [], []
    for subject in subjects(folder):
        for isa in Isa:
            name = f"{subject.name} for {isa.value}"
            found = bench.others.table(
                f"compilers: {name}", lambda s=subject, i=isa: compiled(bench.model(s), i)
            )
            if ERROR in found:
                rows.append((subject.title, isa.value, *[""] * len(compilers(isa)), found[ERROR]))
                continue
            counts = ["not installed" if n is None else n for n in found["warnings"].values()]
            rows.append((subject.title, isa.value, *counts, found["sanitized"]))
    clean = sum(all(n == 0 for n in row[2:-1]) and row[-1] == "clean" for row in rows)
    what = "projects without a warning, clean in the sanitizers"
    goals.append(Goal(what, len(rows), clean, digits=0))
    text = (
        f"Warnings and errors with `{' '.join(FLAGS)}`, and the self-test of each project, which "
        "compares every layer, with the address and undefined-behaviour sanitizers of gcc. The "
        "first two compile portable C, the others the instructions of the target.\n\n"
    )
    titles = [c.title for c in compilers(Isa.MPIC)]
    header = " | ".join(("network", "code for", *titles, "sanitizers"))
    return Part("Compilers", text + table(header, rows), tuple(goals))


if __name__ == "__main__":
    show(warnings, __doc__)
