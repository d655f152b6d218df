"""Channels of equal weight width next to each other, so that each layer is a few runs.

Tensors that must agree (Add, depthwise, pooling, ...) share one order; what reads them permutes
its weights. Where an order cannot be followed (inputs, outputs, unusual reshapes) it stays as it
is, and the runs with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from itertools import groupby
from math import prod

import networkx as nx
import numpy as np

from qcompile import ops
from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel
from qcompile.ops.requant import Requant
from qcompile.qtype import Ints

FREE = (ops.Conv, ops.Dense)
DERIVED = (ops.Concat, ops.Gather, ops.Reshape)


def order_channels(model: IntegerModel) -> IntegerModel:
    """The same network with the channels of its inner tensors in the order of their widths."""
    graph = model.graph
    classes = Classes(graph, {p.node for p in (*model.inputs, *model.outputs)})
    chosen = {root: best_order(graph, nodes) for root, nodes in classes.free().items()}
    orders: dict[str, Ints] = {}

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        before = [orders[i] for i in node.inputs]
        root = classes.root(node.name)
        if isinstance(node.op, DERIVED) and classes.derives(node):
            orders[node.name] = derived_order(graph, node, before)
        elif root in chosen:
            orders[node.name] = chosen[root]
        elif before and classes.follows(node):
            orders[node.name] = max(before, key=len)
        else:
            orders[node.name] = np.arange(channels(node))
        op = permuted(node, before, orders[node.name])
        return new.add(node.name, op, *inputs, origin=node.origin)

    new = graph.rebuild(rule)
    links = {
        name: replace(link, order=tuple(int(c) for c in orders[name]))
        if np.any(np.diff(orders[name]) != 1)
        else link
        for name, link in model.links.items()
    }
    return replace(model, graph=new, links=links)


def channels(node: Node) -> int:
    return node.type.shape[-1] if node.type.shape else 1


class Classes:
    """Which tensors must have their channels in one order, and which keep the order they have."""

    def __init__(self, graph: Graph, ends: set[str]) -> None:
        self._graph = graph
        self._sets = nx.utils.UnionFind(node.name for node in graph)
        fixed = set(ends)
        for node in graph:
            fixed |= self._join(node)
        self._fixed = {self._sets[name] for name in fixed}
        self._settle()

    def root(self, name: str) -> str:
        found: str = self._sets[name]
        return found

    def free(self) -> dict[str, list[Node]]:
        """The classes whose order may be chosen, with the nodes whose widths decide it."""
        found: dict[str, list[Node]] = {}
        for node in self._graph:
            root = self.root(node.name)
            if root not in self._fixed and free_order(node):
                found.setdefault(root, []).append(node)
        return found

    def derives(self, node: Node) -> bool:
        """Whether the order of a node follows from its inputs' in another way than being equal."""
        return node.name == self.root(node.name) or all(
            self.root(i) != self.root(node.name) for i in node.inputs
        )

    def follows(self, node: Node) -> bool:
        """Whether a node has the order of an input of its class."""
        return any(self.root(i) == self.root(node.name) for i in node.inputs)

    def _join(self, node: Node) -> set[str]:
        """Unite what must agree around one node; returns what must keep its order."""
        relation = related(self._graph, node)
        if relation is Relation.SAME:
            wide = [i for i in node.inputs if channels(self._graph[i]) == channels(node)]
            self._sets.union(node.name, *wide)
        if relation is Relation.OWN_ORDER:
            return {node.name}
        return {node.name, *node.inputs} if relation is Relation.FIXED else set()

    def _settle(self) -> None:
        """A derived order that meets another one in its class cannot be followed: fix both."""
        changed = True
        while changed:
            changed = False
            for node in self._graph:
                if not self._derived(node):
                    continue
                root = self.root(node.name)
                members = [n for n in self._graph if self.root(n.name) == root]
                makers = [n for n in members if free_order(n) or self._derived(n)]
                involved = {root, *(self.root(i) for i in node.inputs)}
                if (root in self._fixed or len(makers) > 1) and not involved <= self._fixed:
                    self._fixed |= involved
                    changed = True

    def _derived(self, node: Node) -> bool:
        if isinstance(node.op, ops.Concat):
            return node.op.axis == len(node.type.shape) - 1
        return isinstance(node.op, ops.Reshape) and self.root(node.inputs[0]) != self.root(
            node.name
        )


class Relation(Enum):
    """What an op says of the orders of its result's and its inputs' channels."""

    FREE = "any order of the result, any of the inputs"
    SAME = "one order for all of them"
    OWN_ORDER = "the result keeps its order, whatever that of the inputs"
    FIXED = "all keep their order"


