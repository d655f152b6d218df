"""The emitted C on this machine: compiled into a shared library, called through ctypes."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.emit.c import c_environment, emit_plan
from qcompile.model import IntegerModel
from qcompile.plan.c_plan import CPlan, CPort, plan_c
from qcompile.qtype import Ints
from qcompile.verify.toolchain import host_compiler, run_tool, write_files

FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")


class HostLibrary:
    """A C project as a library of this machine."""

    def __init__(self, plan: CPlan, files: Mapping[str, str], folder: Path | None = None) -> None:
        """Compile `files` (of `emit_c`) in `folder`, or in one that goes with this object.

        Raises CompileError where there is no C compiler, or where it refuses the code.
        """
        self._home = None if folder else tempfile.TemporaryDirectory(prefix="qcompile-host-")
        self._folder = folder or Path(self._home.name if self._home else "")
        self._plan = plan
        write_files(self._folder, {**files, "host.c": host_source(plan)})
        self._plain = self._compile("host")
        self._tracing: Any = None
        self._input = structure(plan.inputs)
        self._output = structure(plan.outputs)

    @classmethod
    def of(cls, model: IntegerModel, name: str = "net", folder: Path | None = None) -> HostLibrary:
        """Plan, emit and compile `model`."""
        plan = plan_c(model, name)
        return cls(plan, emit_plan(plan, {}), folder)

    def run(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """Outputs by port name for input codes by port name, int64 [samples, *stored shape]."""
        return self._call(self._plain, codes, None)

    def trace(self, codes: Mapping[str, Ints]) -> dict[str, Ints]:
        """The value of every step by the name of its node, in the order of execution."""
        if self._tracing is None:
            self._tracing = self._compile("trace", f"-D{self._plan.prefix.upper()}_TRACE")
        samples = len(next(iter(codes.values())))
        dtype = np.dtype(
            [(f"{s.index}", s.output.type.dtype, (s.bytes // s.output.type.bytes,))
             for s in self._plan.steps]
        )  # fmt: skip
        values = np.zeros(samples, dtype)
        self._call(self._tracing, codes, values)
        out = {}
        for step in self._plan.steps:
            shape = self._plan.model.graph[step.draft.node].type.shape
            out[step.draft.node] = values[f"{step.index}"].reshape(samples, *shape).astype(np.int64)
        return out

    def _compile(self, program: str, *flags: str) -> Any:
        """The library `program`; the constants are compiled once for all libraries."""
        prefix = self._plan.prefix
        compiler, what = [*host_compiler(), *FLAGS, "-fPIC"], "the C compiler of this machine"
        sources = {f"{s}.{program}.o": f"{s}.c" for s in (prefix, "host")}
        if not (self._folder / "constants.o").exists():
            sources["constants.o"] = f"{prefix}_weights.c"
        commands = [[*compiler, *flags, "-c", c, "-o", o] for o, c in sources.items()]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda command: run_tool(command, self._folder, what), commands))
        target = self._folder / f"{program}.so"
        objects = sorted({*sources, "constants.o"})
        run_tool([*compiler, "-shared", *objects, "-o", str(target)], self._folder, what)
        found = getattr(ctypes.CDLL(str(target)), f"{prefix}_host")
        found.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        return found

    def _call(
        self, function: Any, codes: Mapping[str, Ints], values: NDArray[Any] | None
    ) -> dict[str, Ints]:
        samples = len(next(iter(codes.values())))
        given = pack(self._plan.inputs, self._input, codes)
        made = np.zeros(samples, self._output)
        at = None if values is None else values.ctypes.data
        failed = function(given.ctypes.data, made.ctypes.data, samples, at)
        assert failed == 0, "the library refuses its arguments"
        return {
            p.port.name: made[p.name].reshape(samples, *p.qtype.shape).astype(np.int64)
            for p in self._plan.outputs
        }


def host_source(plan: CPlan) -> str:
    """host.c: a function that runs many inferences."""
    template = c_environment().get_template("verify/host.c.j2")
    return template.render(name=plan.prefix, upper=plan.prefix.upper())


def structure(ports: tuple[CPort, ...]) -> np.dtype[Any]:
    """The C structure of a model's inputs or outputs."""
    return np.dtype([(p.name, p.type.dtype, (p.qtype.size,)) for p in ports], align=True)


def pack(ports: tuple[CPort, ...], kind: np.dtype[Any], codes: Mapping[str, Ints]) -> NDArray[Any]:
    """Codes by port name as an array of structures."""
    samples = len(next(iter(codes.values())))
    given = np.zeros(samples, kind)
    for p in ports:
        given[p.name] = codes[p.port.name].reshape(samples, -1)
    return given
