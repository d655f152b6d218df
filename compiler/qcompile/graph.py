"""The graph: ops at their places, always typed, inside a networkx.MultiDiGraph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import networkx as nx

from qcompile.errors import CompileError
from qcompile.ops.base import Op
from qcompile.qtype import TensorType


@dataclass(frozen=True, eq=False)
class Node:
    """An op at its place. It makes one value, which has the node's name."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    type: TensorType
    origin: str
    """The ONNX node it comes from, for messages and reports."""


class Graph:
    """Nodes in the order of their adding; `add` infers and checks, so no graph is invalid."""

    def __init__(self) -> None:
        self._graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        self.outputs: tuple[str, ...] = ()

    def add(self, name: str, op: Op, *inputs: str, origin: str = "") -> str:
        """Add `op` reading the named values; raises CompileError where its types do not fit."""
        assert name not in self._graph, f"two values are called {name!r}"
        try:
            inferred = op.infer(*(self[i].type for i in inputs))
        except CompileError as error:
            raise error.at(origin or name) from None
        self._graph.add_node(name, node=Node(name, op, inputs, inferred, origin or name))
        for slot, source in enumerate(inputs):
            self._graph.add_edge(source, name, key=slot)
        return name

    def __getitem__(self, name: str) -> Node:
        node: Node = self._graph.nodes[name]["node"]
        return node

    def find(self, name: str) -> Node | None:
        """The node of that name, or None."""
        found: dict[str, Node] = self._graph.nodes.get(name, {})
        return found.get("node")

    def __contains__(self, name: str) -> bool:
        return name in self._graph

    def __iter__(self) -> Iterator[Node]:
        """All nodes, each after those it reads; ties in the order of adding."""
        for name in self._graph:  # add() only takes inputs that are there: insertion order will do
            yield self[name]

    def __len__(self) -> int:
        return len(self._graph)

    def sources(self, node: Node) -> list[Node]:
        """The nodes that `node` reads, in the order of its inputs."""
        return [self[name] for name in node.inputs]

    def users(self, node: Node) -> list[Node]:
        """The nodes that read `node`, each once, in the order of adding."""
        return [self[name] for name in self._graph.successors(node.name)]

    def fresh(self, name: str) -> str:
        """`name`, or the first of `name_1`, `name_2`, ... that is free."""
        if name not in self:
            return name
        return next(n for i in range(1, len(self) + 2) if (n := f"{name}_{i}") not in self)

    def rebuild(self, rule: Callable[[Graph, Node, tuple[str, ...]], str]) -> Graph:
        """A new graph: `rule(new, node, inputs)` adds what replaces `node` and names its value.

        `inputs` are the node's inputs by their names in the new graph. Nodes that no output
        needs are then left out.
        """
        new = Graph()
        names: dict[str, str] = {}
        for node in self:
            names[node.name] = rule(new, node, tuple(names[i] for i in node.inputs))
        new.outputs = tuple(names[o] for o in self.outputs)
        return new

    def pruned(self, keep: tuple[str, ...] = ()) -> Graph:
        """Without the nodes that no output (and none of `keep`) needs."""
        needed = {*self.outputs, *keep}
        for root in tuple(needed):
            needed |= nx.ancestors(self._graph, root)
        new = Graph()
        for node in self:
            if node.name in needed:
                new.add(node.name, node.op, *node.inputs, origin=node.origin)
        new.outputs = self.outputs
        return new

    def __str__(self) -> str:
        """One line a node: the form in tests and dumps."""
        lines = [f"{n.name}: {n.type} = {n.op.title}({', '.join(n.inputs)})" for n in self]
        return "\n".join([*lines, f"outputs: {', '.join(self.outputs)}"])


def copy_node(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
    """The rule that changes nothing."""
    return new.add(node.name, node.op, *inputs, origin=node.origin)
