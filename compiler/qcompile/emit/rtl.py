"""The SystemVerilog project of a dataflow plan: the plan has the numbers, templates place them."""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment

from qcompile.emit import rtl_memories
from qcompile.emit.base import environment, library
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.process_moves import ReadPort, WritePort
from qcompile.plan.streams import Number, Process

BACKEND = "rtl"

# What is made from each template; {} is the project's name.
PROJECT = {
    "{}_top.sv": "top.sv",
    "testbench.cpp": "testbench.cpp",
    "Makefile": "Makefile",
    "README.md": "README.md",
    "vivado.tcl": "vivado.tcl",
}


def emit_rtl(name: str, plan: Dataflow) -> dict[str, str]:
    """The files of the project by path; nothing is written.

    The top module is `<name>_top`, each process a module of its own. The testbench compares with
    the vectors of the HLS project, beside whose folder this one stands.
    """
    templates = _environment()
    context = {"name": name, "plan": plan, "ports": (*plan.inputs, *plan.outputs)}
    out = {
        path.format(name): templates.get_template(f"project/{template}.j2").render(context)
        for path, template in PROJECT.items()
    }
    for process in plan.processes:
        out[layer_path(process)] = _layer(templates, process)
        out |= {rtl_memories.path(rom): rtl_memories.memory_file(rom) for rom in process.memories}
    return out | {f"library/{path}": text for path, text in library(BACKEND).items()}


def layer_path(process: Process) -> str:
    """The file with a process's module."""
    return f"layers/{process.name}.sv"


@cache
def _environment() -> Environment:
    templates = environment(BACKEND)
    templates.filters |= {
        "connections": connections,
        "depth": rtl_memories.depth,
        "kind": kind,
        "literal": rtl_memories.literal,
        "mem": rtl_memories.path,
        "ports": ports,
        "width": rtl_memories.width,
    }
    return templates


def _layer(templates: Environment, process: Process) -> str:
    """The module of one process."""
    stem = re.sub(r"(?<!^)(?=[A-Z])", "_", type(process).__name__).lower()
    text = templates.get_template(f"ops/{stem}.sv.j2").render(p=process)
    return templates.get_template("project/layer.sv.j2").render(p=process, text=text)


def kind(number: Number) -> str:
    """A type in words."""
    return f"{'signed' if number.signed else 'unsigned'} {number.bits}-bit"


def _widths(process: Process) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Names and bits of the inputs and outputs; a port of the design stands for a stream."""
    ins = [s.bits for s in process.inputs]
    outs = [s.bits for s in process.outputs]
    if isinstance(process, ReadPort):
        ins = [process.port.bits]
    if isinstance(process, WritePort):
        outs = [process.port.bits]
    return _numbered("in", ins), _numbered("out", outs)


def _numbered(stem: str, widths: list[int]) -> list[tuple[str, int]]:
    if len(widths) == 1:
        return [(stem, widths[0])]
    return [(f"{stem}{i}", width) for i, width in enumerate(widths)]


def ports(process: Process) -> str:
    """The port list of a process's module."""
    lines = ["input  logic clk", "input  logic rst"]
    ins, outs = _widths(process)
    for name, width in ins:
        lines += [f"input  logic [{width - 1}:0] {name}_data", f"input  logic {name}_valid"]
        lines += [f"output logic {name}_ready"]
    for name, width in outs:
        lines += [f"output logic [{width - 1}:0] {name}_data", f"output logic {name}_valid"]
        lines += [f"input  logic {name}_ready"]
    return ",\n".join(f"    {line}" for line in lines)


def connections(process: Process) -> list[str]:
    """How the top module connects a process: to FIFOs, or to a port of the design."""
    ins, outs = _widths(process)
    sources = [_stream(s.name, "o") for s in process.inputs]
    targets = [_stream(s.name, "i") for s in process.outputs]
    if isinstance(process, ReadPort):
        sources = [_axis(process.port.name)]
    if isinstance(process, WritePort):
        targets = [_axis(process.port.name)]
    lines = [".clk, .rst"]
    for (name, _), wires in zip((*ins, *outs), (*sources, *targets), strict=True):
        pairs = zip(("data", "valid", "ready"), wires, strict=True)
        lines.append(", ".join(f".{name}_{end}({wire})" for end, wire in pairs))
    return lines


def _stream(name: str, side: str) -> tuple[str, ...]:
    return tuple(f"{name}_{side}_{end}" for end in ("data", "valid", "ready"))


def _axis(name: str) -> tuple[str, ...]:
    return tuple(f"{name}_t{end}" for end in ("data", "valid", "ready"))
