"""Re-widths every weight tensor of a model at random, per output channel, over {0, ..., 8} bits.

The graph as read is edited, so that the oracle, the compiler and every backend meet the new
widths. Weights keep their size in reals, integer weights (scale 1) with a power of two as scale.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.graph import Graph, Node, copy_node
from qcompile.passes.fold_constants import fold_constants
from qcompile.semantics.number import Grid, uniform
from qcompile.semantics.sources import Levels
from qcompile.source import Source

WIDTHS = range(9)


def rewidth(source: Source, seed: int) -> Source:
    """The model with the weights of each Conv and MatMul requantized to random widths."""
    rng = np.random.default_rng(seed)
    graph = fold_constants(source.graph)
    chosen: dict[str, real.Known] = {}
    for node in graph:
        if isinstance(node.op, real.Conv | real.MatMul):
            weight = graph[node.inputs[1]]
            if isinstance(weight.op, real.Known) and isinstance(weight.op.number, Grid):
                outputs = 1 if isinstance(node.op, real.Conv) else weight.op.number.codes.ndim - 1
                chosen.setdefault(weight.name, narrowed(weight.op.number, outputs, rng))

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        if node.name in chosen:
            return new.add(node.name, chosen[node.name], origin=node.origin)
        return copy_node(new, node, inputs)

    return replace(source, graph=graph.rebuild(rule))


def narrowed(weight: Grid, axis: int, rng: np.random.Generator) -> real.Known:
    """A weight tensor with random widths along `axis` (its output channels)."""
    others = tuple(i for i in range(1, weight.codes.ndim) if i != axis)
    even = uniform(weight, others)
    assert even is not None, "the scales inside an output channel have no common grid"
    channels = even.codes.shape[axis]
    shape = [1] * even.codes.ndim
    shape[axis] = channels
    bits = rng.choice(list(WIDTHS), channels).reshape(shape)
    low = np.where(bits > 0, -(2.0 ** (np.maximum(bits, 1) - 1)), 0.0)
    high = np.where(bits > 0, 2.0 ** (np.maximum(bits, 1) - 1) - 1, 0.0)
    peak = np.abs(even.codes).max(axis=others, keepdims=True)
    shrink = np.where((bits > 0) & (peak > 0), np.maximum(peak, 1) / np.maximum(-low, 1), 1.0)
    if all(u == 1 for u in even.unit.flat):
        shrink = 2.0 ** np.ceil(np.log2(np.maximum(shrink, 1)))
    shrink = shrink.astype(np.float32).astype(np.float64)
    codes = np.clip(np.rint(even.codes / shrink), low, high)
    factor = np.vectorize(Fraction, otypes=[object])(shrink)
    unit = np.broadcast_to(even.unit, shape) * factor
    levels = [Grid(np.asarray(end), unit) for end in (low, high)]
    return real.Known(Grid(codes, unit), Levels(levels[0], levels[1]))
