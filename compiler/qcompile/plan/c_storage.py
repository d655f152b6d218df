"""Where the tensors of a C project are: in the caller's structures, in flash, or in the arena."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from qcompile.graph import Graph, Node
from qcompile.ops import Reshape
from qcompile.plan.c_types import CType, container
from qcompile.plan.memory import Buffer, MemoryPlan, place
from qcompile.qtype import QType


class Region(Enum):
    """Whose memory a tensor is in."""

    INPUT = "in"
    OUTPUT = "out"
    CONSTANT = "constant"
    ARENA = "arena"


@dataclass(frozen=True)
class Place:
    """Where a tensor is: a field, a constant's name, or bytes from the start of the arena."""

    region: Region
    type: CType
    name: str = ""
    offset: int = 0

    @property
    def text(self) -> str:
        """The pointer to its first element, in C."""
        match self.region:
            case Region.INPUT:
                return f"in->{self.name}"
            case Region.OUTPUT:
                return f"out->{self.name}"
            case Region.CONSTANT:
                return self.name
            case Region.ARENA:
                return f"AT({self.type.name}, {self.offset})"


@dataclass(frozen=True)
class Use:
    """What one step does to memory: the value it makes, those it reads, and its scratch bytes."""

    makes: str
    reads: tuple[str, ...]
    scratch: int


@dataclass(frozen=True, eq=False)
class Storage:
    """Places by node name, of scratch by step, and the plan of the arena behind them."""

    places: dict[str, Place]
    scratch: dict[int, Place]
    memory: MemoryPlan
    alignment: int


def roots(graph: Graph) -> dict[str, str]:
    """For each node, the one whose memory its value is in: a Reshape only looks at its input."""
    found: dict[str, str] = {}
    for node in graph:
        is_view = isinstance(node.op, Reshape)
        found[node.name] = found[node.inputs[0]] if is_view else node.name
    return found


def given(graph: Graph, fields: dict[str, str], constants: dict[str, str]) -> dict[str, Place]:
    """Places of input nodes in their fields, and of constant nodes in their arrays."""
    places = {n: Place(Region.INPUT, type_of(graph[n]), field) for n, field in fields.items()}
    for name, array in constants.items():
        places[name] = Place(Region.CONSTANT, type_of(graph[name]), array)
    return places


def bind(graph: Graph, places: dict[str, Place], outputs: list[tuple[str, str]]) -> set[str]:
    """Add to `places` the outputs (node, field) that layers can make where they are wanted.

    Returns the fields of the others: inputs, constants, and what is in another output already.
    """
    origin = roots(graph)
    copied = set()
    for node, field in outputs:
        root = origin[node]
        if root in places:
            copied.add(field)
        else:
            places[root] = Place(Region.OUTPUT, type_of(graph[root]), field)
    return copied


def store(graph: Graph, uses: list[Use], fixed: dict[str, Place], alignment: int) -> Storage:
    """Everything else in the arena, each value from the step that makes it to its last reader."""
    origin = roots(graph)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    buffers = []
    for step, use in enumerate(uses):
        first.setdefault(origin[use.makes], step)
        for name in (use.makes, *use.reads):
            last[origin[name]] = step
        if use.scratch:
            buffers.append(Buffer(_scratch(step), use.scratch, step, step))
    for name, step in first.items():
        if name not in fixed:
            buffers.append(Buffer(name, bytes_of(graph[name]), step, last[name]))
    memory = place(buffers, alignment)
    places = {}
    for node in graph:
        root = origin[node.name]
        if root in fixed:
            places[node.name] = fixed[root]
        elif root in memory.offsets:
            places[node.name] = Place(Region.ARENA, type_of(node), "", memory.offsets[root])
    byte = CType(8, signed=False)
    scratch = {
        step: Place(Region.ARENA, byte, "", memory.offsets[_scratch(step)])
        for step, use in enumerate(uses)
        if use.scratch
    }
    return Storage(places, scratch, memory, alignment)


def _scratch(step: int) -> str:
    return f"(scratch of step {step})"  # no node is called so


def type_of(node: Node) -> CType:
    assert isinstance(node.type, QType), "a real tensor is left in the integer graph"
    return container(node.type)


def bytes_of(node: Node) -> int:
    assert isinstance(node.type, QType), "a real tensor is left in the integer graph"
    return node.type.size * container(node.type).bytes
