"""Last layers with channels of several weight widths: sorted by width, put back in order after.

`order_channels` leaves the channels of outputs where they are, and the layer that makes them
may have another width with every channel. Quads of unlike widths are unpacked before they are
executed, which costs more than to bring the results in order, unless there are many pixels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompile import ops
from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel
from qcompile.ops.requant import Requant
from qcompile.passes.order_channels import permuted
from qcompile.qtype import Ints, QType

QUAD = 4
UNPACKED = 5  # cycles a weight, about
MOVED = 10  # cycles a result
SORTED = "sorted"


def sort_outputs(model: IntegerModel) -> IntegerModel:
    """The same network; layers that are sorted have names that end with `.sorted`."""
    orders: dict[str, Ints] = {}
    for port in model.outputs:
        node = model.graph[port.node]
        made = _maker(model.graph, node)
        if made is not None and isinstance(made.op, ops.Conv | ops.Dense) and _pays(node, made.op):
            order = sorting(made.op.weight_bits)
            orders |= {node.name: order, made.name: order}
    if not orders:
        return model

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        order = orders.get(node.name)
        if order is None:
            return new.add(node.name, node.op, *inputs, origin=node.origin)
        natural = [np.arange(model.graph[i].type.shape[-1]) for i in node.inputs]
        op = permuted(node, natural, order)
        name = new.add(f"{node.name}.{SORTED}", op, *inputs, origin=node.origin)
        if node.name not in {port.node for port in model.outputs}:
            return name
        back = ops.Gather(len(node.type.shape) - 1, tuple(int(i) for i in np.argsort(order)))
        return new.add(node.name, back, name, origin=node.origin)

    links = {n: link for n, link in model.links.items() if n not in orders or _is_port(model, n)}
    return replace(model, graph=model.graph.rebuild(rule), links=links)


def unsorted(name: str) -> str:
    """The name that a layer had before it was sorted, if it was."""
    return name.removesuffix(f".{SORTED}")


def sorting(bits: tuple[int, ...]) -> Ints:
    """The channels with the widest first, equal ones in their order."""
    return np.argsort(-np.array(bits), kind="stable")


def _is_port(model: IntegerModel, name: str) -> bool:
    return any(port.node == name for port in model.outputs)


def _maker(graph: Graph, node: Node) -> Node | None:
    """The layer whose result the output is, if nothing else reads it."""
    if isinstance(node.op, Requant):
        (source,) = node.inputs
        if len(graph.users(graph[source])) > 1:
            return None
        made = graph[source]
    else:
        made = node
    if graph.users(node) or (made.name in graph.outputs and made is not node):
        return None
    conv = isinstance(made.op, ops.Conv) and made.op.groups == 1
    return made if conv or isinstance(made.op, ops.Dense) else None


def _pays(output: Node, op: ops.Conv | ops.Dense) -> bool:
    """Whether fewer weights to unpack are worth bringing all results in order."""
    assert isinstance(output.type, QType)
    bits = op.weight_bits
    fewer = mixed(bits) - mixed(tuple(bits[c] for c in sorting(bits)))
    return UNPACKED * QUAD * fewer * int(op.weight[0].size) > MOVED * output.type.size


def mixed(bits: tuple[int, ...]) -> int:
    """Quads of more than one width."""
    return sum(len(set(bits[i : i + QUAD])) > 1 for i in range(0, len(bits), QUAD))
