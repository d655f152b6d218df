"""Elementwise ops: lazily on one integer tensor, joined at once where they read two."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.ops.requant import Arithmetic, Scale, Table
from qcompile.passes.expression import (
    Apply,
    Base,
    Expr,
    Fixed,
    Raw,
    affine_step,
    evaluated,
    leaves,
    moves,
    peeled,
)
from qcompile.passes.functions import finest, integers, integral, proved_range
from qcompile.passes.lowering import Lowering
from qcompile.passes.pairs import MOST_PAIRS, fitted
from qcompile.passes.requantize import MOST_PLACES
from qcompile.passes.value import Value, identity, number_in
from qcompile.qtype import Ints, QType
from qcompile.semantics.units import rational_gcd, whole

LARGEST_CODE = 2**52  # codes stay exact in the oracle's float64


def lower(low: Lowering, node: Node, op: real.Elementwise) -> Value | None:
    """The lazy value of an elementwise node."""
    shape = node.type.shape
    args = [_raised(low, node, i, len(shape)) for i in node.inputs]
    varying = [v for v in args if not v.is_constant]
    if not varying:
        numbers = [v.expr.number for v in args if isinstance(v.expr, Fixed)]
        return Value(Fixed(op.run(*numbers)), shape, identity(len(shape)))
    axes = next((v.axes for v in varying if v.shape == shape), varying[0].axes)
    exprs = [_arranged(low, v, axes, name) for v, name in zip(args, node.inputs, strict=True)]
    exprs = [low.known(e) for e in exprs]
    if affine_step(Apply(op, tuple(exprs))) is None:
        pairs = zip(exprs, args, node.inputs, strict=True)
        exprs = [_first_quantized(low, op, Value(e, v.shape, axes), n) for e, v, n in pairs]
        exprs = [low.known(e) for e in exprs]
    value = Value(Apply(op, tuple(exprs)), shape, axes)
    if isinstance(op, real.Wrap) and _never_wraps(value, op):
        return Value(exprs[0], shape, axes)
    if _too_wide(value):
        for expr, v, name in zip(exprs, args, node.inputs, strict=True):
            if integral(peeled(expr, len(shape) + 1)[0]):
                low.codes_or_none(Value(expr, v.shape, axes), name)
        exprs = [low.on_codes(e) for e in exprs]
        value = Value(Apply(op, tuple(exprs)), shape, axes)
    if len(leaves(value.expr)) < 2:
        return value
    return _joined(
        low, node, op, [Value(e, v.shape, axes) for e, v in zip(exprs, args, strict=True)]
    )


def _too_wide(value: Value) -> bool:
    """Whether a function neither rises nor falls, on more integers than one looks at."""
    found = leaves(value.expr)
    if len(found) != 1 or not isinstance(found[0], Base):
        return False
    span = int((found[0].high - found[0].low).max()) + 1
    return (
        span * len(found[0].low) > MOST_PLACES and moves(value.expr, len(value.shape) + 1) is None
    )


def _raised(low: Lowering, node: Node, name: str, rank: int) -> Value:
    """An operand with as many axes as the result."""
    value = low.values[name]
    assert value is not None
    missing = rank - len(value.shape)
    if not missing:
        return value
    if isinstance(value.expr, Fixed):
        number = number_in(value.expr.number, identity(rank))
        return Value(Fixed(number), (1,) * missing + value.shape, identity(rank))
    base = low.codes(value, name)
    stored = (1,) * missing + value.stored
    axes = identity(missing) + tuple(a + missing for a in value.axes)
    moved = low.moved(
        base,
        ops.Reshape(stored),
        lambda array: array.reshape(array.shape[0], *stored),
        node.origin,
        axes,
    )
    return Value(moved, (1,) * missing + value.shape, axes)


def _arranged(low: Lowering, value: Value, axes: tuple[int, ...], name: str) -> Expr:
    """An operand's expression in the stored order `axes`."""
    if isinstance(value.expr, Fixed):
        return Fixed(number_in(value.expr.number, axes))
    if value.axes == axes:
        return value.expr
    return low.layout(low.codes(value, name), value, axes, name)


def _first_quantized(low: Lowering, op: real.Elementwise, value: Value, name: str) -> Expr:
    """An operand; if it is the quantized input, then its codes are what arrives.

    Clamps that alone read what a quantizer rounded are still part of that quantizer.
    """
    if not any(isinstance(leaf, Raw) for leaf in leaves(value.expr)):
        return value.expr
    clamps = isinstance(op, real.Maximum | real.Minimum) and integral(value.expr)
    if clamps and len(low.source.users(low.source[name])) == 1:
        return value.expr
    return low.codes_or_none(value, name) or value.expr


def _never_wraps(value: Value, op: real.Wrap) -> bool:
    """Whether the range of what is wrapped proves that it stays as it is."""
    assert isinstance(value.expr, Apply)
    found = proved_range(value.expr.args[0], len(value.shape))
    if found is None:
        return False
    low = -(2 ** (op.bits - 1)) if op.signed else 0
    return low <= found[0] and found[1] < low + 2**op.bits


