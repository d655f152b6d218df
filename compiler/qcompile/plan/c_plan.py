"""The plan of a C project: its steps, constants, kernels, memory and ports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.model import IntegerModel, Port
from qcompile.names import identifiers
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Constant,
    Conv,
    Dense,
    Gather,
    Input,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Requant,
    Reshape,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.base import IntegerOp
from qcompile.plan import c_layers, c_moves, c_pools, c_storage
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_requant import Finish, requantize, store
from qcompile.plan.c_storage import Place, Region, Storage, Use
from qcompile.plan.c_types import U8, Array, CType, Kernel, accumulator, container
from qcompile.plan.layers import Layer, layers
from qcompile.plan.memory import MemoryPlan
from qcompile.qtype import QType

ACCUMULATING = (Conv, Dense, MatMul, Add, Mul, SumPool, RoundedSumPool, Requant)
VIEWS = (Input, Constant, Reshape)  # no step of their own

BUILDERS: dict[type[Any], Callable[[Any, Site], Code]] = {
    Conv: c_layers.conv,
    Dense: c_layers.dense,
    MatMul: c_layers.matmul,
    Requant: c_layers.requant,
    Add: c_layers.add,
    Mul: c_layers.mul,
    MaxPool: c_pools.max_pool,
    SumPool: c_pools.sum_pool,
    RoundedSumPool: c_pools.rounded_sum_pool,
    ArgMax: c_layers.arg_max,
    Concat: c_moves.concat,
    Gather: c_moves.gather,
    Pad: c_moves.pad,
    Transpose: c_moves.transpose,
}


@dataclass(frozen=True, eq=False)
class Draft:
    """A step before its memory is placed."""

    name: str  # an identifier, unique in the project
    title: str  # what it is, in one line
    template: str
    node: str  # whose value it makes
    sources: tuple[str, ...]  # nodes whose values it reads
    code: Code
    finish: Finish | None = None
    field: Place | None = None  # of an output that is copied


@dataclass(frozen=True, eq=False)
class Step:
    """One function of the emitted code: a layer, or the copy of an output."""

    index: int
    draft: Draft
    inputs: tuple[Place, ...]
    output: Place
    scratch: Place | None
    bytes: int  # of the output

    @property
    def name(self) -> str:
        return self.draft.name

    @property
    def details(self) -> Any:
        return self.draft.code.details

    @property
    def arrays(self) -> tuple[Array, ...]:
        finish = self.draft.finish
        return (*self.draft.code.arrays, *(finish.arrays if finish else ()))

    @property
    def operands(self) -> tuple[str, ...]:
        """Names of the inputs within the function."""
        several = len(self.inputs) > 1
        return tuple(f"x{i}" for i in range(len(self.inputs))) if several else ("x",)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Of the step's function."""
        parts = [
            f"const {p.type.name} *{n}" for p, n in zip(self.inputs, self.operands, strict=True)
        ]
        parts += ["void *scratch"] if self.scratch else []
        return (*parts, f"{self.output.type.name} *y")

    @property
    def scratch_name(self) -> str:
        return "scratch" if self.scratch else "NULL"

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the call."""
        parts = [p.text for p in self.inputs]
        parts += [self.scratch.text] if self.scratch else []
        return (*parts, self.output.text)

    @property
    def weight_bytes(self) -> int:
        return self.draft.code.weight_bytes

    @property
    def metadata_bytes(self) -> int:
        """Bytes of the other constants: biases, requantizers, codings, indices."""
        return sum(a.bytes for a in self.arrays) - self.weight_bytes


@dataclass(frozen=True, eq=False)
class CPort:
    """An input or output: its field, and how the header describes it."""

    port: Port
    name: str
    type: CType
    qtype: QType


@dataclass(frozen=True, eq=False)
class CPlan:
    """All that the templates of a C project place."""

    prefix: str
    model: IntegerModel
    steps: tuple[Step, ...]
    constants: tuple[Array, ...]  # the tensors that are constant
    kernels: tuple[Kernel, ...]
    inputs: tuple[CPort, ...]
    outputs: tuple[CPort, ...]
    storage: Storage

    @property
    def memory(self) -> MemoryPlan:
        return self.storage.memory

    @property
    def arena_bytes(self) -> int:
        """At least one unit, so that a program can declare it."""
        return max(self.memory.size, self.storage.alignment)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All constants of the weights file."""
        return (*self.constants, *(a for s in self.steps for a in s.arrays))


