"""Lazy reals: elementwise functions of integer tensors, not yet given a form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile import semantics as real
from qcompile.qtype import Ints, Shape
from qcompile.semantics.base import Elementwise, Signs
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Grid, Number
from qcompile.semantics.units import whole, without_zeros


@dataclass(frozen=True, eq=False)
class Base:
    """An integer tensor of the new graph, and what its codes mean: real = unit·code + offset.

    `unit` and `offset` are arrays of Fractions that broadcast to the stored shape.
    """

    node: str
    shape: Shape  # stored
    low: Ints  # range for each channel of the last stored axis
    high: Ints
    real: str  # the node of the graph of reals whose value these codes are
    unit: Exact
    offset: Exact
    axes: tuple[int, ...]  # stored axis i is axis `axes[i]` of `real`


@dataclass(frozen=True, eq=False)
class Raw:
    """An input whose grid the first quantizer decides."""

    name: str
    shape: Shape  # stored


@dataclass(frozen=True, eq=False)
class Fixed:
    """A constant operand, in stored order, with a sample axis and all axes of the tensor."""

    number: Number


@dataclass(frozen=True, eq=False)
class Apply:
    """An elementwise op of the graph as read."""

    op: Elementwise
    args: tuple[Expr, ...]


Expr = Base | Raw | Fixed | Apply


def parts(expr: Expr) -> Iterator[Expr]:
    """Every part of an expression, each once."""
    seen: set[int] = set()
    todo = [expr]
    while todo:
        e = todo.pop()
        if id(e) not in seen:
            seen.add(id(e))
            yield e
            todo.extend(e.args if isinstance(e, Apply) else ())


def leaves(expr: Expr) -> tuple[Base | Raw, ...]:
    """The tensors that an expression reads, each once: its first reading stands for the others."""
    found: dict[str, Base | Raw] = {}
    for e in parts(expr):
        if isinstance(e, Base | Raw):
            found.setdefault(e.node if isinstance(e, Base) else e.name, e)
    return tuple(found[name] for name in sorted(found))


def readings(expr: Expr) -> tuple[Base, ...]:
    """Every way in which integer tensors are read: one tensor may stand for several reals."""
    return tuple(e for e in parts(expr) if isinstance(e, Base))


def constants(expr: Expr) -> Iterator[Fixed]:
    """All constant operands."""
    return (e for e in parts(expr) if isinstance(e, Fixed))


def mapped(
    expr: Expr,
    leaf: Callable[[Any], Expr],
    fixed: Callable[[Fixed], Fixed],
    whole: Callable[[Expr], Expr | None] = lambda e: None,
) -> Expr:
    """The expression with its leaves and constants replaced; what is shared stays shared.

    `whole` may replace any part at once.
    """
    memo: dict[int, Expr] = {}

    def visit(e: Expr) -> Expr:
        if id(e) not in memo:
            found = whole(e)
            if found is not None:
                memo[id(e)] = found
            elif isinstance(e, Apply):
                args = tuple(visit(a) for a in e.args)
                same = all(a is b for a, b in zip(args, e.args, strict=True))
                memo[id(e)] = e if same else Apply(e.op, args)
            else:
                memo[id(e)] = fixed(e) if isinstance(e, Fixed) else leaf(e)
        return memo[id(e)]

    return visit(expr)


def evaluated(expr: Expr, values: dict[str, Any]) -> Number:
    """The oracle's value of an expression, given the codes of the integer tensors that it reads.

    `values` holds integers [samples, ...] by node, and numbers by the name of a raw input.
    """
    memo: dict[int, Number] = {}

    def visit(e: Expr) -> Number:
        if id(e) not in memo:
            if isinstance(e, Apply):
                memo[id(e)] = e.op.run(*(visit(a) for a in e.args))
            elif isinstance(e, Fixed):
                memo[id(e)] = e.number
            else:
                memo[id(e)] = meaning(e, values[e.node]) if isinstance(e, Base) else values[e.name]
        return memo[id(e)]

    return visit(expr)


def meaning(base: Base, codes: NDArray[Any]) -> Number:
    """The reals behind codes [samples, *shape of the expression's axes]."""
    rank = codes.ndim
    number: Number = Grid(codes.astype(np.float64), whole(Fraction(1), rank))
    number = real.Mul().run(number, as_number(base.unit, rank))
    if any(base.offset.flat):
        number = real.Add().run(number, as_number(base.offset, rank))
    return number


def as_number(array: Exact, rank: int) -> Grid:
    """Fractions (as units or offsets) as a constant number of `rank` axes."""
    shaped = array.reshape(1, *array.shape) if array.ndim == rank - 1 else array
    return Grid(np.where(shaped == 0, 0.0, 1.0), without_zeros(shaped))


def moves(expr: Expr, rank: int) -> Signs | None:
    """How the expression moves when its single base grows; None where that is not known."""
    memo: dict[int, tuple[Number, Signs] | None] = {}
    still = np.zeros((1,) * rank, np.int8)

    def visit(e: Expr) -> tuple[Number, Signs] | None:
        if id(e) in memo:
            return memo[id(e)]
        result: tuple[Number, Signs] | None
        if isinstance(e, Fixed):
            result = (e.number, still)
        elif isinstance(e, Apply):
            parts = [visit(a) for a in e.args]
            known = [p for p in parts if p is not None]
            direction = None
            if len(known) == len(parts):
                numbers, signs = zip(*known, strict=True)
                direction = e.op.direction(numbers, signs)
            result = None if direction is None else (known[0][0], direction)
        else:
            sign = np.ones((1,) * rank, np.int8)
            if isinstance(e, Base):
                unit = as_number(e.unit, rank).unit
                sign = np.sign(unit.astype(np.float64)).astype(np.int8)
            result = (Grid(np.zeros((1,) * rank), whole(Fraction(1), rank)), sign)
        memo[id(e)] = result
        return result

    found = visit(expr)
    return None if found is None else found[1]


def peeled(expr: Expr, rank: int) -> tuple[Expr, Exact, Exact]:
    """The expression without the affine ops on its outside: expr = unit·inner + offset.

    `rank` counts the sample axis; unit and offset have rank - 1 axes.
    """
    unit, offset = whole(Fraction(1), rank - 1), whole(Fraction(0), rank - 1)
    while isinstance(expr, Apply):
        step = affine_step(expr)
        if step is None:
            break
        expr, factor, added = step
        factor, added = (a.reshape(a.shape[1:]) for a in (factor, added))
        offset = offset + unit * added
        unit = unit * factor
    return expr, unit, offset


def affine_step(expr: Apply) -> tuple[Expr, Exact, Exact] | None:
    """(inner, factor, added) where expr = factor·inner + added with exact constants."""
    if len(expr.args) != 2:
        return None
    a, b = expr.args
    left, right = (exact_constant(e) for e in (a, b))
    one, zero = Fraction(1), Fraction(0)
    match expr.op:
        case real.Add() if right is not None:
            return a, full(right, one), right
        case real.Add() if left is not None:
            return b, full(left, one), left
        case real.Sub() if right is not None:
            return a, full(right, one), -right
        case real.Sub() if left is not None:
            return b, full(left, -one), left
        case real.Mul() if right is not None and all(right.flat):
            return a, right, full(right, zero)
        case real.Mul() if left is not None and all(left.flat):
            return b, left, full(left, zero)
        case real.Div() if right is not None and all(right.flat):
            return a, one / right, full(right, zero)
    return None


def exact_constant(expr: Expr) -> Exact | None:
    """The Fractions of an exact constant of moderate size, else None."""
    if not isinstance(expr, Fixed) or not isinstance(expr.number, Grid):
        return None
    grid = expr.number
    if grid.codes.size > 1 << 16:
        return None
    from qcompile.semantics.interval import fractions

    found: Exact = fractions(grid.codes) * grid.unit
    return found


def full(like: Exact, value: Fraction) -> Exact:
    """`value` once, with as many axes as `like`."""
    return np.full((1,) * like.ndim, value, object)