def _joined(low: Lowering, node: Node, op: real.Elementwise, args: list[Value]) -> Value:
    """A node that reads two integer tensors."""
    varying = [(v, n) for v, n in zip(args, node.inputs, strict=True) if not v.is_constant]
    axes = args[0].axes
    if len(varying) == 2 and len(args) == 2:
        if isinstance(op, real.Add | real.Sub):
            found = _sum(low, node, op, varying, axes)
        elif isinstance(op, real.Mul):
            found = _product(low, node, varying, axes)
        else:
            found = _pair(low, node, op, varying, axes)
        return Value(found, node.type.shape, axes)
    raise CompileError(f"{op.title} of {len(varying)} tensors is not supported")


def _sum(
    low: Lowering,
    node: Node,
    op: real.Elementwise,
    args: list[tuple[Value, str]],
    axes: tuple[int, ...],
) -> Base:
    """Both operands on their common grid, exactly."""
    a, b = (_one_unit(low, v, n) for v, n in args)
    ua, ub = Fraction(a.unit.flat[0]), Fraction(b.unit.flat[0])
    unit = rational_gcd(ua, ub)
    sign = -1 if isinstance(op, real.Sub) else 1
    join = ops.Add((int(ua / unit), sign * int(ub / unit)))
    name = low.add(node.name, join, a.node, b.node, origin=node.origin)
    kind = low.graph[name].type
    assert isinstance(kind, QType)
    if max(-kind.minimum, kind.maximum) >= LARGEST_CODE:
        raise CompileError(
            "the scales of the two operands have no common grid that fits 53 bits",
            help="quantize both operands with scales closer to each other",
        )
    offset = a.offset.flat[0] + sign * b.offset.flat[0]
    rank = len(node.type.shape)
    return low.base(name, node.name, whole(unit, rank), whole(offset, rank), axes)


def _one_unit(low: Lowering, value: Value, name: str) -> Base:
    """Codes with one unit and one offset."""
    base = low.codes(value, name)
    if base.unit.size == 1 and base.offset.size == 1:
        return base
    return low.regrid(base, value, name, finest(base))


def _product(
    low: Lowering, node: Node, args: list[tuple[Value, str]], axes: tuple[int, ...]
) -> Base:
    a, b = (low.uniform(v, n) for v, n in args)
    zeros = tuple(int(-x.offset.flat[0] / x.unit.flat[0]) for x in (a, b))
    join = ops.Mul((zeros[0], zeros[1]))
    name = low.add(node.name, join, a.node, b.node, origin=node.origin)
    rank = len(node.type.shape)
    unit = whole(a.unit.flat[0] * b.unit.flat[0], rank)
    return low.base(name, node.name, unit, whole(Fraction(0), rank), axes)


def _pair(
    low: Lowering,
    node: Node,
    op: real.Elementwise,
    args: list[tuple[Value, str]],
    axes: tuple[int, ...],
) -> Base:
    """Any function of two narrow integers, proved by looking at all pairs."""
    (a, b) = (low.codes(v, n) for v, n in args)
    ends = [(int(x.low.min()), int(x.high.max())) for x in (a, b)]
    sizes = [high - lo + 1 for lo, high in ends]
    if sizes[0] * sizes[1] > MOST_PAIRS or a.unit.size * b.unit.size > 1:
        raise CompileError(
            f"{op.title} of two tensors with {sizes[0]} x {sizes[1]} values cannot be proved",
            help="quantize both to 8 bits, with one scale each",
        )
    codes = [np.arange(lo, high + 1, dtype=np.int64) for lo, high in ends]
    places = [g.reshape(-1, 1) for g in np.meshgrid(*codes, indexing="ij")]
    both = Apply(op, (_scalar(a), _scalar(b)))
    results = integers(evaluated(both, {a.node: places[0], b.node: places[1]}), None)
    name = _pair_nodes(low, node, op, (a, b), codes, results.reshape(sizes))
    rank = len(node.type.shape)
    return low.base(name, node.name, whole(Fraction(1), rank), whole(Fraction(0), rank), axes)


def _scalar(base: Base) -> Base:
    """A stand-in with one axis, to evaluate the function of pairs on a list of them."""
    return replace(base, shape=(1,), unit=base.unit.reshape(1), offset=base.offset.reshape(1))


def _pair_nodes(
    low: Lowering,
    node: Node,
    op: real.Elementwise,
    sides: tuple[Base, Base],
    codes: list[Ints],
    results: Ints,
) -> str:
    """A weighted sum and a shift if one is right for all pairs, else a table of the pairs."""
    a, b = codes
    ratios = (op.ratio_a, op.ratio_b) if isinstance(op, real.OrtAdd) else (0.0, 0.0)
    line = fitted(ratios, a, b, results)
    least, most = int(results.min()), int(results.max())
    if line is not None:
        ma, mb, offset, shift = line
        form: Scale | Table = Scale(Arithmetic.SHIFT, 1, 0, shift, least, most)
    else:
        ma, mb, offset = len(b), 1, 0
        form = Table(int(a[0]) * len(b) + int(b[0]), results.reshape(-1))
    join = ops.Add((ma, mb), offset)
    total = low.add(node.name, join, *(s.node for s in sides), origin=node.origin)
    requant = ops.Requant((form,), np.array([least]), np.array([most]))
    name = low.add(node.name, requant, total, origin=node.origin)
    low.pair_proof(name, node.origin, join, form, results.size)
    return name
