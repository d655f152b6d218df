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
from qcompile.plan.packing import unpack_codes
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
        values = np.zeros(len(next(iter(codes.values()))), step_values(self._plan))
        self._call(self._tracing, codes, values)
        return values_by_node(self._plan, values)

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
        return unpack(self._plan.outputs, made)


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


def unpack(ports: tuple[CPort, ...], made: NDArray[Any]) -> dict[str, Ints]:
    """Codes by port name, int64 [samples, *stored shape], from an array of structures."""
    return {
        p.port.name: made[p.name].reshape(len(made), *p.qtype.shape).astype(np.int64) for p in ports
    }


def step_values(plan: CPlan) -> np.dtype[Any]:
    """What a trace build writes of one sample: the result of each step."""
    return np.dtype(
        [(f"{s.index}", s.output.type.dtype, (s.bytes // s.output.type.bytes,)) for s in plan.steps]
    )


def values_by_node(plan: CPlan, values: NDArray[Any]) -> dict[str, Ints]:
    """The values of the steps, [samples] of `step_values`, by the names of their nodes."""
    found = {}
    for step in plan.steps:
        node = plan.model.graph[step.draft.node]
        codes = values[f"{step.index}"]
        if step.output.packed:
            signed = step.output.type.signed
            codes = unpack_codes(codes.view(np.uint8), step.output.packed, signed)
        found[node.name] = codes.reshape(len(values), *node.type.shape).astype(np.int64)
    return found | wholes(plan, found)


def wholes(plan: CPlan, found: Mapping[str, Ints]) -> dict[str, Ints]:
    """The tensors that were made in bands of rows, if all of their rows are made."""
    if plan.bands is None:
        return {}
    graph = plan.bands.plain.model.graph
    made = {
        name: np.concatenate([found[part] for part in parts], axis=2)
        for name, parts in plan.bands.parts.items()
        if parts and all(part in found for part in parts)
    }
    return {name: x for name, x in made.items() if x.shape[1:] == graph[name].type.shape}
