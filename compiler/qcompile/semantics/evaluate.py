"""The oracle: a graph of reals, evaluated as it was read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompile.errors import CompileError
from qcompile.graph import Graph, Node
from qcompile.semantics.base import RealOp
from qcompile.semantics.number import Number
from qcompile.semantics.sources import Input


def evaluate(
    graph: Graph,
    feeds: dict[str, Number],
    keep: Callable[[str], bool] | None = None,
) -> dict[str, Number]:
    """The values of the graph's outputs (and of every node that `keep` names).

    `feeds` holds a number for each input, with a sample axis, and for any node whose value is
    given instead of computed. Raises CompileError with the node's name where a value cannot be
    decided.
    """
    values: dict[str, Number] = {}
    last = {name: node.name for node in graph for name in node.inputs}
    results: dict[str, Number] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for node in graph:
            value = feeds.get(node.name)
            if value is None:
                value = computed(node, values)
            values[node.name] = value
            if node.name in graph.outputs or (keep is not None and keep(node.name)):
                results[node.name] = value
            for name in set(node.inputs):
                if last[name] == node.name:
                    del values[name]
    return results


def computed(node: Node, values: dict[str, Number]) -> Number:
    """The value of a node from those of its inputs."""
    assert isinstance(node.op, RealOp), "the oracle runs the graph as read"
    try:
        return node.op.run(*(values[i] for i in node.inputs))
    except CompileError as error:
        raise error.at(node.origin) from None


def constants(graph: Graph) -> dict[str, Number]:
    """The values of all nodes that no input reaches: feeds for many calls of `evaluate`."""
    values: dict[str, Number] = {}
    for node in graph:
        if not isinstance(node.op, Input) and all(i in values for i in node.inputs):
            values[node.name] = computed(node, values)
    return values
