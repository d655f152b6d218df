"""A network of nothing but the requantizers of another: emitted, it drives them directly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from qcompile.graph import Graph
from qcompile.model import IntegerModel, Port
from qcompile.ops import Input, Requant
from qcompile.qtype import Ints, QType
from qcompile.semantics.units import whole
from qcompile.verify.vectors import Codes, probes


def probe_model(model: IntegerModel) -> tuple[IntegerModel, Codes] | None:
    """Each requantizer with an input and an output of its own, and one vector of probes.

    Shapes are [points, channels]; port names are the names of the requantizers' nodes.
    """
    graph = Graph()
    inputs, outputs, codes = [], [], Codes()
    for node in model.graph:
        kind = model.graph[node.inputs[0]].type if node.inputs else None
        if not isinstance(node.op, Requant) or not isinstance(kind, QType):
            continue
        points = probes(node.op, kind)
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


def port(name: str, node: str, points: Ints) -> Port:
    """A port whose codes mean themselves."""
    one, zero = whole(Fraction(1), points.ndim), whole(Fraction(0), points.ndim)
    return Port(node, node, points.shape, tuple(range(points.ndim)), one, zero, name)
