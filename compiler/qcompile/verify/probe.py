"""A network of nothing but the requantizers of another: emitted, it drives them directly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel, Port
from qcompile.ops import Input, Requant
from qcompile.qtype import Ints, QType
from qcompile.semantics.units import whole
from qcompile.verify.vectors import Codes, probes


def probe_model(model: IntegerModel, most: int = 0) -> tuple[IntegerModel, Codes] | None:
    """Each requantizer with an input and an output of its own, and one vector of probes.

    Shapes are [points, channels]; port names are the names of the requantizers' nodes. Where `most`
    is not 0 and there are more codes, each requantizer keeps every so many-th of its points.
    """
    graph = Graph()
    inputs, outputs, codes = [], [], Codes()
    for node, kind, points in probed(model, most):
        entry = graph.add(
            graph.fresh(f"{node.name}_probes"), Input(QType.of(points.shape, kind.low, kind.high))
        )
        graph.add(node.name, node.op, entry, origin=node.origin)
        inputs.append(port(node.name, entry, points))
        outputs.append(port(node.name, node.name, points))
        codes[node.name] = points[np.newaxis]
    if not inputs:
        return None
    graph.outputs = tuple(p.node for p in outputs)
    return IntegerModel(model.name, graph, tuple(inputs), tuple(outputs)), codes


def probed(model: IntegerModel, most: int) -> list[tuple[Node, QType, Ints]]:
    """Each requantizer with the type of its input and codes [points, channels] around its steps."""
    found = []
    for node in model.graph:
        kind = model.graph[node.inputs[0]].type if node.inputs else None
        if isinstance(node.op, Requant) and isinstance(kind, QType):
            found.append((node, kind, probes(node.op, kind)))
    total = sum(points.size for _, _, points in found)
    every = max(-(-total // most), 1) if most else 1
    return [(node, kind, points[::every]) for node, kind, points in found]


def port(name: str, node: str, points: Ints) -> Port:
    """A port whose codes mean themselves."""
    one, zero = whole(Fraction(1), points.ndim), whole(Fraction(0), points.ndim)
    return Port(node, node, points.shape, tuple(range(points.ndim)), one, zero, name)
