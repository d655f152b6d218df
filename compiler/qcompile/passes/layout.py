"""Orders of axes: taken in by inputs and by dense weights, so that no data moves for them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from qcompile import ops
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel, Port
from qcompile.qtype import QType


def absorb_input_order(model: IntegerModel) -> IntegerModel:
    """An input that is only read transposed arrives in that order."""
    graph = model.graph
    turned: dict[str, tuple[int, ...]] = {}
    for port in model.inputs:
        users = graph.users(graph[port.node])
        orders = {u.op.axes for u in users if isinstance(u.op, ops.Transpose)}
        idle = port.node not in graph.outputs and bool(users)
        if idle and len(orders) == 1 and all(isinstance(u.op, ops.Transpose) for u in users):
            turned[port.node] = orders.pop()
    if not turned:
        return model

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node.name in turned:
            found = node.type
            assert isinstance(found, QType)
            kind = ops.Transpose(turned[node.name]).result(found)
            return new.add(node.name, ops.Input(kind), origin=node.origin)
        if node.inputs and node.inputs[0] in turned and node.name not in graph.outputs:
            return inputs[0]
        if node.inputs and node.inputs[0] in turned:
            return new.add(node.name, ops.Reshape(node.type.shape), *inputs, origin=node.origin)
        return copy_node(new, node, inputs)

    new = graph.rebuild(rule)
    ports = tuple(_turned(p, turned[p.node]) if p.node in turned else p for p in model.inputs)
    links = {k: v for k, v in model.links.items() if k in new and k not in turned}
    return replace(model, graph=new, inputs=ports, links=links)


def _turned(port: Port, order: tuple[int, ...]) -> Port:
    axes = tuple(port.axes[a] for a in order)
    return replace(
        port, axes=axes, unit=port.unit.transpose(order), offset=port.offset.transpose(order)
    )


def absorb_flatten(model: IntegerModel) -> IntegerModel:
    """A dense layer on a transposed and flattened image gets its columns permuted instead."""
    graph = model.graph
    columns: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = {}
    skipped: set[str] = set()
    for node in graph:
        chain = _flatten_chain(graph, node)
        if chain is None:
            continue
        transpose, _ = chain
        assert isinstance(transpose.op, ops.Transpose)
        shape = graph.sources(transpose)[0].type.shape
        places = np.arange(prod(shape), dtype=np.int64).reshape(shape)
        columns[node.name] = places.transpose(transpose.op.axes).reshape(-1)
        skipped.add(transpose.name)
    if not columns:
        return model

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node.name in skipped:
            return inputs[0]
        if node.name in columns:
            assert isinstance(node.op, ops.Dense)
            weight = np.empty_like(node.op.weight)
            weight[:, columns[node.name]] = node.op.weight
            return new.add(node.name, replace(node.op, weight=weight), *inputs, origin=node.origin)
        return copy_node(new, node, inputs)

    new = graph.rebuild(rule)
    changed = {graph[n].inputs[0] for n in columns}
    links = {k: v for k, v in model.links.items() if k in new and k not in changed}
    return replace(model, graph=new, links=links)


def _flatten_chain(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """(Transpose, Reshape) before a Dense that reads one flat vector, if only it reads them."""
    if not isinstance(node.op, ops.Dense):
        return None
    (reshape,) = graph.sources(node)
    if not isinstance(reshape.op, ops.Reshape) or graph.users(reshape) != [node]:
        return None
    if prod(reshape.op.shape) != reshape.op.shape[-1]:
        return None
    (transpose,) = graph.sources(reshape)
    if not isinstance(transpose.op, ops.Transpose) or graph.users(transpose) != [reshape]:
        return None
    if {transpose.name, reshape.name} & set(graph.outputs):
        return None
    return transpose, reshape


def drop_idle_movement(model: IntegerModel) -> IntegerModel:
    """Movements that change nothing, and two of a kind that make one."""
    graph = model.graph
    kept = set(graph.outputs)

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if isinstance(node.op, ops.Reshape | ops.Transpose | ops.Gather):
            source = new[inputs[0]]
            op = _merged(source, node, new)
            if op is not None and isinstance(source.op, type(node.op)):
                inputs = source.inputs
                node = replace(node, op=op)
            if _idle(node, new[inputs[0]]) and node.name not in kept:
                return inputs[0]
        return copy_node(new, node, inputs)

    new = graph.rebuild(rule).pruned(tuple(p.node for p in model.inputs))
    links = {k: v for k, v in model.links.items() if k in new}
    return replace(model, graph=new, links=links)


def _merged(source: Node, node: Node, graph: Graph) -> ops.IntegerOp | None:
    """One op for two of the same kind in a row."""
    if source.name in graph.outputs:
        return None
    match source.op, node.op:
        case ops.Reshape(), ops.Reshape():
            return node.op
        case ops.Transpose(), ops.Transpose():
            return ops.Transpose(tuple(source.op.axes[a] for a in node.op.axes))
    return None


def _idle(node: Node, source: Node) -> bool:
    match node.op:
        case ops.Reshape():
            return source.type.shape == node.op.shape
        case ops.Transpose():
            return node.op.axes == tuple(range(len(node.op.axes)))
        case ops.Gather():
            size = source.type.shape[node.op.axis]
            return node.op.indices == tuple(range(size))
    return False
