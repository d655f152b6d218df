"""`--io-layout graph`: inputs and outputs in the order of the ONNX graph, at a cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompile.errors import CompileError
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel, Port
from qcompile.ops import Input, Transpose
from qcompile.qtype import QType
from qcompile.semantics.interval import Exact


def graph_layout(model: IntegerModel) -> IntegerModel:
    """The same network behind transposes, where the stored order differs from the graph's.

    Raises CompileError for an input whose channels have ranges of their own.
    """
    moved = {p.node: p for p in model.inputs if not in_order(p)}

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        port = moved.get(node.name)
        if port is None:
            return copy_node(new, node, inputs)
        entry = new.add(f"{node.name}_in_order", Input(entering(model, port)), origin=node.origin)
        return new.add(node.name, Transpose(port.axes), entry, origin=node.origin)

    graph = model.graph.rebuild(rule)
    inputs = tuple(
        reordered(p, f"{p.node}_in_order") if p.node in moved else p for p in model.inputs
    )
    outputs = tuple(p if in_order(p) else leaving(graph, p) for p in model.outputs)
    graph.outputs = tuple(dict.fromkeys(p.node for p in outputs))
    return replace(model, graph=graph, inputs=inputs, outputs=outputs)


def in_order(port: Port) -> bool:
    return port.axes == tuple(range(len(port.axes)))


def entering(model: IntegerModel, port: Port) -> QType:
    """The type of an input in the graph's order."""
    kind = model.type_of(port)
    if kind.low.size > 1:
        raise CompileError(
            "the channels of the input have ranges of their own, which another order cannot keep",
            at=port.name,
            help="leave out --io-layout graph",
        )
    return QType(port.shape, kind.low, kind.high)


def leaving(graph: Graph, port: Port) -> Port:
    """An output after its transpose."""
    order = tuple(int(a) for a in np.argsort(port.axes))
    origin = graph[port.node].origin
    node = graph.add(
        graph.fresh(f"{port.node}_in_order"), Transpose(order), port.node, origin=origin
    )
    return reordered(port, node)


def reordered(port: Port, node: str) -> Port:
    """The port in the graph's order."""

    def restored(array: Exact) -> Exact:
        moved: Exact = port.restored(array[np.newaxis])[0]
        return moved

    axes = tuple(range(len(port.axes)))
    unit, offset = restored(port.unit), restored(port.offset)
    return replace(port, node=node, axes=axes, unit=unit, offset=offset)
