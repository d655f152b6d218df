"""Conv and MatMul: codes times integer weights, with what the scales leave over as unit."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.ops.base import representable
from qcompile.passes.expression import Apply, Base, Fixed, exact_constant
from qcompile.passes.functions import finest
from qcompile.passes.lowering import Lowering
from qcompile.passes.value import CHANNELS_LAST, Value, identity, number_in
from qcompile.passes.weights import Weights, weights_of
from qcompile.qtype import Ints, bits_for
from qcompile.semantics.interval import Exact, fractions
from qcompile.semantics.units import rational_gcd, whole

LARGEST_BIAS = 2**40


def lower_conv(low: Lowering, node: Node, op: real.Conv) -> Value:
    """Conv in channels-last order; one spatial axis becomes two, the first of length 1."""
    value = low.values[node.inputs[0]]
    assert value is not None
    if not isinstance(low.values[node.inputs[1]].expr, Fixed):  # type: ignore[union-attr]
        raise CompileError("a convolution whose weights are not constant is not supported")
    rank = len(value.shape)
    axes = CHANNELS_LAST[rank]
    weights = weights_of(low, node.inputs[1], (0, *range(2, rank), 1))
    base = low.codes(value, node.inputs[0])
    base = low.layout(base, value, axes, node.inputs[0])
    arranged = Value(base, value.shape, axes)
    if any(op.pads):
        base = zero_is_code(low, base, arranged, node.inputs[0])
    base, scaled, offsets = absorbed(low, base, arranged, weights, op.groups, node.inputs[0])
    bias, rest, last = absorbed_bias(low, node, scaled.unit, offsets)
    flat = rank == 3
    kernel = scaled.values[:, np.newaxis] if flat else scaled.values
    conv = ops.Conv(
        kernel,
        bias,
        scaled.bits,
        pair(op.strides),
        pair(op.dilations),
        (0, op.pads[0], 0, op.pads[1]) if flat else four(op.pads),
        op.groups,
        zero_code(base) if any(op.pads) else 0,
    )
    source = base.node
    if flat:
        n, w, c = base.shape
        source = low.add(base.node, ops.Reshape((n, 1, w, c)), source, origin=node.origin)
    name = low.add(last.name, conv, source, origin=node.origin)
    if flat:
        found = low.graph[name].type.shape
        shape = (found[0], *found[2:])
        name = low.add(last.name, ops.Reshape(shape), name, origin=node.origin)
    return finished(low, node, last, name, scaled.unit, rest, axes)


def pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    """Sizes along two spatial axes; one axis lies along the width."""
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def four(pads: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right."""
    top, left, bottom, right = pads
    return top, left, bottom, right


def finished(
    low: Lowering,
    node: Node,
    last: Node,
    name: str,
    unit: Exact,
    offset: Exact,
    axes: tuple[int, ...],
) -> Value:
    """The value of the sum of products, and of the Add of its bias if that was taken in."""
    rank = len(axes)
    shaped = [slim_last(a, rank) for a in (unit, offset)]
    base = low.base(name, last.name, shaped[0], shaped[1], axes)
    value = Value(base, last.type.shape, axes)
    if last is node:
        return value
    low.values[last.name] = value
    other = next(i for i in last.inputs if i != node.name)
    bias = low.values[other]
    assert bias is not None
    assert isinstance(bias.expr, Fixed)
    number = number_in(bias.expr.number, axes)
    return Value(Apply(real.Sub(), (base, Fixed(number))), node.type.shape, axes)


def slim_last(array: Exact, rank: int) -> Exact:
    """[O] as an array of `rank` axes, one number where all are the same."""
    if all(v == array[0] for v in array):
        array = array[:1]
    return array.reshape((1,) * (rank - 1) + (-1,))


def zero_is_code(low: Lowering, base: Base, value: Value, name: str) -> Base:
    """Codes of which one means 0, the same for all channels, so that padding can be it."""
    zeros = np.unique((-base.offset / base.unit).ravel())
    if len(zeros) == 1 and zeros[0].denominator == 1:
        code = int(zeros[0])
        if int(base.low.min()) <= code <= int(base.high.max()):
            return base
    if len(zeros) == 1 and zeros[0] == 0:
        return base
    return low.regrid(base, value, name, finest(base))


def zero_code(base: Base) -> int:
    return int(-base.offset.flat[0] / base.unit.flat[0])


def absorbed(
    low: Lowering, base: Base, value: Value, weights: Weights, groups: int, name: str
) -> tuple[Base, Weights, Exact]:
    """Units that differ by input channel go into the weights; offsets become one an output."""
    for array in (base.unit, base.offset):
        if any(s > 1 for s in array.shape[:-1]):
            base = low.regrid(base, value, name, finest(base))
            break
    channels = base.shape[-1]
    units = np.broadcast_to(base.unit.reshape(-1), (channels,))
    offsets = np.broadcast_to(base.offset.reshape(-1), (channels,))
    unit: Fraction = reduce(rational_gcd, map(abs, units))
    ratios = [int(u / unit) for u in units]
    values, bits = weights.values, weights.bits
    representable(max(map(abs, ratios)) * max(int(np.abs(values).max(initial=0)), 1))
    factors = np.array(ratios, np.int64)
    outputs, lanes = values.shape[0], values.shape[-1]
    owner = np.arange(outputs) // (outputs // groups)
    channel_of = owner[:, np.newaxis] * lanes + np.arange(lanes)
    if np.any(factors != 1):
        shaped = factors[channel_of].reshape(outputs, *(1,) * (values.ndim - 2), lanes)
        values = values * shaped
        flat = values.reshape(outputs, -1)
        bits = tuple(bits_for(int(r.min()), int(r.max())) if r.any() else 0 for r in flat)
    sums = weights.values.reshape(outputs, -1, lanes).sum(axis=1)
    total = np.array([Fraction(0)] * outputs, object)
    if any(offsets):
        total = offset_sums(sums, offsets, channel_of) * weights.unit
    return base, Weights(values, weights.unit * unit, bits), total