def related(graph: Graph, node: Node) -> Relation:
    """How the channel orders around a node depend on each other."""
    last = len(node.type.shape) - 1
    match node.op:
        case ops.Input() | ops.Constant():
            return Relation.OWN_ORDER
        case ops.Conv() if node.op.groups > 1:
            alike = node.op.depthwise and node.op.groups == channels(node)
            return Relation.SAME if alike else Relation.FIXED
        case ops.Conv() | ops.Dense():
            return Relation.FREE
        case Requant() | ops.MaxPool() | ops.SumPool() | ops.RoundedSumPool():
            return Relation.SAME
        case ops.Add() | ops.Mul():
            return Relation.SAME
    return related_by_movement(graph, node, last)


def related_by_movement(graph: Graph, node: Node, last: int) -> Relation:
    """The same for ops that move elements; `last` is the channel axis."""
    match node.op:
        case ops.Concat():
            return Relation.FREE if node.op.axis == last else Relation.SAME
        case ops.Gather():
            return Relation.OWN_ORDER if node.op.axis == last else Relation.SAME
        case ops.Pad() if node.op.pads[-1] == (0, 0):
            return Relation.SAME
        case ops.Transpose() if node.op.axes[-1] == last:
            return Relation.SAME
        case ops.Reshape() if channels(graph[node.inputs[0]]) == channels(node) > 1:
            return Relation.SAME
        case ops.Reshape() if flattens(graph, node):
            return Relation.FREE
    return Relation.FIXED


def free_order(node: Node) -> bool:
    """Whether the output channels of a node may come in any order."""
    return isinstance(node.op, ops.Dense) or (
        isinstance(node.op, ops.Conv) and (node.op.groups == 1 or node.op.depthwise)
    )


def flattens(graph: Graph, node: Node) -> bool:
    """Whether a Reshape makes one vector of the last axis and all before it."""
    shape = graph[node.inputs[0]].type.shape
    return bool(shape) and prod(shape) == channels(node)


def best_order(graph: Graph, makers: list[Node]) -> Ints:
    """The order of channels that leaves the fewest runs of one width, over all layers."""
    widths = [node.op.weight_bits for node in makers if isinstance(node.op, FREE)]
    tried = []
    for first in range(len(widths)):
        keys = [widths[(first + i) % len(widths)] for i in range(len(widths))]
        order = sorted(range(len(widths[0])), key=lambda c: [-k[c] for k in keys])
        tried.append(order)
    tried.append(list(range(len(widths[0]))))
    best = min(tried, key=lambda order: sum(runs(w[c] for c in order) for w in widths))
    return np.array(best, np.int64)


def runs(widths: Iterable[int]) -> int:
    """How many runs of equal numbers there are."""
    return sum(1 for _ in groupby(widths))


def derived_order(graph: Graph, node: Node, before: list[Ints]) -> Ints:
    """The order of what is put together, or flattened, or gathered from ordered tensors."""
    if isinstance(node.op, ops.Concat) and node.op.axis == len(node.type.shape) - 1:
        starts = np.cumsum([0, *(len(b) for b in before[:-1])])
        return np.concatenate([b + s for b, s in zip(before, starts, strict=True)])
    if isinstance(node.op, ops.Reshape) and flattens(graph, node):
        width = len(before[0])
        pixels = channels(node) // width
        return (np.arange(pixels)[:, np.newaxis] * width + before[0]).reshape(-1)
    return np.arange(channels(node))


def permuted(node: Node, before: list[Ints], after: Ints) -> ops.IntegerOp:
    """The op on inputs whose channels are in the orders `before`, making the order `after`."""
    op = node.op
    match op:
        case ops.Dense():
            bits = tuple(op.weight_bits[c] for c in after)
            weight = op.weight[after][:, before[0]]
            return replace(op, weight=weight, bias=op.bias[after], weight_bits=bits)
        case ops.Conv():
            bits = tuple(op.weight_bits[c] for c in after)
            weight = op.weight[after]
            if op.groups == 1:
                weight = weight[..., before[0]]
            return replace(op, weight=weight, bias=op.bias[after], weight_bits=bits)
        case Requant():
            forms = tuple(op.forms[c] for c in after) if len(op.forms) > 1 else op.forms
            low, high = (e[after] if e.size > 1 else e for e in (op.type_low, op.type_high))
            return replace(op, forms=forms, type_low=low, type_high=high)
        case ops.Gather() if op.axis == len(node.type.shape) - 1:
            place = np.argsort(before[0])
            return replace(op, indices=tuple(int(place[i]) for i in op.indices))
    assert isinstance(op, ops.IntegerOp)
    return op
