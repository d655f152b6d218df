"""Values that share memory with others: parts and wholes.

A Reshape only looks at its input. So does a Gather of places side by side along the first axis that
is longer than 1, further on in memory. The other way round, what a Concat along that axis joins is
made where it is wanted, each part behind the one before it; a part that something else decides the
place of (an input, a view, a part of another whole) is copied there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod

from qcompile.graph import Graph, Node
from qcompile.ops import Concat, Constant, Gather, Input, Reshape
from qcompile.plan.c_types import container
from qcompile.plan.layers import Layer
from qcompile.qtype import QType


@dataclass(frozen=True)
class Spot:
    """Whose memory a value is in, and how many elements before it."""

    root: str
    start: int = 0


@dataclass(frozen=True)
class Piece:
    """A part of a whole. `key` is the node that is made in its place, or names its copy there."""

    key: str
    source: str
    start: int  # in elements of the whole
    alike: bool  # its codes have the type of the whole's

    @property
    def copied(self) -> bool:
        return self.key != self.source


@dataclass(frozen=True, eq=False)
class Views:
    """Where every value is relative to others: by its node's name, and copies by their keys.

    `wholes` are the Concats whose parts are put in their places, by name.
    """

    spots: dict[str, Spot]
    wholes: dict[str, tuple[Piece, ...]]
    looked_at: dict[str, str]  # views, and the node that each looks at

    @classmethod
    def of(cls, graph: Graph) -> Views:
        looked_at = {n.name: (n.inputs[0], start) for n in graph for start in _offset(graph, n)}
        held: dict[str, tuple[str, int]] = {}  # parts that are made in their place: whole, start
        copies: set[str] = set()  # a whole may begin where such a part is, and grow over it
        wholes = {}
        for node in graph:
            pieces = tuple(_pieces(graph, node, {*held, *graph.outputs, *copies}))
            if any(not piece.copied for piece in pieces):
                wholes[node.name] = pieces
                held |= {p.key: (node.name, p.start) for p in pieces}
            elif pieces:
                copies.add(node.name)
        within = looked_at | held

        @cache
        def spot(name: str) -> Spot:
            if name not in within:
                return Spot(name)
            outer, start = within[name]
            found = spot(outer)
            return Spot(found.root, found.start + start)

        names = [*(n.name for n in graph), *held]
        return cls({n: spot(n) for n in names}, wholes, {n: s for n, (s, _) in looked_at.items()})

    @property
    def roots(self) -> list[str]:
        """The nodes whose values have memory of their own."""
        return [name for name, spot in self.spots.items() if spot.root == name]

    def made(self, name: str) -> frozenset[str]:
        """The parts that must be there before a value can be read, where it has parts."""
        if name in self.looked_at:
            return self.made(self.looked_at[name])
        if name in self.wholes:
            return frozenset().union(*(self.made(p.key) for p in self.wholes[name]))
        return frozenset([name]) if self.spots[name].root != name else frozenset()


def leads(shape: tuple[int, ...], axis: int) -> bool:
    """Whether places along an axis lie side by side, each a stretch of memory."""
    return prod(shape[:axis]) == 1


def _offset(graph: Graph, node: Node) -> Iterator[int]:
    """Of a view: how many elements are before it. Nothing for what is no view."""
    if isinstance(node.op, Reshape):
        yield 0
    if not isinstance(node.op, Gather) or not leads(node.type.shape, node.op.axis):
        return
    (source,) = graph.sources(node)
    axis, size = node.op.axis, source.type.shape[node.op.axis]
    places = [i % size for i in node.op.indices]
    side_by_side = places == list(range(places[0], places[0] + len(places)))
    if side_by_side and _alike(source, node):
        yield places[0] * prod(source.type.shape[axis + 1 :])


def _pieces(graph: Graph, node: Node, settled: set[str]) -> Iterator[Piece]:
    """The parts of a Concat whose parts are stretches of it; none of other nodes."""
    if not isinstance(node.op, Concat) or not leads(node.type.shape, node.op.axis):
        return
    start = 0
    for i, source in enumerate(graph.sources(node)):
        fixed = isinstance(source.op, Input | Constant | Reshape | Gather)
        free = not fixed and source.name not in settled
        once = node.inputs.count(source.name) == 1
        alike = _alike(source, node)
        key = source.name if free and once and alike else f"{node.name} (part {i})"
        yield Piece(key, source.name, start, alike)
        assert isinstance(source.type, QType)
        start += source.type.size


def _alike(one: Node, other: Node) -> bool:
    """Whether the codes of two tensors have one type in memory."""
    assert isinstance(one.type, QType)
    assert isinstance(other.type, QType)
    return container(one.type) == container(other.type)


@dataclass(frozen=True)
class Copy:
    """A step that brings a part to its place in a whole."""

    name: str  # an identifier, unique in the network
    piece: Piece
    whole: str


def makes(step: Layer | Copy) -> str:
    """What a step makes: a key of `Views.spots`."""
    return step.piece.key if isinstance(step, Copy) else step.last.name


def reads(step: Layer | Copy) -> tuple[str, ...]:
    """The nodes whose values a step reads."""
    return (step.piece.source,) if isinstance(step, Copy) else step.inputs


def in_order(steps: tuple[Layer, ...], views: Views) -> Iterator[Layer | Copy]:
    """What there is to do, in the order of the layers.

    What is copied into a whole is so before the first part that is made there, if it can be: then
    the whole may grow over it.
    """
    outer = {p.key: whole for whole, pieces in views.wholes.items() for p in pieces}
    left = {whole: [p for p in pieces if p.copied] for whole, pieces in views.wholes.items()}
    names = {step.last.name: step.name for step in steps}
    ready: set[str] = set()
    for step in steps:
        made = step.last.name
        whole = made if made in views.wholes else outer.get(made, "")
        for piece in [p for p in left.get(whole, ()) if p.source in ready]:
            left[whole].remove(piece)
            yield Copy(f"{names[whole]}_rest{len(left[whole])}", piece, whole)
        given = isinstance(step.main.op, Input | Constant)
        if not given and made not in views.looked_at and made not in views.wholes:
            yield step
        ready |= {step.main.name, made}
