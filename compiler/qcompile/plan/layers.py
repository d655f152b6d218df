"""Layers: an op together with the requantizer that alone reads it."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.graph import Graph, Node
from qcompile.names import identifiers
from qcompile.ops import Add, Conv, Dense, MatMul, Mul, Requant, RoundedSumPool, SumPool
from qcompile.qtype import QType

FUSABLE = (Conv, Dense, MatMul, Add, Mul, SumPool, RoundedSumPool)


@dataclass(frozen=True, eq=False)
class Layer:
    """One step of the emitted code: `main`, then `requant` on each of its results if there is one.

    The layer's value is that of its last node.
    """

    name: str  # an identifier, unique in the network
    main: Node
    requant: Node | None
    inputs: tuple[str, ...]  # node names whose values it reads

    @property
    def last(self) -> Node:
        return self.requant or self.main

    @property
    def output(self) -> QType:
        found = self.last.type
        assert isinstance(found, QType)
        return found

    @property
    def accumulator(self) -> QType:
        """The type of what `main` makes, before the requantizer."""
        found = self.main.type
        assert isinstance(found, QType)
        return found


def layers(graph: Graph) -> tuple[Layer, ...]:
    """All layers in the order of execution; every node is in exactly one."""
    fused = {node.name: _requantizer(graph, node) for node in graph}
    absorbed = {r.name for r in fused.values() if r is not None}
    names = identifiers(label(n.origin) for n in graph if n.name not in absorbed)
    taken: dict[str, int] = {}
    steps = []
    for node in graph:
        if node.name in absorbed:
            continue
        requant = fused[node.name]
        base = names[label(node.origin)]
        taken[base] = taken.get(base, 0) + 1
        name = base if taken[base] == 1 else f"{base}_part{taken[base]}"
        steps.append(Layer(name, node, requant, node.inputs))
    return tuple(steps)


def label(origin: str) -> str:
    """The part of an ONNX name that says most: converters join the names of fused nodes by `;`."""
    return origin.rsplit(";", 1)[-1]


def _requantizer(graph: Graph, node: Node) -> Node | None:
    """The Requant that alone reads `node`, if the two make one layer."""
    users = graph.users(node)
    if not isinstance(node.op, FUSABLE) or node.name in graph.outputs or len(users) != 1:
        return None
    return users[0] if isinstance(users[0].op, Requant) else None