def offset_sums(sums: Ints, offsets: Exact, channel_of: Ints) -> Exact:
    """Sum over an output's inputs of its weights times the offset of the input's channel."""
    if all(o == offsets[0] for o in offsets):
        same: Exact = fractions(sums.sum(axis=1)) * offsets[0]
        return same
    total: Exact = (fractions(sums) * offsets[channel_of]).sum(axis=1)
    return total


def absorbed_bias(
    low: Lowering, node: Node, unit: Exact, offsets: Exact
) -> tuple[Ints, Exact, Node]:
    """(bias in units of the sum, offset that is left, the last node that is taken in)."""
    users = low.source.users(node)
    total, last = offsets, node
    if (
        len(users) == 1
        and isinstance(users[0].op, real.Add)
        and node.name not in low.source.outputs
    ):
        added = channel_constant(low, users[0], node)
        if added is not None and whole_multiples(offsets + added, unit) is not None:
            total, last = offsets + added, users[0]
    bias = whole_multiples(total, unit)
    if bias is None:
        return np.zeros(len(unit), np.int64), total, node
    return bias, np.array([Fraction(0)] * len(unit), object), last


def channel_constant(low: Lowering, add: Node, node: Node) -> Exact | None:
    """What `add` adds to each channel of `node`, if it is a constant of that shape."""
    others = [i for i in add.inputs if i != node.name]
    if len(others) != 1 or add.type.shape != node.type.shape:
        return None
    value = low.values.get(others[0])
    if value is None or not isinstance(value.expr, Fixed):
        return None
    found = exact_constant(value.expr)
    if found is None:
        return None
    axis = 1 if isinstance(node.op, real.Conv) else len(node.type.shape) - 1
    shape = found.shape[1:]
    full = (1,) * (len(node.type.shape) - len(shape)) + shape
    if any(s > 1 and i != axis for i, s in enumerate(full)):
        return None
    spread: Exact = np.broadcast_to(found.reshape(-1), (node.type.shape[axis],))
    return spread


def whole_multiples(values: Exact, unit: Exact) -> Ints | None:
    """values / unit where all are integers of a sensible size."""
    quotients = [v / u for v, u in zip(values, unit, strict=True)]
    if any(q.denominator != 1 or abs(q) >= LARGEST_BIAS for q in quotients):
        return None
    return np.array([int(q) for q in quotients], np.int64)


def lower_matmul(low: Lowering, node: Node) -> Value:
    """A product with constant weights, or of two tensors."""
    values = [low.values[i] for i in node.inputs]
    x, w = values
    assert x is not None
    assert w is not None
    if isinstance(w.expr, Fixed) and all(s == 1 for s in w.shape[:-2]) and not x.is_constant:
        return lower_dense(low, node, x, len(w.shape))
    return lower_product(low, node, x, w)


def lower_dense(low: Lowering, node: Node, x: Value, weight_rank: int) -> Value:
    rank = len(x.shape)
    lead = tuple(range(weight_rank - 2))
    weights = weights_of(low, node.inputs[1], (weight_rank - 1, *lead, weight_rank - 2))
    flat = Weights(weights.values.reshape(weights.values.shape[0], -1), weights.unit, weights.bits)
    base = low.codes(x, node.inputs[0])
    axes = x.axes if x.axes[-1] == rank - 1 else identity(rank)
    base = low.layout(base, x, axes, node.inputs[0])
    arranged = Value(base, x.shape, axes)
    base, scaled, offsets = absorbed(low, base, arranged, flat, 1, node.inputs[0])
    bias, rest, last = absorbed_bias(low, node, scaled.unit, offsets)
    dense = ops.Dense(scaled.values, bias, scaled.bits)
    name = low.add(last.name, dense, base.node, origin=node.origin)
    if len(node.type.shape) != rank:
        missing = len(node.type.shape) - rank
        shape = (1,) * missing + tuple(low.graph[name].type.shape)
        name = low.add(last.name, ops.Reshape(shape), name, origin=node.origin)
        axes = identity(missing) + tuple(a + missing for a in axes)
    return finished(low, node, last, name, scaled.unit, rest, axes)


def lower_product(low: Lowering, node: Node, x: Value, w: Value) -> Value:
    """Two tensors, each with one unit."""
    sides = []
    for value, name in zip((x, w), node.inputs, strict=True):
        rank = len(value.shape)
        base = low.uniform(value, name)
        sides.append(low.layout(base, value, identity(rank), name))
    a, b = sides
    zeros = [int(-s.offset.flat[0] / s.unit.flat[0]) for s in sides]
    op = ops.MatMul((zeros[0], zeros[1]))
    name = low.add(node.name, op, a.node, b.node, origin=node.origin)
    rank = len(node.type.shape)
    unit = whole(a.unit.flat[0] * b.unit.flat[0], rank)
    axes = identity(rank)
    base = low.base(name, node.name, unit, whole(Fraction(0), rank), axes)
    return Value(base, node.type.shape, axes)
