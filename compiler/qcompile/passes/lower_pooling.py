"""MaxPool, AveragePool, ReduceSum, ArgMax."""

from __future__ import annotations

from fractions import Fraction
from math import lcm, prod
from typing import Any

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.passes.expression import Base, Expr, constants, leaves, moves, readings
from qcompile.passes.functions import finest
from qcompile.passes.lower_linear import zero_code, zero_is_code
from qcompile.passes.lower_movement import settled
from qcompile.passes.lowering import Lowering
from qcompile.passes.value import CHANNELS_LAST, Value
from qcompile.semantics.base import Signs
from qcompile.semantics.interval import Exact, fractions
from qcompile.semantics.units import whole

Four = tuple[int, int, int, int]


def lower(low: Lowering, node: Node, op: real.RealOp) -> Value:
    """The value of a pooling node."""
    name = node.inputs[0]
    value = low.values[name]
    assert value is not None
    match op:
        case real.MaxPool():
            return _max_pool(low, node, value, op)
        case real.AveragePool():
            return _average_pool(low, node, value, op)
        case real.OrtWindowSum():
            return _ort_window_sum(low, node, value, op)
        case real.ReduceSum():
            return _reduce_sum(low, node, value, op)
    raise AssertionError(f"{op.title} does not pool")


def _image(low: Lowering, base: Base, origin: str) -> str:
    """The node of an [N, W, C] tensor as [N, 1, W, C]."""
    if len(base.shape) == 4:
        return base.node
    n, w, c = base.shape
    return low.add(base.node, ops.Reshape((n, 1, w, c)), base.node, origin=origin)


def _settings(window: real.Window) -> tuple[Any, Any, Any, Four]:
    """Kernel, strides, dilations and pads of a window over two spatial axes."""
    k, s, d, p = window.kernel, window.strides, window.dilations, window.pads
    if len(k) == 1:
        return (1, *k), (1, *s), (1, *d), (0, p[0], 0, p[1])
    return k, s, d, (p[0], p[1], p[2], p[3])


def _pooled(low: Lowering, node: Node, base: Base, op: ops.IntegerOp) -> str:
    name = low.add(node.name, op, _image(low, base, node.origin), origin=node.origin)
    if len(base.shape) == 4:
        return name
    n, _, w, c = low.graph[name].type.shape
    return low.add(node.name, ops.Reshape((n, w, c)), name, origin=node.origin)


def _max_pool(low: Lowering, node: Node, value: Value, op: real.MaxPool) -> Value:
    """The codes with the largest reals; a rising function may be applied afterwards."""
    name = node.inputs[0]
    axes = CHANNELS_LAST[len(value.shape)]
    value = settled(low, value, name)
    pool = ops.MaxPool(*_settings(op.window))
    if value.axes != axes and all(e.shape == value.stored for e in leaves(value.expr)):
        value = low.arranged(value, axes, node.origin)
    leaf = _alike_everywhere(value)
    direction = None if leaf is None else moves(value.expr, len(value.shape) + 1)
    if leaf is not None and direction is not None and value.axes == axes:
        rising, signs = _flipped(low, node, leaf, direction.reshape(-1))
        meant = node.name if leaf is value.expr else ""
        pooled = _pooled(low, node, rising, pool)
        base = low.base(pooled, meant, rising.unit, rising.offset, axes)
        expr: Expr = low.replaced(value.expr, base, signs)
        return Value(expr, node.type.shape, axes)
    base = low.layout(low.codes(value, name), value, axes, name)
    if any(u < 0 for u in base.unit.flat):
        base = low.regrid(base, Value(base, value.shape, axes), name, finest(base))
    pooled = _pooled(low, node, base, pool)
    return Value(low.base(pooled, node.name, base.unit, base.offset, axes), node.type.shape, axes)


def _alike_everywhere(value: Value) -> Base | None:
    """The one integer tensor that is read, if its function is the same all over a channel."""
    found = leaves(value.expr)
    if len(found) != 1 or not isinstance(found[0], Base) or found[0].shape != value.stored:
        return None
    arrays = [f.number.shape[1:] for f in constants(value.expr)]
    arrays += [a.shape for e in readings(value.expr) for a in (e.unit, e.offset)]
    return None if any(s > 1 for shape in arrays for s in shape[:-1]) else found[0]


def _flipped(low: Lowering, node: Node, base: Base, direction: Signs) -> tuple[Base, Exact]:
    """The same reals with negated codes in the channels where a function falls, and their signs."""
    channels, rank = base.shape[-1], len(base.shape)
    signs = np.where(np.broadcast_to(direction, (channels,)) < 0, -1, 1)
    if np.all(signs > 0):
        return base, whole(Fraction(1), rank)
    ends = [np.broadcast_to(e, (channels,)) * signs for e in (base.low, base.high)]
    least, most = np.minimum(*ends), np.maximum(*ends)
    forms = tuple(
        Scale(Arithmetic.WORD if s < 0 else Arithmetic.CLIP, int(s), 0, 0, int(lo), int(hi))
        for s, lo, hi in zip(signs, least, most, strict=True)
    )
    name = low.add(base.node, ops.Requant(forms, least, most), base.node, origin=node.origin)
    shaped = fractions(signs).reshape((1,) * (rank - 1) + (-1,))
    axes = CHANNELS_LAST[rank]
    return low.base(name, base.real, base.unit * shaped, base.offset, axes), shaped


