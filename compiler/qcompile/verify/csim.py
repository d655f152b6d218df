"""C simulation of an HLS project: compiled with g++, run on vectors, compared layer by layer."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qcompile.emit.hls import emit_hls, lines
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.plan.dataflow import Dataflow
from qcompile.qtype import Ints

FLAGS = ("-std=c++17", "-O1", "-I.", "-Wno-unknown-pragmas")
WARNING = "WARNING: Hls::stream"  # read while empty, or words left over


@dataclass(frozen=True)
class Difference:
    """The first layer whose values differ, and how many of them."""

    node: str
    vector: int
    count: int


def ap_types() -> Path:
    """The folder with `ap_int.h` and `hls_stream.h` of the installed hls4ml package.

    hls4ml is found, not imported. Raises CompileError where it is not installed.
    """
    spec = importlib.util.find_spec("hls4ml")
    if spec is None or spec.origin is None:
        raise CompileError(
            "C simulation of HLS needs the headers of hls4ml",
            at="the Python environment",
            help="pip install hls4ml, or compile with --no-verify",
        )
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def cxx_compiler() -> str:
    """The command of this machine's C++ compiler. Raises CompileError where there is none."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise CompileError(
            "C simulation of HLS needs a C++ compiler",
            at="this machine",
            help="install g++, or compile with --no-verify",
        )
    return compiler


class CSim:
    """A compiled project. The folder with it lives as long as this object."""

    def __init__(self, model: IntegerModel, plan: Dataflow, files: Mapping[str, str]) -> None:
        """Compile `files` (of `emit_hls`); a trace build is made when `trace` first needs it."""
        self._model, self._plan = model, plan
        self._home = tempfile.TemporaryDirectory(prefix="qcompile-csim-")
        self._folder = Path(self._home.name)
        write(self._folder, files)
        self._program = build(self._folder, "testbench")
        self._tracer: Path | None = None

    @classmethod
    def of(cls, model: IntegerModel, plan: Dataflow, name: str = "net") -> CSim:
        """Emit and compile; the vectors come with `run`."""
        types = {p.name: model.type_of(p) for p in model.inputs}
        lowest = {n: np.full((1, *t.shape), t.lows()) for n, t in types.items()}
        return cls(model, plan, emit_hls(model, name, plan, lowest))

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Output codes by port name, int64 [count, *stored], for input codes likewise."""
        with tempfile.TemporaryDirectory(dir=self._folder) as home:
            found = self._execute(self._program, codes, Path(home))
            return {
                a.port.name: self._read(found, a.name, self._model.type_of(a.port).shape)
                for a in self._plan.outputs
            }

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Every layer's values by node name, as `IntegerModel.run(codes, trace=True)` has them."""
        if self._tracer is None:
            self._tracer = build(self._folder, "testbench_trace", "-DQC_TRACE")
        with tempfile.TemporaryDirectory(dir=self._folder) as home:
            found = self._execute(self._tracer, codes, Path(home))
            out = {}
            for node, name in self._plan.traces.items():
                shape = self._model.graph[node].type.shape
                out[node] = self._read(found, f"layer_{name}", shape)
            return out

    def differences(self, codes: Mapping[str, Ints]) -> list[Difference]:
        """Layers that differ from the integer model, in the order of execution."""
        wanted = self._model.run(dict(codes), trace=True)
        found = []
        for node, got in self.trace(codes).items():
            wrong = got != np.broadcast_to(wanted[node], got.shape)
            each = wrong.reshape(len(got), -1).sum(axis=1)
            if each.any():
                vector = int(np.flatnonzero(each)[0])
                found.append(Difference(node, vector, int(each[vector])))
        return found

    def _execute(self, program: Path, codes: Mapping[str, Ints], home: Path) -> Path:
        """Run the testbench on the codes; the folder with what it wrote."""
        source, target = home / "in", home / "out"
        source.mkdir()
        target.mkdir()
        for axis in self._plan.inputs:
            x = codes[axis.port.name]
            (source / f"{axis.name}.txt").write_text(lines(x.reshape(len(x), -1)))
        done = subprocess.run(
            [program, source, target], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"the simulation failed: {done.stdout}{done.stderr}"
        assert WARNING not in done.stdout, f"a stream was misused: {done.stdout[:2000]}"
        return target

    @staticmethod
    def _read(folder: Path, name: str, shape: tuple[int, ...]) -> Ints:
        text = (folder / f"{name}.txt").read_text()
        rows = text.count("\n")
        numbers = np.array(text.split(), np.int64)
        return numbers.reshape(rows, *shape)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write a project."""
    for path, text in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


def build(folder: Path, program: str, *flags: str) -> Path:
    """Compile all C++ of a project into `program`, as many files at once as there are cores."""
    compiler = cxx_compiler()
    options = [compiler, *FLAGS, "-isystem", str(ap_types()), *flags]

    def compiled(source: Path) -> str:
        target = f"{source.stem}.{program}.o"
        _checked([*options, "-c", source.name, "-o", target], folder)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, sorted(folder.glob("*.cpp"))))
    _checked([compiler, *objects, "-o", program], folder)
    return folder / program


def _checked(command: list[str], folder: Path) -> None:
    """Run a compiler; what it does not take is our bug."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"the emitted project does not compile:\n{done.stderr[:6000]}"
