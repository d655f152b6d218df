"""RTL simulation of an emitted SystemVerilog project: Verilator, every bit and every cycle."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from qcompile.emit.hls import lines
from qcompile.emit.rtl import emit_rtl
from qcompile.model import IntegerModel
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.streams import AxisPort, Stream
from qcompile.plan.token_kernel import Array, Bits
from qcompile.qtype import Ints
from qcompile.rtl.packages import cxx_compiler, package
from qcompile.rtl.simulator import cache_folder, lock, run_together

VERILATE = ("--cc", "--no-timing", "--no-assert", "-O3", "-Wno-lint", "--x-assign", "unique")
SPLIT = ("--output-split", "40000", "--output-split-cfuncs", "4000")
COMPILE = ("-std=c++17", "-O1", "-DVL_TIME_CONTEXT")
RUNTIME = ("verilated", "verilated_threads")


@dataclass(frozen=True, eq=False)
class Ran:
    """What came out, and when: cycles from the release of the reset on."""

    outputs: dict[str, Ints]  # by port name, int64 [count, *stored]
    given: dict[str, Array]  # cycles in which words of each input port were taken, by its stream
    taken: dict[str, Array]  # of output ports, likewise
    written: dict[str, Array]  # of every stream inside; only of a trace build
    words: dict[str, list[int]]  # what was written


class Verilated:
    """A built project. The folder with it lives as long as this object."""

    def __init__(
        self, model: IntegerModel, plan: Dataflow, name: str = "net", trace: bool = False
    ) -> None:
        """Emit, verilate, compile; raises NotInstalled without a tool, BuildError if one fails.

        A trace build also tells when every word of every stream was written, and what it was.
        """
        self._model, self._plan, self._name, self._trace = model, plan, name, trace
        self._home = tempfile.TemporaryDirectory(prefix="qcompile-rtl-")
        self._folder = Path(self._home.name)
        for path, text in emit_rtl(name, plan).items():
            place = self._folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        (self._folder / "trace").mkdir()
        build(self._folder, name, trace)

    def run(
        self,
        codes: Mapping[str, Ints],
        offers: Bits | None = None,
        takes: Bits | None = None,
    ) -> Ran:
        """Run all vectors back to back; `offers` and `takes` are those of `Replay.run`."""
        with tempfile.TemporaryDirectory(dir=self._folder) as home:
            source, target = Path(home, "in"), Path(home, "out")
            source.mkdir()
            target.mkdir()
            for axis in self._plan.inputs:
                x = codes[axis.port.name]
                (source / f"{axis.name}.txt").write_text(lines(x.reshape(len(x), -1)))
            _stalls(source, self._plan.inputs, offers)
            _stalls(source, self._plan.outputs, takes)
            done = subprocess.run(
                [self._folder / "obj/testbench", source, target],
                cwd=self._folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"the simulation failed: {done.stdout}{done.stderr}"
            return self._read(target)

    def _read(self, folder: Path) -> Ran:
        rows = (folder / "times").read_text().split("\n")
        times = [np.array(row.split(), np.int64) for row in rows]
        count = len(self._plan.inputs)
        outputs = {}
        for axis in self._plan.outputs:
            text = (folder / f"{axis.name}.txt").read_text()
            numbers = np.array(text.split(), np.int64)
            outputs[axis.port.name] = numbers.reshape(-1, *self._model.type_of(axis.port).shape)
        written, words = self._traced() if self._trace else ({}, {})
        return Ran(
            outputs=outputs,
            given=_by_port(self._plan.inputs, times[:count]),
            taken=_by_port(self._plan.outputs, times[count:]),
            written=written,
            words=words,
        )

    def _traced(self) -> tuple[dict[str, Array], dict[str, list[int]]]:
        written, words = {}, {}
        for stream in self._plan.streams:
            path = self._folder / f"trace/TOP.{self._name}_top.{stream.name}.txt"
            rows = path.read_text().split("\n")[:-1]
            pairs = [row.split() for row in rows]
            written[stream.name] = np.array([int(cycle) for cycle, _ in pairs], np.int64)
            words[stream.name] = [int(word, 16) for _, word in pairs]
        return written, words


def _by_port(ports: tuple[AxisPort, ...], times: list[Array]) -> dict[str, Array]:
    return {axis.stream.name: row for axis, row in zip(ports, times, strict=False)}


def unpacked(stream: Stream, words: list[int]) -> Ints:
    """The elements of packed words, in order."""
    bits, mask = stream.number.bits, (1 << stream.number.bits) - 1
    flat = [(w >> (lane * bits)) & mask for w in words for lane in range(stream.lanes)]
    if stream.number.signed:
        flat = [v - (1 << bits) if v >> (bits - 1) else v for v in flat]
    return np.array(flat, np.int64)


def _stalls(folder: Path, ports: tuple[AxisPort, ...], willing: Bits | None) -> None:
    """The patience of the test bench at each port, as its testbench reads it."""
    if willing is None:
        return
    for axis, column in zip(ports, willing.T, strict=True):
        text = "".join("01"[int(bit)] for bit in column)
        (folder / f"{axis.name}.stall").write_text(text + "\n")


def build(folder: Path, name: str, trace: bool = False) -> None:
    """Verilate and compile the project in `folder` into `obj/testbench`."""
    verilator, cxx = package("verilator"), cxx_compiler()
    made = folder / "obj"
    made.mkdir()
    sources = sorted(p.name for p in (folder / "layers").iterdir())
    command: list[str | Path] = [verilator / "bin/verilator_bin", *VERILATE, *SPLIT]
    command += ["--top-module", f"{name}_top", "--prefix", f"V{name}_top", "--Mdir", "obj"]
    command += ["-y", "library", *(["-DQC_TRACE"] if trace else [])]
    command += [f"{name}_top.sv", *(f"layers/{s}" for s in sources)]
    run_together([command], folder, {"VERILATOR_ROOT": str(verilator)})
    units = _units(made, folder / "testbench.cpp")
    compiling = [*cxx, *COMPILE, f"-I{made}", *_includes(verilator)]
    run_together([[*compiling, "-c", f"{u}.cpp", "-o", f"{u}.o"] for u in units], made)
    objects: list[str | Path] = [f"{u}.o" for u in units]
    objects += _runtime(verilator, cxx)
    run_together([[*cxx, *objects, "-o", "testbench", "-lpthread"]], made)


def _includes(verilator: Path) -> list[str]:
    return [f"-I{verilator}/include", f"-I{verilator}/include/vltstd"]


def _runtime(verilator: Path, cxx: list[str]) -> list[Path]:
    """Verilator's own objects, compiled once and kept: they take longer than most designs."""
    words = [*cxx, *COMPILE, version("verilator")]
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"verilated-{digest}"
    objects = [home / f"{name}.o" for name in RUNTIME]
    with lock(cache / "lock"):
        if home.is_dir():
            return objects
        with tempfile.TemporaryDirectory(prefix="build-", dir=cache) as folder:
            made = Path(folder, "objects")
            made.mkdir()
            compiling = [*cxx, *COMPILE, *_includes(verilator), "-c"]
            source = verilator / "include"
            run_together(
                [[*compiling, source / f"{n}.cpp", "-o", made / f"{n}.o"] for n in RUNTIME], made
            )
            made.rename(home)
    return objects


def _units(made: Path, bench: Path) -> list[str]:
    """As many translation units as there are cores: compilers are slow to start."""
    files = [*sorted(made.glob("*.cpp"), key=lambda p: -p.stat().st_size), bench]
    count = min(os.cpu_count() or 1, len(files))
    for i in range(count):
        text = "".join(f'#include "{path.resolve()}"\n' for path in files[i::count])
        (made / f"unit{i}.cpp").write_text(text)
    return [f"unit{i}" for i in range(count)]