def _average_pool(low: Lowering, node: Node, value: Value, op: real.AveragePool) -> Value:
    """Sums of codes; the divisor goes into the unit."""
    name = node.inputs[0]
    axes = CHANNELS_LAST[len(value.shape)]
    base = low.layout(low.codes(value, name), value, axes, name)
    arranged = Value(base, value.shape, axes)
    if any(s > 1 for a in (base.unit, base.offset) for s in a.shape[:-1]):
        base = low.regrid(base, arranged, name, finest(base))
    if any(op.window.pads):
        base = zero_is_code(low, base, arranged, name)
    counts = op.counts(value.shape)
    kernel, strides, dilations, pads = _settings(op.window)
    taps = prod(op.window.kernel)
    pad_value = zero_code(base) if any(pads) else 0
    factors = None
    divisor = int(counts.flat[0])
    if np.any(counts != divisor):
        if any(base.offset.flat):
            base = low.regrid(base, arranged, name, finest(base))
            pad_value = 0
        divisor = lcm(*(int(c) for c in counts.flat))
        shaped = counts if counts.ndim == 2 else counts[np.newaxis]
        factors = (divisor // shaped).astype(np.int64)
    pool = ops.SumPool(kernel, strides, dilations, pads, pad_value, factors)
    pooled = _pooled(low, node, base, pool)
    unit = base.unit / Fraction(divisor)
    offset = base.offset * Fraction(taps, divisor)
    return Value(low.base(pooled, node.name, unit, offset, axes), node.type.shape, axes)


def _ort_window_sum(low: Lowering, node: Node, value: Value, op: real.OrtWindowSum) -> Value:
    """Sums that round as a float32 accumulator does, on integers."""
    name = node.inputs[0]
    axes = CHANNELS_LAST[len(value.shape)]
    base = low.layout(low.codes(value, name), value, axes, name)
    assert all(u == 1 for u in base.unit.flat), "onnxruntime pools codes"
    multiplier, unit = op.last_place()
    kernel, strides, dilations, pads = _settings(op.window)
    pool = ops.RoundedSumPool(multiplier, op.zero_point, kernel, strides, dilations, pads)
    rank = len(axes)
    found = low.base(
        _pooled(low, node, base, pool),
        node.name,
        whole(unit, rank),
        whole(Fraction(0), rank),
        axes,
    )
    return Value(found, node.type.shape, axes)


def _reduce_sum(low: Lowering, node: Node, value: Value, op: real.ReduceSum) -> Value:
    """A window over all of the reduced axes, which come first; the last kept one is the channel."""
    name = node.inputs[0]
    rank = len(value.shape)
    kept = [a for a in value.axes if a not in op.axes]
    reduced = [a for a in value.axes if a in op.axes]
    order = tuple(reduced + kept)
    base = low.codes(value, name)
    channel = kept[-1] if kept else None
    varying = [
        value.axes[i]
        for array in (base.unit, base.offset)
        for i, s in enumerate(array.shape)
        if s > 1
    ]
    if any(a != channel for a in varying):
        base = low.regrid(base, Value(base, value.shape, value.axes), name, finest(base))
    base = low.layout(base, value, order, name)
    count = prod(value.shape[a] for a in reduced)
    width = value.shape[channel] if channel is not None else 1
    middle = prod(value.shape[a] for a in kept) // width
    image = low.add(
        base.node, ops.Reshape((1, count, middle, width)), base.node, origin=node.origin
    )
    pool = ops.SumPool((count, 1), (1, 1))
    summed = low.add(node.name, pool, image, origin=node.origin)
    stored = tuple(node.type.shape[a] for a in order)
    result = low.add(node.name, ops.Reshape(stored), summed, origin=node.origin)
    found = low.base(result, node.name, base.unit, base.offset * Fraction(count), order)
    assert len(order) == rank
    return Value(found, node.type.shape, order)


def lower_arg_max(low: Lowering, node: Node, op: real.ArgMax) -> Value | None:
    """Places of the largest codes, if codes compare as reals do."""
    name = node.inputs[0]
    value = low.values[name]
    assert value is not None
    base = low.codes_or_none(value, name)
    if base is None:
        return None
    if base.unit.size > 1 or base.offset.size > 1:
        try:
            base = low.regrid(base, Value(base, value.shape, value.axes), name, finest(base))
        except CompileError:
            return None
    rank = len(value.shape)
    axes = (*(a for a in value.axes if a != op.axis), op.axis)
    base = low.layout(base, value, axes, name)
    largest = op.largest == (base.unit.flat[0] > 0)
    place = ops.ArgMax(op.count, largest, op.last)
    result = low.add(node.name, place, base.node, origin=node.origin)
    one, zero = whole(Fraction(1), rank), whole(Fraction(0), rank)
    return Value(low.base(result, node.name, one, zero, axes), node.type.shape, axes)