def plan_c(model: IntegerModel, prefix: str) -> CPlan:
    """The plan of `model` as C whose symbols start with `prefix`, an identifier."""
    if not model.inputs:
        raise CompileError("the network has no inputs", help="there is nothing to compile")
    inputs, outputs = _ports(model, model.inputs), _ports(model, model.outputs)
    steps = layers(model.graph)
    fixed_steps = [s for s in steps if isinstance(s.main.op, Constant)]
    constants = tuple(_constant(s, prefix) for s in fixed_steps)
    arrays = {s.main.name: a.name for s, a in zip(fixed_steps, constants, strict=True)}
    fixed = c_storage.given(model.graph, {p.port.node: p.name for p in inputs}, arrays)
    copied = c_storage.bind(model.graph, fixed, [(p.port.node, p.name) for p in outputs])
    drafts = [_draft(s, model, prefix) for s in steps if not isinstance(s.main.op, VIEWS)]
    taken = {s.name for s in steps}
    drafts += [_copy(model, p, taken) for p in outputs if p.name in copied]
    uses = [Use(d.node, d.sources, d.code.scratch) for d in drafts]
    storage = c_storage.store(model.graph, uses, fixed, _alignment(model, steps))
    made = tuple(_step(i, d, storage, model) for i, d in enumerate(drafts))
    kernels = [k for d in drafts for k in (*_finishing(d), *d.code.kernels)]
    return CPlan(prefix, model, made, constants, _merged(kernels), inputs, outputs, storage)


def _ports(model: IntegerModel, ports: tuple[Port, ...]) -> tuple[CPort, ...]:
    names = identifiers(p.name for p in ports)
    types = [model.type_of(p) for p in ports]
    return tuple(
        CPort(p, names[p.name], container(t), t) for p, t in zip(ports, types, strict=True)
    )


def _constant(layer: Layer, prefix: str) -> Array:
    op = layer.main.op
    assert isinstance(op, Constant)
    kind = container(layer.output)
    return Array(f"{prefix}_{layer.name}_values", kind, op.value.reshape(-1), str(layer.output))


def _draft(layer: Layer, model: IntegerModel, prefix: str) -> Draft:
    """The code of one layer; a CompileError names its place."""
    try:
        return _layer_draft(layer, model, prefix)
    except CompileError as error:
        raise error.at(layer.main.origin) from None


def _layer_draft(layer: Layer, model: IntegerModel, prefix: str) -> Draft:
    graph, op = model.graph, layer.main.op
    inputs = tuple(_qtype(model, name) for name in layer.inputs)
    name = f"{prefix}_{layer.name}"
    assert isinstance(op, IntegerOp)
    kind = accumulator(op.reach(*inputs))
    finish = _finish(layer, name, inputs, kind)
    code = BUILDERS[type(op)](op, Site(name, inputs, layer.output, finish, kind))
    sources = ", ".join(str(t) for t in inputs)
    title = f"{layer.last.origin}: {op.title}, {sources} -> {layer.output}"
    template = type(op).__module__.rsplit(".", 1)[-1]
    assert all(n in graph for n in layer.inputs), "a layer that reads nothing"
    return Draft(layer.name, title, template, layer.last.name, layer.inputs, code, finish)


def _finish(layer: Layer, name: str, inputs: tuple[QType, ...], kind: CType) -> Finish | None:
    """What happens to the accumulators, if the op has any."""
    if not isinstance(layer.main.op, ACCUMULATING):
        return None
    result = container(layer.output)
    if isinstance(layer.main.op, Requant):
        return requantize(name, layer.main.op, inputs[0], layer.output, kind, result)
    if layer.requant is None:
        return store(kind, result)
    assert isinstance(layer.requant.op, Requant)
    return requantize(name, layer.requant.op, layer.accumulator, layer.output, kind, result)


def _copy(model: IntegerModel, port: CPort, taken: set[str]) -> Draft:
    """The step that brings an output to its field where no layer can make it there."""
    site = Site("", (port.qtype,), port.qtype, None, U8)
    name = f"copy_{port.name}"
    while name in taken:
        name += "_"
    place = Place(Region.OUTPUT, port.type, port.name)
    node = port.port.node
    title = f"{port.port.name}: a copy of {node}, {port.qtype}"
    return Draft(name, title, "copy", node, (node,), c_moves.copy(site), None, place)


def _step(index: int, draft: Draft, storage: Storage, model: IntegerModel) -> Step:
    inputs = tuple(storage.places[name] for name in draft.sources)
    output = draft.field or storage.places[draft.node]
    size = _qtype(model, draft.node).size * output.type.bytes
    return Step(index, draft, inputs, output, storage.scratch.get(index), size)


def _qtype(model: IntegerModel, name: str) -> QType:
    found = model.graph[name].type
    assert isinstance(found, QType), "a real tensor is left in the integer graph"
    return found


def _alignment(model: IntegerModel, steps: tuple[Layer, ...]) -> int:
    """8 where anything in the arena may be 64 bits wide, else 4."""
    widest = max((container(_qtype(model, n.name)).bits for n in model.graph), default=8)
    bounds = [
        s.main.op.reach(*(_qtype(model, n) for n in s.inputs))
        for s in steps
        if isinstance(s.main.op, Conv)
    ]
    widest = max(widest, *(accumulator(b).bits for b in bounds), 8)
    return 8 if widest == 64 else 4


def _finishing(draft: Draft) -> tuple[Kernel, ...]:
    return (draft.finish.kernel,) if draft.finish else ()


def _merged(kernels: list[Kernel]) -> tuple[Kernel, ...]:
    """Each once, in the order of first need; a requantizer knows the forms of all its users."""
    found: dict[str, Kernel] = {}
    for k in kernels:
        forms = k.forms | (found[k.function].forms if k.function in found else 0)
        found[k.function] = replace(k, forms=int(np.int64(forms)))
    return tuple(found.values())
