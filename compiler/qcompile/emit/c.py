"""The C project of an integer model, as text by path; it decides nothing and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
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
        "functions": [_function(templates, plan, step) for step in plan.steps],
        "inputs": [describe(plan.prefix, "INPUT", p) for p in plan.inputs],
        "outputs": [describe(plan.prefix, "OUTPUT", p) for p in plan.outputs],
        "selftest": selftest(plan, {k: v[:SELFTEST_VECTORS] for k, v in inputs.items()}),
    }
    wanted = {s: p for s, p in PROJECT.items() if context["selftest"] or s != "selftest.c"}
    files = {
        path.format(plan.prefix): templates.get_template(f"project/{source}.j2").render(context)
        for source, path in wanted.items()
    }
    used = {"qc.h", *(f"{k.name}.inc" for k in plan.kernels)}
    files |= {f"lib/{path}": text for path, text in library("c").items() if path in used}
    return files


def c_environment() -> Environment:
    """The templates with the filters that spell C."""
    templates = environment("c")
    templates.filters["fields"] = fields
    templates.filters["call"] = call
    templates.filters["numbers"] = numbers
    templates.filters["pairs"] = pairs
    return templates


def _function(templates: Environment, plan: CPlan, step: Any) -> str:
    template = templates.get_template(f"ops/{step.draft.template}.c.j2")
    return template.render(step=step, d=step.details, upper=plan.prefix.upper())


def fields(record: Any) -> str:
    """Designated initializers, from a dataclass or from (name, text) pairs."""
    pairs = asdict(record).items() if is_dataclass(record) else record  # type: ignore[arg-type]
    return initializer([f".{k} = {_value(v)}" for k, v in pairs], indent=8)


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
    """The values of a constant array, wrapped; packed bits in rows of 16 bytes."""
    if not array.packed:
        return initializer(array.words)
    words = [HEX[v] for v in array.values.tolist()]
    return "    " + ",\n    ".join(", ".join(words[i : i + 16]) for i in range(0, len(words), 16))
