"""Transpose, Reshape, Gather, Pad, Concat: on codes where there are some, else lazily."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.passes.expression import Base, Expr, Raw, leaves, peeled
from qcompile.passes.functions import finest, integral
from qcompile.passes.lowering import Lowering
from qcompile.passes.value import Value, identity, same_memory
from qcompile.qtype import Shape
from qcompile.semantics.interval import Exact
from qcompile.semantics.movement import slim
from qcompile.semantics.units import rational_gcd


def lower(low: Lowering, node: Node, op: real.RealOp) -> Value:
    """The value of a node that only moves elements."""
    if isinstance(op, real.Concat):
        return _concat(low, node, op)
    name = node.inputs[0]
    value = low.values[name]
    assert value is not None
    if isinstance(op, real.Transpose):
        axes = tuple(op.axes.index(a) for a in value.axes)
        return Value(value.expr, node.type.shape, axes)
    value = settled(low, value, name)
    match op:
        case real.Reshape():
            return _reshape(low, node, value)
        case real.Gather():
            axis = value.axes.index(op.axis)
            place = ops.Gather(axis, op.indices)

            def take(array: Any) -> Any:
                return np.take(array, op.indices, axis=axis + 1)

            return shifted(low, node, value, place, take, node.type.shape, value.axes)
        case real.Pad():
            return _pad(low, node, value, op)
    raise AssertionError(f"{op.title} is no movement")


def settled(low: Lowering, value: Value, name: str) -> Value:
    """With its codes made now, if quantization or exact scaling is all that is pending."""
    inner, _, _ = peeled(value.expr, len(value.shape) + 1)
    if isinstance(inner, Raw):
        return value
    if isinstance(inner, Base) or integral(inner):
        base = low.codes_or_none(value, name)
        if base is not None:
            return Value(base, value.shape, value.axes)
    return value


def shifted(
    low: Lowering,
    node: Node,
    value: Value,
    op: ops.IntegerOp,
    move: Any,
    shape: Shape,
    axes: tuple[int, ...],
) -> Value:
    """`value` after a movement; lazy values move what they read, and their constants."""
    if any(leaf.shape != value.stored for leaf in leaves(value.expr)):
        value = Value(low.codes(value, node.inputs[0]), value.shape, value.axes)
    bases = low.moved_readings(value.expr, op, move, node.origin, axes, node.name)
    expr: Expr = low.mapped(value.expr, value, move, bases)
    return Value(expr, shape, axes)


def _reshape(low: Lowering, node: Node, value: Value) -> Value:
    to = node.type.shape
    wide = [s for s in value.shape if s > 1]
    if wide == [s for s in to if s > 1]:
        axes = _with_unit_axes(value, to)
        stored = tuple(to[a] for a in axes)
    elif same_memory(value.shape, value.axes):
        axes, stored = identity(len(to)), to
    else:
        flat = identity(len(value.shape))
        base = low.layout(low.codes(value, node.inputs[0]), value, flat, node.inputs[0])
        value, axes, stored = Value(base, value.shape, flat), identity(len(to)), to

    def move(array: Any) -> Any:
        return array.reshape(array.shape[0], *stored)

    if stored == value.stored:
        return Value(value.expr, to, axes)
    return shifted(low, node, value, ops.Reshape(stored), move, to, axes)


def _with_unit_axes(value: Value, to: Shape) -> tuple[int, ...]:
    """The stored order after a Reshape that only adds or removes axes of length 1."""
    old = [i for i, s in enumerate(value.shape) if s > 1]
    new = [i for i, s in enumerate(to) if s > 1]
    stored = [new[old.index(a)] for a in value.axes if value.shape[a] > 1]
    return tuple([i for i, s in enumerate(to) if s == 1] + stored)


def _pad(low: Lowering, node: Node, value: Value, op: real.Pad) -> Value:
    name = node.inputs[0]
    base = low.codes(value, name)
    codes = np.unique(((op.value - base.offset) / base.unit).ravel())
    if len(codes) != 1 or codes[0].denominator != 1:
        unit = finest(base) if not op.value else rational_gcd(finest(base), op.value)
        base = low.regrid(base, Value(base, value.shape, value.axes), name, unit)
        codes = np.array([op.value / unit], object)
    pads = tuple(op.pads[a] for a in value.axes)
    place = ops.Pad(pads, int(codes[0]))
    widths = ((0, 0), *pads)

    def move(array: Any) -> Any:
        return np.pad(array, widths, mode="edge")

    moved = low.moved(base, place, move, node.origin, value.axes, node.name)
    return Value(moved, node.type.shape, value.axes)


def _concat(low: Lowering, node: Node, op: real.Concat) -> Value:
    """Codes side by side; grids that differ by channel stay, others are brought to a common one."""
    values = []
    for name in node.inputs:
        value = low.values[name]
        assert value is not None
        values.append((low.codes(value, name), value, name))
    axes = next(v.axes for _, v, _ in values if not v.is_constant)
    bases = [low.layout(b, v, axes, n) for b, v, n in values]
    axis = axes.index(op.axis)
    last = len(axes) - 1
    if axis != last or any(s > 1 for b in bases for a in (b.unit, b.offset) for s in a.shape[:-1]):
        bases = _one_grid(low, bases, [(v, n) for _, v, n in values], axes)
    joined = low.add(node.name, ops.Concat(axis), *(b.node for b in bases), origin=node.origin)
    unit = _side_by_side([b.unit for b in bases], bases, axis)
    offset = _side_by_side([b.offset for b in bases], bases, axis)
    base = low.base(joined, node.name, unit, offset, axes)
    return Value(base, node.type.shape, axes)


def _side_by_side(arrays: list[Exact], bases: list[Base], axis: int) -> Exact:
    if all(a.size == 1 and a.flat[0] == arrays[0].flat[0] for a in arrays):
        return arrays[0]
    rank = len(bases[0].shape)
    spread = [
        np.broadcast_to(a, (1,) * (rank - 1) + (b.shape[-1],))
        for a, b in zip(arrays, bases, strict=True)
    ]
    if axis != rank - 1:
        return spread[0]
    return slim(np.concatenate(spread, axis=-1))


def _one_grid(
    low: Lowering, bases: list[Base], origins: list[tuple[Value, str]], axes: tuple[int, ...]
) -> list[Base]:
    """All on one grid with one unit and offset."""
    first = bases[0]
    same = all(
        b.unit.size == b.offset.size == 1
        and b.unit.flat[0] == first.unit.flat[0]
        and b.offset.flat[0] == first.offset.flat[0]
        for b in bases
    )
    if same:
        return bases
    unit = Fraction(0)
    for b in bases:
        unit = rational_gcd(unit, finest(b)) if unit else finest(b)
    found = []
    for b, (value, name) in zip(bases, origins, strict=True):
        found.append(low.regrid(b, Value(b, value.shape, axes), name, unit))
    if any(f.high.max() >= 2**40 for f in found):
        raise CompileError(
            "the scales of the joined tensors have no sensible common grid",
            help="quantize them with one scale",
        )
    return found
