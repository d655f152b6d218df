"""Constant subgraphs become constants, exactly, by running them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.graph import Graph, Node, copy_node
from qcompile.semantics.base import RealOp
from qcompile.semantics.number import Bounded, Grid, Number, constant
from qcompile.semantics.sources import Levels
from qcompile.semantics.units import whole


@dataclass(frozen=True, eq=False)
class Folded:
    """A constant: its numbers, and between which levels its codes were free to be."""

    number: Number
    levels: Levels | None = None
    floor: Number | None = None  # the lower clamp, until the upper one comes


def fold_constants(graph: Graph) -> Graph:
    """Every node that reads only constants, replaced by what it computes.

    What a quantizer allows its weights to be is kept (`Known.levels`): the stored width.
    """
    known: dict[str, Folded] = {}

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        op = node.op
        assert isinstance(op, RealOp)
        if isinstance(op, real.Constant):
            known[node.name] = Folded(op.run(), stored_levels(op))
        elif node.inputs and all(i in known for i in node.inputs):
            known[node.name] = folded(op, [known[i] for i in node.inputs])
        else:
            return copy_node(new, node, inputs)
        found = known[node.name]
        return new.add(node.name, real.Known(found.number, found.levels), origin=node.origin)

    inputs = tuple(n.name for n in graph if isinstance(n.op, real.Input))
    return graph.rebuild(rule).pruned(inputs)


def stored_levels(op: real.Constant) -> Levels | None:
    """The range of a stored integer type of at most 16 bits."""
    kind = op.value.dtype
    if kind.kind not in "iu" or kind.itemsize > 2:
        return None
    limits = np.iinfo(kind)
    return Levels(constant(np.array(limits.min)), constant(np.array(limits.max)))


def folded(op: RealOp, args: list[Folded]) -> Folded:
    """The constant that `op` makes of constants."""
    number = op.run(*(a.number for a in args))
    main = max(args, key=lambda a: a.number.shape and int(np.prod(a.number.shape)))
    others = [a.number for a in args]
    place = args.index(main)
    if isinstance(op, real.Maximum):
        return Folded(number, None, others[1 - place])
    if isinstance(op, real.Minimum) and main.floor is not None:
        return Folded(number, Levels(main.floor, others[1 - place]))
    if isinstance(op, real.Bipolar):
        one = [Grid(np.array([[s]]), whole(Fraction(1), 2)) for s in (-1.0, 1.0)]
        return Folded(number, Levels(one[0], one[1], bipolar=True))
    if main.levels is None:
        return Folded(number)
    ends = []
    for level in (main.levels.low, main.levels.high):
        moved = spread(level, main.number.shape) if isinstance(op, real.Movement) else level
        others[place] = moved
        ends.append(op.run(*others))
    return Folded(number, Levels(ends[0], ends[1], main.levels.bipolar))


def spread(level: Number, shape: tuple[int, ...]) -> Number:
    """A level for every element of `shape`."""
    if isinstance(level, Bounded):
        return Bounded(np.broadcast_to(level.value, shape).copy(), level.error, level.at)
    grid = real.Add().run(level, Grid(np.zeros(shape), whole(Fraction(1), len(shape))))
    return grid
