"""Requantize before moving or pooling: narrow codes move, wide accumulators do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompile import ops
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel
from qcompile.ops.requant import Form, Requant, Scale


def requant_first(model: IntegerModel) -> IntegerModel:
    """Turns `Requant(move(x))` into `move(Requant(x))` until nothing changes."""
    while True:
        swaps = {r.inputs[0]: r for r in model.graph if isinstance(r.op, Requant)}
        swaps = {m: r for m, r in swaps.items() if swappable(model.graph, model.graph[m], r)}
        if not swaps:
            return model
        model = swapped(model, swaps)


def swappable(graph: Graph, move: Node, requant: Node) -> bool:
    """Whether the requantizer alone reads a movement, and commutes with it."""
    assert isinstance(requant.op, Requant)
    if graph.users(move) != [requant] or move.name in graph.outputs:
        return False
    one = len(requant.op.forms) == 1
    match move.op:
        case ops.MaxPool():
            return all(rises(form) for form in requant.op.forms)
        case ops.Transpose():
            return one or move.op.axes[-1] == len(move.op.axes) - 1
        case ops.Reshape():
            before = graph.sources(move)[0].type.shape
            return one or (before[-1:] == move.op.shape[-1:])
        case ops.Gather():
            return one or move.op.axis != len(move.type.shape) - 1
    return False


def rises(form: Form) -> bool:
    """Whether a form never falls."""
    if isinstance(form, Scale):
        return form.multiplier >= 0 and not form.exceptions
    return bool(np.all(np.diff(form.values) >= 0))


def swapped(model: IntegerModel, swaps: dict[str, Node]) -> IntegerModel:
    """The model with each pair the other way round; the values of other nodes stay."""
    early: dict[str, str] = {}
    movers = {r.name: model.graph[m] for m, r in swaps.items()}

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node.name in swaps:
            requant = swaps[node.name]
            name = new.fresh(f"{requant.name}.codes")
            early[requant.name] = name
            return new.add(name, requant.op, *inputs, origin=requant.origin)
        if node.name in movers:
            move = movers[node.name]
            return new.add(node.name, move.op, *inputs, origin=move.origin)
        return copy_node(new, node, inputs)

    graph = model.graph.rebuild(rule)
    proofs = tuple(replace(p, node=early.get(p.node, p.node)) for p in model.proofs)
    links = {k: v for k, v in model.links.items() if k in graph}
    return replace(model, graph=graph, proofs=proofs, links=links)
