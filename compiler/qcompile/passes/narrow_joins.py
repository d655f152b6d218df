"""Sums of two narrow tensors on 32 bits, where that is right for every pair of codes.

The common grid of two float scales is so fine that a sum on it takes 64 bits. If the codes are
narrow enough to look at every pair, rounded multipliers may do, and the looking proves it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qcompile import ops
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel, Proof
from qcompile.ops.requant import Arithmetic, Form, Requant, Scale, Steps
from qcompile.passes.certificate import described
from qcompile.passes.pairs import MOST_PAIRS, fitted
from qcompile.qtype import Ints, QType


def narrow_joins(model: IntegerModel) -> IntegerModel:
    """`Requant(Add)` as a 32-bit weighted sum and a shift, wherever all pairs agree."""
    found: dict[str, tuple[ops.Add, Requant, int]] = {}
    for node in model.graph:
        narrow = narrowed(model.graph, node)
        if narrow is not None:
            found[node.name] = narrow
            found[node.inputs[0]] = narrow
    if not found:
        return model

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node.name in found:
            add, requant, _ = found[node.name]
            op = requant if isinstance(node.op, Requant) else add
            return new.add(node.name, op, *inputs, origin=node.origin)
        return copy_node(new, node, inputs)

    proofs = tuple(proved(p, found[p.node]) if p.node in found else p for p in model.proofs)
    links = {
        name: link
        for name, link in model.links.items()
        if name not in found or isinstance(model.graph[name].op, Requant)
    }
    return replace(model, graph=model.graph.rebuild(rule), proofs=proofs, links=links)


def proved(old: Proof, narrow: tuple[ops.Add, Requant, int]) -> Proof:
    """The certificate's entry of a join that was compared pair by pair."""
    add, requant, pairs = narrow
    constants = {
        "channels": [0],
        "multipliers": list(add.multipliers),
        "constant": add.constant,
        **described(requant.forms[0]),
    }
    return replace(old, forms={"32-bit": 1}, constants=(constants,), method=f"all {pairs} pairs")


def narrowed(graph: Graph, node: Node) -> tuple[ops.Add, Requant, int] | None:
    """The 32-bit form of `Requant(Add(a, b))`, and the number of pairs that were compared."""
    if not isinstance(node.op, Requant) or len(node.op.forms) > 1:
        return None
    (add,) = graph.sources(node)
    if not isinstance(add.op, ops.Add) or graph.users(add) != [node] or add.name in graph.outputs:
        return None
    sides = [graph[i].type for i in add.inputs]
    a, b = (codes_of(t) for t in sides if isinstance(t, QType))
    if len(a) * len(b) > MOST_PAIRS or not costly(add, node.op.forms[0]):
        return None
    wanted = node.op.forms[0].run(total(add.op, a, b))
    slope = slope_of(node.op.forms[0])
    first, second = add.op.multipliers
    line = fitted((slope * first, slope * second), a, b, wanted)
    if line is None:
        return None
    ma, mb, offset, shift = line
    least, most = int(wanted.min()), int(wanted.max())
    form = Scale(Arithmetic.SHIFT, 1, 0, shift, least, most)
    requant = Requant((form,), np.array([least]), np.array([most]))
    return ops.Add((ma, mb), offset), requant, len(a) * len(b)


def codes_of(kind: QType) -> Ints:
    return np.arange(kind.minimum, kind.maximum + 1, dtype=np.int64)


def total(add: ops.Add, a: Ints, b: Ints) -> Ints:
    """The sum for every pair: [A, B]."""
    first, second = add.multipliers
    return first * a[:, np.newaxis] + second * b + add.constant


def costly(add: Node, form: Form) -> bool:
    """Whether the sum or its requantizer needs more than 32-bit arithmetic."""
    kind = add.type
    assert isinstance(kind, QType)
    cheap = isinstance(form, Scale) and form.arithmetic in (Arithmetic.CLIP, Arithmetic.SHIFT)
    return kind.container > 32 or not cheap


def slope_of(form: Form) -> float:
    """How much the result grows with the sum, about."""
    if isinstance(form, Scale):
        return form.multiplier / 2.0**form.shift
    if isinstance(form, Steps) and len(form.breaks) > 1:
        rise = float(form.values[-1] - form.values[1])
        return rise / float(form.breaks[-1] - form.breaks[0])
    return 0.0
