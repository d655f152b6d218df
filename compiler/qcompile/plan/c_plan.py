"""The plan of a C project: its steps, constants, kernels, memory and ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from qcompile.errors import CompileError
from qcompile.model import IntegerModel, Port
from qcompile.names import identifiers
from qcompile.ops import Constant, Conv
from qcompile.passes.sort_outputs import unsorted
from qcompile.plan import c_storage
from qcompile.plan.c_drafts import Draft, copy_of, drafts_of, qtype_of, use_of
from qcompile.plan.c_formats import packed_bits
from qcompile.plan.c_storage import Place, Storage
from qcompile.plan.c_types import Array, CType, Kernel, accumulator, container
from qcompile.plan.c_views import Views
from qcompile.plan.layers import Layer, layers
from qcompile.plan.memory import MemoryPlan
from qcompile.qtype import QType
from qcompile.rtl import Isa


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
class Bands:
    """What is known of a plan whose first layers run in bands of rows.

    `count` are the bands in which the results of those layers are made. `parts` has the nodes that
    make the rows of a split tensor, by its name in the model of the plain plan.
    """

    plain: CPlan
    count: int
    parts: dict[str, tuple[str, ...]]

    @property
    def layers(self) -> int:
        """How many layers are split."""
        return sum(step.draft.node in self.parts for step in self.plain.steps)

    @cached_property
    def wholes(self) -> dict[str, str]:
        """The split tensor by the node of a part."""
        return {part: name for name, parts in self.parts.items() for part in parts}


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
    isa: Isa = Isa.RV32IMC  # what its kernels are meant to run on
    bands: Bands | None = None

    @property
    def memory(self) -> MemoryPlan:
        return self.storage.memory

    @property
    def arena_bytes(self) -> int:
        """At least one unit, so that a program can declare it."""
        return max(self.memory.size, self.storage.alignment)

    def layer_of(self, step: Step) -> str | None:
        """The node of the layer that a step computes, or rows of; None for copies.

        What puts the results of a sorted layer in order is part of it.
        """
        node = step.draft.node
        if step.draft.field or step.draft.piece:
            return None
        if self.bands is None or node in self.bands.plain.model.graph:
            return unsorted(node)
        whole = self.bands.wholes.get(node)
        return None if whole is None else unsorted(whole)

    @property
    def copied_bytes(self) -> int:
        """Of the rows that are kept from one band to the next, each time that they move."""
        return sum(s.bytes for s in self.steps if self.layer_of(s) is None and not s.draft.field)

    @property
    def port_bytes(self) -> int:
        """Of the inputs and outputs."""
        return sum(p.qtype.size * p.type.bytes for p in (*self.inputs, *self.outputs))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All constants of the weights file."""
        return (*self.constants, *(a for s in self.steps for a in s.arrays))


def plan_c(model: IntegerModel, prefix: str, isa: Isa = Isa.RV32IMC) -> CPlan:
    """The plan of `model` as C for `isa` whose symbols start with `prefix`, an identifier."""
    if not model.inputs:
        raise CompileError("the network has no inputs", help="there is nothing to compile")
    inputs, outputs = _ports(model, model.inputs), _ports(model, model.outputs)
    steps = layers(model.graph)
    fixed_steps = [s for s in steps if isinstance(s.main.op, Constant)]
    constants = tuple(_constant(s, prefix) for s in fixed_steps)
    arrays = {s.main.name: a.name for s, a in zip(fixed_steps, constants, strict=True)}
    fixed = c_storage.given(model.graph, {p.port.node: p.name for p in inputs}, arrays)
    views = Views.of(model.graph)
    copied = c_storage.bind(model.graph, fixed, [(p.port.node, p.name) for p in outputs], views)
    packed = packed_bits(model, steps, fixed, isa, views)
    drafts = list(drafts_of(steps, model, prefix, isa, packed, views))
    taken = {s.name for s in steps}
    drafts += [copy_of(model, p.port.node, p.name, taken) for p in outputs if p.name in copied]
    uses = [use_of(d, model) for d in drafts]
    storage = c_storage.store(model.graph, uses, fixed, _alignment(model, steps), packed, views)
    drafts = [drafts[i] for i in storage.order.tasks]
    kept = [i for i, d in enumerate(drafts) if not _stays(d, storage)]
    made = tuple(_step(i, at, drafts[at], storage, model) for i, at in enumerate(kept))
    storage = storage.on_steps(kept)
    kernels = [k for s in made for k in (*_finishing(s.draft), *s.draft.code.kernels)]
    return CPlan(prefix, model, made, constants, _merged(kernels), inputs, outputs, storage, isa)


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


def _stays(draft: Draft, storage: Storage) -> bool:
    """Whether a part is in its place already."""
    return draft.piece is not None and storage.places[draft.node] == storage.places[draft.makes]


def _step(index: int, at: int, draft: Draft, storage: Storage, model: IntegerModel) -> Step:
    """A draft at a place in the order of execution, with its memory."""
    inputs = tuple(storage.places[name] for name in draft.sources)
    output = draft.field or storage.places[draft.makes]
    size = qtype_of(model, draft.node).size * output.bits // 8
    return Step(index, draft, inputs, output, storage.scratch.get(at), size)


def _alignment(model: IntegerModel, steps: tuple[Layer, ...]) -> int:
    """8 where anything in the arena may be 64 bits wide, else 4."""
    widest = max((container(qtype_of(model, n.name)).bits for n in model.graph), default=8)
    bounds = [
        s.main.op.reach(*(qtype_of(model, n) for n in s.inputs))
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
