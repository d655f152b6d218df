"""How far float32 can be from the exact value of a node, in whatever order it sums.

A polynomial of exact numbers, evaluated in floating point with at most n roundings on the way of
any of its terms, is off by at most n·u / (1 - n·u) times the sum of the magnitudes of its terms
(Higham, Accuracy and Stability of Numerical Algorithms, section 3). Each node carries that sum
and that count: sums add the magnitudes where the values would cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from benchmarks.forced import Floats, floats, nearest
from qcompile.graph import Graph, Node
from qcompile.semantics import (
    Add,
    AveragePool,
    Constant,
    Conv,
    Div,
    Exp,
    Grid,
    Known,
    MatMul,
    Maximum,
    Minimum,
    Movement,
    Mul,
    Number,
    RealOp,
    ReduceSum,
    Round,
    Sigmoid,
    Softmax,
    Sqrt,
    Sub,
    Tanh,
)
from qcompile.semantics.units import is_power_of_two

UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}
FOLDED = 4  # roundings of a constant that was computed from stored ones, at most
LIBRARY = 16  # units in the last place by which a library's exp or tanh may be off


@dataclass(frozen=True, eq=False)
class Size:
    """The sum of magnitudes [samples, ...] behind a value, and the roundings of its terms."""

    terms: Floats
    roundings: int

    def error(self, dtype: np.dtype[Any], more: int = 0) -> Floats:
        """The bound, after `more` roundings."""
        reach = (self.roundings + more) * UNIT[dtype]
        found: Floats = self.terms * (reach / (1 - reach))
        return found


class Sizes:
    """Sizes of a graph's nodes, found when they are asked for.

    `given` stand for quantizers, whose floats are code·scale, rounded once; so are `feeds` on
    grids whose unit is no power of two.
    """

    def __init__(
        self, graph: Graph, feeds: Mapping[str, Number], given: Mapping[str, Number]
    ) -> None:
        self._graph = graph
        self._found: dict[str, Size] = {}
        for name, value in feeds.items():
            plain = not isinstance(value, Grid) or all(map(is_power_of_two, value.unit.flat))
            self._found[name] = Size(np.abs(nearest(value)), 0 if plain else 1)
        for name, value in given.items():
            self._found[name] = Size(np.abs(nearest(value)), 1)

    def of(self, name: str) -> Size:
        """The size of a node; those of what it reads are found first."""
        pending = [name]
        while pending:
            node = self._graph[pending[-1]]
            missing = [i for i in node.inputs if i not in self._found]
            if node.name in self._found or not missing:
                pending.pop()
                if node.name not in self._found:
                    self._found[node.name] = self._size(node)
            else:
                pending += missing
        return self._found[name]

    def _size(self, node: Node) -> Size:
        op = node.op
        assert isinstance(op, RealOp)
        parts = [self._found[i] for i in node.inputs]
        most = max((p.roundings for p in parts), default=0)
        total = sum(p.roundings for p in parts)
        match op:
            case Constant() | Known():
                return Size(np.abs(nearest(op.run())), 0 if isinstance(op, Constant) else FOLDED)
            case Round():
                return Size(np.abs(np.rint(parts[0].terms)), 0)
            case Sqrt():
                return Size(np.sqrt(parts[0].terms), most + 1)
            case Sigmoid() | Tanh() | Exp() | Softmax():  # slopes of at most 2, also in logarithms
                return Size(2 * parts[0].terms.max() + np.ones_like(parts[0].terms), most + LIBRARY)
        stand_in, roundings = self._linear(node, most, total)
        return Size(magnitude(stand_in, *parts), roundings)

    def _linear(self, node: Node, most: int, total: int) -> tuple[RealOp, int]:
        """The op that adds up magnitudes for `node`, and the roundings of a term."""
        op = node.op
        assert isinstance(op, RealOp)
        match op:
            case Add() | Sub():
                return Add(), most + 1
            case Maximum() | Minimum():
                return Maximum(), most
            case Mul() | Div():
                return op, total + 1
            case Conv() | MatMul() | AveragePool() | ReduceSum():
                return op, total + self._taps(node) + 1
            case Movement():
                return op, most
            case _:
                return op, most + 2

    def _taps(self, node: Node) -> int:
        """How many products a sum has."""
        shapes = [self._graph[i].type.shape for i in node.inputs]
        if isinstance(node.op, Conv):
            return prod(shapes[1][1:])
        if isinstance(node.op, MatMul):
            return shapes[0][-1]
        if isinstance(node.op, AveragePool):
            return prod(node.op.window.kernel)
        return max(prod(shapes[0]) // max(prod(node.type.shape), 1), 1)


def magnitude(op: RealOp, *parts: Size) -> Floats:
    """The op on magnitudes; all are at least 0, so that nothing cancels."""
    return np.abs(nearest(op.run(*(floats(p.terms) for p in parts))))
