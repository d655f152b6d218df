"""The HLS C++ project of a dataflow plan. Numbers come from the plan; templates place them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jinja2 import Environment

from qcompile.emit.base import environment, initializer, library
from qcompile.model import IntegerModel
from qcompile.names import identifier
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.streams import AxisPort, Process, Rom, Stream
from qcompile.qtype import Ints

BACKEND = "hls"
PART = 32  # processes of a source file

# What is made from each template; {} is the project's name.
PROJECT = {
    "{}.h": "header.h",
    "{}.cpp": "top.cpp",
    "{}_layers.h": "layers.h",
    "testbench.cpp": "testbench.cpp",
    "build.tcl": "build.tcl",
    "Makefile": "Makefile",
    "README.md": "README.md",
}

STANDARD_NAMESPACES = ("hls", "qc", "std")


def emit_hls(
    model: IntegerModel, name: str, plan: Dataflow, vectors: Mapping[str, Ints]
) -> dict[str, str]:
    """The files of the project by path; nothing is written.

    `vectors` are input codes by port name, int64 [count, *stored]; the testbench compares with what
    `model.run` makes of them. The top function is `<name>_top`, all else is in namespace `<name>`.
    """
    space = namespace(name)
    templates = _environment()
    parts = _parts(space, plan)
    context = {
        "name": space,
        "plan": plan,
        "ports": (*plan.inputs, *plan.outputs),
        "sources": [f"{space}.cpp", *(part.source for part in parts)],
        "headers": [f"{space}.h", f"{space}_layers.h", *(part.weights for part in parts)],
    }
    out = {
        path.format(space): templates.get_template(f"project/{template}.j2").render(context)
        for path, template in PROJECT.items()
    }
    for part in parts:
        own = {
            **context,
            "part": part,
            "layers": [_function(templates, plan, p) for p in part.processes],
        }
        out[part.source] = templates.get_template("project/layers.cpp.j2").render(own)
        out[part.weights] = templates.get_template("project/weights.h.j2").render(own)
    out |= {f"lib/{path}": text for path, text in library(BACKEND).items()}
    return out | _vector_files(model, plan, vectors)


@dataclass(frozen=True)
class Part:
    """Processes of one source file; large networks have several, which compile side by side."""

    source: str
    weights: str
    processes: tuple[Process, ...]


def _parts(space: str, plan: Dataflow) -> list[Part]:
    chunks = range(0, len(plan.processes), PART)
    marks = [""] if len(chunks) == 1 else [f"_{i + 1}" for i in range(len(chunks))]
    return [
        Part(f"{space}_layers{m}.cpp", f"{space}_weights{m}.h", plan.processes[c : c + PART])
        for c, m in zip(chunks, marks, strict=True)
    ]


def namespace(name: str) -> str:
    """`name` as the namespace and prefix of a project."""
    word = identifier(name)
    return f"net_{word}" if word in STANDARD_NAMESPACES else word


@cache
def _environment() -> Environment:
    templates = environment(BACKEND)
    templates.filters |= {
        "arguments": arguments,
        "at": at,
        "together": together,
        "declare": declare,
        "guard": guard,
        "keep": keep,
        "signature": signature,
        "word": word,
        "port_word": port_word,
    }
    return templates


def _function(templates: Environment, plan: Dataflow, process: Process) -> str:
    """The text of one process."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(process).__name__).lower()
    trace = plan.traces[process.node] if process.value else ""
    return templates.get_template(f"ops/{kind}.cpp.j2").render(p=process, trace=trace)


def word(stream: Stream) -> str:
    """The C++ type of a stream's words."""
    return f"qc::Word<{stream.number}, {stream.lanes}>"


def port_word(port: AxisPort) -> str:
    """The C++ type of a port's words."""
    return f"ap_uint<{port.bits}>"


def signature(process: Process) -> str:
    """`void name(streams)`: `in` and `out`, numbered where there are several."""
    port = getattr(process, "port", None)
    ins = [word(s) for s in process.inputs] or ([port_word(port)] if port else [])
    outs = [word(s) for s in process.outputs] or ([port_word(port)] if port else [])
    parameters = [f"hls::stream<{t} >& {n}" for t, n in _numbered(ins, "in")]
    parameters += [f"hls::stream<{t} >& {n}" for t, n in _numbered(outs, "out")]
    head = f"void {process.name}("
    line = head + ", ".join(parameters) + ")"
    return line if len(line) < 99 else head + (",\n" + " " * len(head)).join(parameters) + ")"


def arguments(process: Process) -> list[str]:
    """What the top function passes: streams, and the port of a process that has one."""
    port = getattr(process, "port", None)
    ins = [s.name for s in process.inputs] or ([port.name] if port else [])
    outs = [s.name for s in process.outputs] or ([port.name] if port else [])
    return [*ins, *outs]


def _numbered(types: list[str], stem: str) -> list[tuple[str, str]]:
    if len(types) == 1:
        return [(types[0], stem)]
    return [(t, f"{stem}{i}") for i, t in enumerate(types)]


def keep(trace: str) -> str:
    """The line that keeps a layer's words in a trace build."""
    return f'    QC_KEEP(out, "{trace}");\n' if trace else ""


def declare(rom: Rom) -> str:
    """A constant array."""
    kind = f"qc::rom_{'' if rom.number.signed else 'u'}int<{rom.number.bits}>"
    values = initializer(rom.values.reshape(-1).tolist())
    return f"static const {kind} {rom.name}{rom.dimensions} = {{\n{values}\n}};"


def guard(path: str) -> str:
    """The macro that guards a header."""
    return identifier(path).upper()


def at(rom: Rom) -> str:
    """The entry of an array [folds, lanes, ...] for the element at hand."""
    return f"{rom.name}[{'fold' if rom.values.shape[0] > 1 else '0'}][lane]"


def together(roms: Iterable[Rom]) -> list[str]:
    """Pragmas that make everything but the first dimension of each array readable in one cycle."""
    return [
        f"#pragma HLS array_reshape variable={rom.name} complete dim={dim}"
        for rom in roms
        for dim in range(2, rom.values.ndim + 1)
        if rom.values.shape[dim - 1] > 1
    ]


def _vector_files(
    model: IntegerModel, plan: Dataflow, vectors: Mapping[str, Ints]
) -> dict[str, str]:
    """One line a vector: the codes of each port, and a checksum of each layer."""
    given: dict[str, Ints] = {p.name: vectors[p.name] for p in model.inputs}
    values = model.run(given, trace=True)
    count = len(next(iter(given.values()))) if given else 1
    files = {}
    for axis in (*plan.inputs, *plan.outputs):
        files[f"vectors/{axis.name}.txt"] = lines(_rows(values[axis.port.node], count))
    sums = [checksum(_rows(values[node], count)) for node in plan.traces]
    names = " ".join(plan.traces.values())
    files["vectors/layers.txt"] = f"{names}\n" + lines(np.stack(sums, axis=1))
    return files


def _rows(x: Ints, count: int) -> Ints:
    """[count, elements], a constant repeated."""
    flat = x.reshape(x.shape[0], -1)
    return np.broadcast_to(flat, (count, flat.shape[1]))


def lines(rows: Ints) -> str:
    """One line of numbers a row."""
    return "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist())


def checksum(rows: Ints) -> Ints:
    """Sum of element i times an odd number that depends on i, modulo 2^64, for each row."""
    places = np.arange(rows.shape[1], dtype=np.uint64)
    odd = (places * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)
    total: Ints = (rows.astype(np.uint64) * odd).sum(axis=1, dtype=np.uint64)
    return total
