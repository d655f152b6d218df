"""The C project of an integer model, as text by path; it decides nothing and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any

from jinja2 import Environment

from qcompile.emit.base import environment, initializer, library
from qcompile.model import IntegerModel
from qcompile.plan.c_plan import CPlan, plan_c
from qcompile.plan.c_ports import describe
from qcompile.plan.c_selftest import selftest
from qcompile.plan.c_types import Array
from qcompile.qtype import Ints

SELFTEST_VECTORS = 3
INCLUDE = re.compile(r'#include "([^"]+)"')
HEX = tuple(f"0x{value:02x}" for value in range(256))

# What is made from each template of `project`; {} is the project's name.
PROJECT = {
    "model.h": "{}.h",
    "model.c": "{}.c",
    "weights.h": "{}_weights.h",
    "weights.c": "{}_weights.c",
    "kernels.h": "{}_kernels.h",
    "float.h": "{}_float.h",
    "selftest.c": "selftest.c",
    "Makefile": "Makefile",
    "CMakeLists.txt": "CMakeLists.txt",
    "README.md": "README.md",
}


def emit_c(model: IntegerModel, name: str, inputs: Mapping[str, Ints]) -> dict[str, str]:
    """The project called `name`, an identifier, as text by path.

    `inputs` are codes by port name, int64 [samples, *stored shape]; the first few become the
    vectors of the self-test, which is left out where there are none. Raises CompileError where the
    model does not fit C.
    """
    return emit_plan(plan_c(model, name), inputs)


def emit_plan(plan: CPlan, inputs: Mapping[str, Ints]) -> dict[str, str]:
    """The same from a plan that is there already."""
    templates = c_environment()
    context = {
        "plan": plan,
        "name": plan.prefix,
        "upper": plan.prefix.upper(),
        "steps": plan.steps,
        "functions": functions(templates, plan),
        "inputs": [describe(plan.prefix, "INPUT", p) for p in plan.inputs],
        "outputs": [describe(plan.prefix, "OUTPUT", p) for p in plan.outputs],
        "selftest": selftest(plan, {k: v[:SELFTEST_VECTORS] for k, v in inputs.items()}),
    }
    wanted = {s: p for s, p in PROJECT.items() if context["selftest"] or s != "selftest.c"}
    files = {
        path.format(plan.prefix): templates.get_template(f"project/{source}.j2").render(context)
        for source, path in wanted.items()
    }
    used = included({"qc.h", *(f"{k.name}.inc" for k in plan.kernels)}, library("c"))
    files |= {f"lib/{path}": text for path, text in library("c").items() if path in used}
    return files


def included(names: set[str], files: Mapping[str, str]) -> set[str]:
    """The library files of these names, and those that they include in turn."""
    found: set[str] = set()
    left = sorted(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += INCLUDE.findall(files[name])
    return found


def c_environment() -> Environment:
    """The templates with the filters that spell C."""
    templates = environment("c")
    templates.filters["fields"] = fields
    templates.filters["call"] = call
    templates.filters["numbers"] = numbers
    templates.filters["pairs"] = pairs
    templates.filters["product_fields"] = product_fields
    return templates


@dataclass(frozen=True)
class Function:
    """What a step calls: the function of the first step that does the same to its operands."""

    name: str
    body: str


def functions(templates: Environment, plan: CPlan) -> list[Function]:
    """The function of each step."""
    found: dict[tuple[object, ...], Function] = {}
    called = []
    for step in plan.steps:
        template = templates.get_template(f"ops/{step.draft.template}.c.j2")
        body = template.render(step=step, d=step.details, upper=plan.prefix.upper())
        own = Function(step.name, body)
        called.append(found.setdefault((body, step.parameters), own))
    return called


def fields(record: Any) -> str:
    """Designated initializers, from a dataclass or from (name, text) pairs."""
    pairs = asdict(record).items() if is_dataclass(record) else record  # type: ignore[arg-type]
    return initializer([f".{k} = {_value(v)}" for k, v in pairs], indent=8)


def product_fields(record: Any, runs: str, patches: str) -> str:
    """The fields of a `qc_product` whose runs are called `runs`."""
    return fields(replace(record, runs=runs, patches=patches))


def _value(value: object) -> str:
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, tuple) else str(value)


def pairs(values: tuple[tuple[object, ...], ...]) -> list[str]:
    """Each tuple as an initializer of its own."""
    return [_value(v) for v in values]


def call(name: str, *arguments: object) -> str:
    """A call as a statement, indented by 4, its arguments wrapped at 100 columns."""
    flat: list[str] = []
    for argument in arguments:
        flat += argument if isinstance(argument, tuple) else [str(argument)]
    start = f"    {name}("
    wrapped = initializer(flat, indent=len(start), width=98)
    return f"{start}{wrapped.lstrip()});"


def numbers(array: Array) -> str:
    """The values of a constant array, wrapped; packed bits in rows of 16 bytes or 8 words."""
    if not array.packed:
        return initializer(array.words)
    if array.type.bits == 8:
        words, row = [HEX[v] for v in array.values.tolist()], 16
    else:
        words, row = [f"0x{v:08x}U" for v in array.values.tolist()], 8
    rows = (", ".join(words[i : i + row]) for i in range(0, len(words), row))
    return "    " + ",\n    ".join(rows)
