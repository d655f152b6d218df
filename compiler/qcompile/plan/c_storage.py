"""Where the tensors of a C project are: in the caller's structures, in flash, or in the arena."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from qcompile.graph import Graph, Node
from qcompile.plan.arena import plan_arena, scratch_of
from qcompile.plan.c_types import CType, container
from qcompile.plan.c_views import Views
from qcompile.plan.memory import MemoryPlan, Proof
from qcompile.plan.order import Order
from qcompile.plan.tasks import Task
from qcompile.qtype import QType

APART = 8  # bytes that a copy to lower places may hold at a time: qc_copy_rows.inc


class Region(Enum):
    """Whose memory a tensor is in."""

    INPUT = "in"
    OUTPUT = "out"
    CONSTANT = "constant"
    ARENA = "arena"


@dataclass(frozen=True)
class Place:
    """Where a tensor is: in a field, in a constant, or in the arena, and bytes from its start."""

    region: Region
    type: CType
    name: str = ""
    offset: int = 0
    packed: int = 0  # bits of a code where a byte holds several

    @property
    def bits(self) -> int:
        """Of an element."""
        return self.packed or self.type.bits

    @property
    def text(self) -> str:
        """The pointer to its first element, in C."""
        further = f" + {self.offset // self.type.bytes}" if self.offset else ""
        match self.region:
            case Region.INPUT:
                return f"in->{self.name}{further}"
            case Region.OUTPUT:
                return f"out->{self.name}{further}"
            case Region.CONSTANT:
                return f"{self.name}{further}"
            case Region.ARENA:
                return f"AT({self.type.name}, {self.offset})"

    def beyond(self, elements: int) -> Place:
        """The place of what begins so many elements later."""
        bits = elements * self.bits
        assert bits % 8 == 0, "a view that begins within a byte"
        return replace(self, offset=self.offset + bits // 8)


@dataclass(frozen=True)
class Use:
    """What one step does to memory: the value it makes, those it reads, and its scratch bytes.

    `makes` is a node, or the key of a copy among the `Views`. `over` are the places in `reads` of
    inputs that it may write its result over. A step that goes `down` may also write it where a
    value begins of which its input is a later part.
    """

    makes: str
    reads: tuple[str, ...]
    scratch: int
    over: frozenset[int] = frozenset()
    down: bool = False


@dataclass(frozen=True, eq=False)
class Storage:
    """Places by node name (or key), of scratch by step, and the plan of the arena behind them.

    `order` has the steps as `uses` by their numbers, in the order of execution; the steps of
    `scratch` and of the plans are places in it. `values` is the plan without scratch.
    """

    places: dict[str, Place]
    scratch: dict[int, Place]
    order: Order
    memory: MemoryPlan
    values: MemoryPlan
    alignment: int

    def on_steps(self, kept: list[int]) -> Storage:
        """The same when of the places in the order only those in `kept` are steps."""
        place = {at: index for index, at in enumerate(kept)}
        scratch = {place[at]: found for at, found in self.scratch.items()}
        peak = min(bisect_left(kept, self.memory.peak), max(len(kept) - 1, 0))
        return replace(self, scratch=scratch, memory=replace(self.memory, peak=peak))

    @property
    def claim(self) -> str:
        """What is known of arenas that are smaller."""
        if not self.memory.optimal:
            return f"no placement needs less than {self.memory.lower_bound} bytes"
        if self.memory.proof is Proof.BOUND and self.order.optimal:
            return "no order of the layers and no placement needs less"
        return "no placement needs less in this order of the layers"


def given(graph: Graph, fields: dict[str, str], constants: dict[str, str]) -> dict[str, Place]:
    """Places of input nodes in their fields, and of constant nodes in their arrays."""
    places = {n: Place(Region.INPUT, type_of(graph[n]), field) for n, field in fields.items()}
    for name, array in constants.items():
        places[name] = Place(Region.CONSTANT, type_of(graph[name]), array)
    return places


def bind(
    graph: Graph, places: dict[str, Place], outputs: list[tuple[str, str]], views: Views
) -> set[str]:
    """Add to `places` the outputs (node, field) that layers can make where they are wanted.

    Returns the fields of the others: inputs, constants, parts of a value, and what is in another
    output already.
    """
    copied = set()
    for node, field in outputs:
        root = views.spots[node].root
        if root in places or bytes_of(graph[root]) != bytes_of(graph[node]):
            copied.add(field)
        else:
            places[root] = Place(Region.OUTPUT, type_of(graph[root]), field)
    return copied


def store(
    graph: Graph,
    uses: Sequence[Use],
    fixed: dict[str, Place],
    alignment: int,
    packed: Mapping[str, int],
    views: Views,
) -> Storage:
    """Everything else in the arena, each value from the step that makes it to its last reader.

    `packed` has the bits of a code for the nodes whose codes share bytes.

    Steps are put in another order where that needs less, and write over their inputs where they
    may and nothing reads them later.
    """
    tasks = tasks_of(uses, views, packed)
    made = {t.makes for t in tasks} - {None, *fixed}
    roots = [graph[name] for name in views.roots if name in made]
    sizes = {n.name: bytes_of(n, packed.get(n.name, 0)) for n in roots}
    arena = plan_arena(tasks, sizes, alignment)
    wholes = dict(fixed)
    for node in roots:
        offset = arena.memory.offsets[node.name]
        kind, bits = type_of(node), packed.get(node.name, 0)
        wholes[node.name] = Place(Region.ARENA, kind, "", offset, bits)
    places = {
        name: wholes[spot.root].beyond(spot.start)
        for name, spot in views.spots.items()
        if spot.root in wholes
    }
    byte = CType(8, signed=False)
    scratch = {
        step: Place(Region.ARENA, byte, "", arena.memory.offsets[scratch_of(step)])
        for step, number in enumerate(arena.order.tasks)
        if uses[number].scratch
    }
    return Storage(places, scratch, arena.order, arena.memory, arena.values, alignment)


def tasks_of(uses: Sequence[Use], views: Views, packed: Mapping[str, int]) -> list[Task]:
    """The same in terms of whose memory it is.

    Of the steps that make the parts of a whole, the first makes the whole's memory; the others
    need it, and make nothing but what is read as a part.
    """
    makers: dict[str, str] = {}
    for use in uses:
        makers.setdefault(views.spots[use.makes].root, use.makes)
    return [_task(use, views, packed, makers) for use in uses]


def _task(use: Use, views: Views, packed: Mapping[str, int], makers: dict[str, str]) -> Task:
    """One of them; a copy of an output makes nothing.

    Where inputs are in the same memory, all of them must be such that it may be written over.
    Codes that share bytes are never written over, nor written over others; nor is a part but the
    first of a whole.
    """
    spots = [views.spots[name] for name in use.reads]
    made = frozenset().union(*(views.made(name) for name in use.reads)) - set(makers.values())
    reads = frozenset(spot.root for spot in spots) | made
    target = views.spots[use.makes]
    if use.makes in use.reads:
        return Task(None, reads, use.scratch)
    if makers[target.root] != use.makes:
        return Task(use.makes, reads | {target.root}, use.scratch)
    if target.start or packed.get(target.root, 0):
        return Task(target.root, reads, use.scratch)
    kept = {
        spot.root
        for i, spot in enumerate(spots)
        if i not in use.over or packed.get(spot.root, 0) or not _below(use, spot.start)
    }
    return Task(target.root, reads, use.scratch, reads - made - kept, use.down)


def _below(use: Use, start: int) -> bool:
    """Whether a step may write its result so many elements before its input."""
    return start == 0 or (use.down and start >= APART)


def type_of(node: Node) -> CType:
    assert isinstance(node.type, QType), "a real tensor is left in the integer graph"
    return container(node.type)


def bytes_of(node: Node, packed: int = 0) -> int:
    assert isinstance(node.type, QType), "a real tensor is left in the integer graph"
    return node.type.size * (packed or container(node.type).bits) // 8
