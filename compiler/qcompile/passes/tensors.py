"""The integer graph while it is built: its tensors, and how they move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.graph import Graph
from qcompile.model import Link, Port
from qcompile.passes.expression import Base, Expr, Fixed, Raw, mapped, readings
from qcompile.passes.value import Value, identity, moved_array, moved_number, same_memory
from qcompile.qtype import QType
from qcompile.semantics.interval import Exact


class Tensors:
    """The integer graph under construction, and the tensors in it."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.graph = Graph()
        self.inputs: dict[str, Base] = {}  # inputs with a declared grid
        self.links: dict[str, Link] = {}
        self._layouts: dict[tuple[str, tuple[int, ...]], Base] = {}

    # Integer tensors

    def add(self, name: str, op: ops.IntegerOp, *inputs: str, origin: str) -> str:
        """A node of the integer graph, under a free name."""
        return self.graph.add(self.graph.fresh(name), op, *inputs, origin=origin)

    def base(
        self, node: str, meant: str, unit: Exact, offset: Exact, axes: tuple[int, ...]
    ) -> Base:
        """The integer tensor `node`, whose codes mean the value of the real node `meant`."""
        found = self.graph[node].type
        assert isinstance(found, QType)
        base = Base(node, found.shape, found.low, found.high, meant, unit, offset, axes)
        shape = tuple(found.shape[axes.index(i)] for i in range(len(axes)))
        source = self.source.find(meant)
        if source is not None and source.type.shape == shape:
            self.links.setdefault(node, Link(node, meant, shape, axes, unit, offset))
        if source is not None and isinstance(source.op, real.Input):
            self.inputs.setdefault(meant, base)
        return base

    def port(self, name: str, base: Base) -> Port:
        """The port on an integer tensor."""
        shape = tuple(base.shape[base.axes.index(i)] for i in range(len(base.axes)))
        return Port(base.node, base.real, shape, base.axes, base.unit, base.offset, name)

    def origin(self, name: str) -> str:
        return self.source[name].origin if name in self.source else name

    # Movement

    def replaced(self, expr: Expr, new: Base, signs: Exact) -> Expr:
        """The expression on another integer tensor, whose codes are `signs` times as large."""

        def leaf(e: Base) -> Base:
            unit = e.unit if np.all(signs == 1) else e.unit * signs
            return replace(new, real=e.real, unit=unit, offset=e.offset)

        return mapped(expr, leaf, lambda f: f)

    def moved(
        self,
        base: Base,
        op: ops.IntegerOp,
        move: Any,
        origin: str,
        axes: tuple[int, ...] | None = None,
        meant: str = "",
    ) -> Base:
        """`base` after a movement; `move` is the same on any array with a sample axis."""
        node = self.add(base.node, op, base.node, origin=origin)
        unit = moved_array(base.unit, base.shape, move)
        offset = moved_array(base.offset, base.shape, move)
        return self.base(node, meant, unit, offset, axes or identity(unit.ndim))

    def mapped(self, expr: Expr, value: Value, move: Any, bases: dict[int, Base]) -> Expr:
        """A lazy expression after a movement of the tensors it reads."""

        def fixed(f: Fixed) -> Fixed:
            return Fixed(moved_number(f.number, value.stored, move))

        def leaf(e: Any) -> Expr:
            if isinstance(e, Raw):
                return Raw(e.name, move(np.empty((1, *e.shape), np.int8)).shape[1:])
            return bases[id(e)]

        return mapped(expr, leaf, fixed)

    def moved_readings(
        self,
        expr: Expr,
        op: ops.IntegerOp,
        move: Any,
        origin: str,
        axes: tuple[int, ...] | None = None,
        meant: str = "",
    ) -> dict[int, Base]:
        """Every reading of an integer tensor after a movement, by the identity of the old one."""
        found: dict[int, Base] = {}
        made: dict[str, Base] = {}
        for e in readings(expr):
            if e.node not in made:
                name = meant if e is expr else ""
                made[e.node] = self.moved(e, op, move, origin, axes, name)
            unit, offset = (moved_array(a, e.shape, move) for a in (e.unit, e.offset))
            found[id(e)] = replace(made[e.node], unit=unit, offset=offset)
        return found

    def layout(self, base: Base, value: Value, axes: tuple[int, ...], name: str) -> Base:
        """`base`, the codes of `value`, in another stored order."""
        if value.axes == axes:
            return base
        order = tuple(value.axes.index(a) for a in axes)
        shape = tuple(value.shape[a] for a in axes)
        op: ops.IntegerOp = ops.Transpose(order)
        if same_memory(base.shape, order):
            op = ops.Reshape(shape)

        def move(array: Any) -> Any:
            return array.transpose(0, *(o + 1 for o in order))

        key = (base.node, axes)
        made = self._layouts.get(key)
        if made is None:
            made = self.moved(base, op, move, self.origin(name), axes, name)
            self._layouts[key] = made
        unit = moved_array(base.unit, base.shape, move)
        offset = moved_array(base.offset, base.shape, move)
        return replace(made, real=name, unit=unit, offset=offset, axes=axes)

    def arranged(self, value: Value, axes: tuple[int, ...], origin: str) -> Value:
        """A lazy value in another stored order: what it reads is permuted, and its constants."""
        order = tuple(value.axes.index(a) for a in axes)
        stored = tuple(value.shape[a] for a in axes)
        alike = same_memory(value.stored, order)
        op: ops.IntegerOp = ops.Reshape(stored) if alike else ops.Transpose(order)

        def move(array: Any) -> Any:
            return array.transpose(0, *(o + 1 for o in order))

        bases = self.moved_readings(value.expr, op, move, origin, axes)
        return Value(self.mapped(value.expr, value, move, bases), value.shape, axes)
