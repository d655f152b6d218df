"""The integer graph while it is built, and how a lazy real becomes codes in it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Graph, Node
from qcompile.model import Link, Port, Proof
from qcompile.ops.requant import Form
from qcompile.passes.certificate import proof
from qcompile.passes.expression import (
    Apply,
    Base,
    Expr,
    Fixed,
    Raw,
    constants,
    evaluated,
    leaves,
    mapped,
    moves,
    peeled,
    readings,
)
from qcompile.passes.requantize import Proved, prove
from qcompile.passes.value import Value, identity, moved_array, moved_number, same_memory
from qcompile.qtype import Ints, QType
from qcompile.semantics.base import Signs
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Grid, Number, rational_gcd, whole

FAR = 2.0**40  # beyond any sensible input of a first quantizer, in units of its scale


class Lowering:
    """State of one run of `integerize`."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.graph = Graph()
        self.values: dict[str, Value | None] = {}
        self.broken: set[str] = set()
        self.raw: dict[str, Base] = {}  # inputs whose grid a quantizer decided
        self.inputs: dict[str, Base] = {}  # inputs with a declared grid
        self.links: dict[str, Link] = {}
        self.proofs: list[Proof] = []
        self._made: dict[int, tuple[Expr, Base]] = {}

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
        source = next((self.source[n] for n in (meant,) if n in self.source), None)
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

    # Codes

    def codes(self, value: Value, name: str) -> Base:
        """`value`, the real node `name`, as an integer tensor in the same stored order.

        Raises CompileError where it has none.
        """
        base = self.codes_or_none(value, name)
        if base is None:
            inputs = [e.name for e in leaves(value.expr) if isinstance(e, Raw)]
            if inputs:
                raise CompileError(
                    f"the input {inputs[0]!r} is not quantized before it is used",
                    help=f"declare what arrives: --input {inputs[0]}=uint8 (or int8, fixed<W,I>)",
                )
            raise CompileError(
                "a real value that lies on no integer grid is used where codes are needed",
                help="put a quantizer before this node",
            )
        return base

    def codes_or_none(self, value: Value, name: str) -> Base | None:
        """As `codes`, or None."""
        rank = len(value.shape) + 1
        inner, unit, offset = peeled(self.known(value.expr), rank)
        if isinstance(inner, Fixed):
            return self._constant(inner, value, name, unit, offset)
        if isinstance(inner, Raw):
            return None
        if not isinstance(inner, Base):
            found = self._integer(inner, value, name)
            if found is None:
                return None
            inner = found
        base = replace(
            inner,
            real=name,
            unit=unit * inner.unit,
            offset=offset + unit * inner.offset,
            axes=value.axes,
        )
        if base.node not in self.links:
            self.base(base.node, name, base.unit, base.offset, value.axes)
            for key, raw in self.raw.items():
                if raw.node == base.node:
                    self.raw[key] = base
        return base

    def known(self, expr: Expr) -> Expr:
        """The expression on the codes of the input's quantizer, where those were made."""
        if not self.raw or not any(isinstance(leaf, Raw) for leaf in leaves(expr)):
            return expr

        def made(e: Expr) -> Expr | None:
            found = self._made.get(id(e))
            return None if found is None else found[1]

        return mapped(expr, lambda e: e, lambda f: f, made)

    def _constant(
        self, fixed: Fixed, value: Value, name: str, unit: Exact, offset: Exact
    ) -> Base | None:
        """A stored tensor that takes part at run time."""
        if not isinstance(fixed.number, Grid):
            return None
        grid = fixed.number
        codes = np.broadcast_to(grid.codes, (1, *value.stored))[0].astype(np.int64)
        node = self.add(name, ops.Constant(codes), origin=self.origin(name))
        own = grid.unit.reshape(grid.unit.shape[1:]) if grid.unit.ndim > 1 else grid.unit
        own = own.reshape((1,) * (len(value.shape) - own.ndim) + own.shape)
        return self.base(node, name, unit * own, offset + 0 * own, value.axes)

    def _integer(self, inner: Expr, value: Value, name: str) -> Base | None:
        """The codes of an expression that is a function of one integer tensor or of one input."""
        if id(inner) in self._made:
            return self._made[id(inner)][1]
        found = leaves(inner)
        if len(found) != 1:
            return None
        leaf = found[0]
        if isinstance(leaf, Raw):
            base = self._first_quantizer(inner, leaf, value, name) if integral(inner) else None
        else:
            base = self._requant(inner, leaf, value, name)
        if base is not None:
            self._made[id(inner)] = (inner, base)
        return base

    def _first_quantizer(self, inner: Expr, raw: Raw, value: Value, name: str) -> Base:
        """The codes that arrive at an input: what its quantizer makes of the reals."""
        if raw.name in self.raw:
            raise CompileError(
                f"several different quantizers read the input {raw.name!r}",
                help=f"declare what arrives: --input {raw.name}=uint8",
            )
        rank = len(value.shape) + 1
        direction = moves(inner, rank)
        if direction is None:
            raise CompileError(
                f"the input {raw.name!r} passes a function that is not monotone",
                help=f"declare what arrives: --input {raw.name}=uint8",
            )
        ends = []
        for far in (-FAR, FAR):
            number = Grid(np.full((1,) * rank, far), whole(Fraction(1), rank))
            result = evaluated(inner, {raw.name: number})
            ends.append(np.broadcast_to(integers(result, None)[0], (1, *value.stored)))
        low, high = (
            e[0].reshape(-1, value.stored[-1]) for e in (np.minimum(*ends), np.maximum(*ends))
        )
        if max(int(np.abs(low).max()), int(np.abs(high).max())) >= 2**31:
            raise CompileError(
                f"the quantizer of the input {raw.name!r} does not limit its codes",
                help=f"declare what arrives: --input {raw.name}=uint8",
            )
        kind = QType.of(value.stored, low.min(axis=0), high.max(axis=0))
        node = self.add(raw.name, ops.Input(kind), origin=raw.name)
        rank -= 1
        base = self.base(node, "", whole(Fraction(1), rank), whole(Fraction(0), rank), value.axes)
        self.raw[raw.name] = base
        return base

    # Requantization

    def _requant(self, inner: Expr, leaf: Base, value: Value, name: str) -> Base | None:
        """A Requant that computes `inner` from the codes of `leaf`, proved."""
        axis = self._varying_axis(inner, leaf, value)
        if axis is None:
            return self._requant_flat(inner, leaf, value, name)
        if axis != len(value.shape) - 1:
            return None
        unit = reference_unit(inner, leaf)
        if unit is None:
            return None
        proved, lo, hi = proved_forms(inner, leaf, unit)
        op = ops.Requant(proved.forms, proved.low, proved.high)
        origin = self.origin(name)
        node = self.add(name, op, leaf.node, origin=origin)
        self.proofs.append(proof(node, origin, proved, lo, hi))
        rank = len(value.shape)
        shaped = (
            unit.reshape((1,) * (rank - 1) + (-1,)) if unit.size > 1 else unit.reshape((1,) * rank)
        )
        return self.base(node, "", shaped, whole(Fraction(0), rank), value.axes)

    def _varying_axis(self, inner: Expr, leaf: Base, value: Value) -> int | None:
        """The last axis if constants only vary along it, -1 for another one, None for several."""
        if leaf.shape != value.stored:
            return None
        varying: set[int] = set()
        for fixed in constants(inner):
            shape = fixed.number.shape[1:]
            varying |= {i + len(value.shape) - len(shape) for i, s in enumerate(shape) if s > 1}
        for array in (a for e in readings(inner) for a in (e.unit, e.offset)):
            varying |= {i for i, s in enumerate(array.shape) if s > 1}
        last = len(value.shape) - 1
        return last if varying <= {last} else None

    def _requant_flat(self, inner: Expr, leaf: Base, value: Value, name: str) -> Base | None:
        """Constants that differ from place to place: every element is a channel of its own."""
        if leaf.shape != value.stored or value_size(value) > 1 << 16:
            return None
        size = value_size(value)

        def flat(array: Any) -> Any:
            return array.reshape(array.shape[0], 1, size)

        origin = self.origin(name)
        bases = self.moved_readings(inner, ops.Reshape((1, size)), flat, origin)
        expr = self.mapped(inner, value, flat, bases)
        moved = next(iter(bases.values()))
        flat_value = Value(expr, (1, size), (0, 1))
        base = self._requant(expr, moved, flat_value, name)
        if base is None:
            return None

        def back(array: Any) -> Any:
            return array.reshape(array.shape[0], *value.stored)

        return replace(
            self.moved(base, ops.Reshape(value.stored), back, origin, value.axes), real=name
        )

    def pair_proof(self, node: Node, form: Form, pairs: int) -> None:
        """A function of two integers that was compared on every pair of them."""
        proved = Proved((form,), np.zeros(1, np.int64), np.zeros(1, np.int64), f"all {pairs} pairs")
        ends = np.zeros(1, np.int64)
        self.proofs.append(proof(node.name, node.origin, proved, ends, ends))

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

    @property
    def _layouts(self) -> dict[tuple[str, tuple[int, ...]], Base]:
        if not hasattr(self, "_layout_cache"):
            self._layout_cache: dict[tuple[str, tuple[int, ...]], Base] = {}
        return self._layout_cache

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

    # One grid for a whole tensor

    def uniform(self, value: Value, name: str) -> Base:
        """Codes with one unit for the tensor and offset 0 or an integer number of units."""
        base = self.codes(value, name)
        scalar = base.unit.size == 1 and base.offset.size == 1
        if scalar and (base.offset.flat[0] / base.unit.flat[0]).denominator == 1:
            return base
        return self.regrid(base, value, name, finest(base))

    def regrid(self, base: Base, value: Value, name: str, unit: Fraction) -> Base:
        """The same reals as integer multiples of `unit`, which is fine enough."""
        rank = len(value.shape)
        expr = Apply(
            real.Div(), (base, Fixed(Grid(np.ones((1,) * (rank + 1)), whole(unit, rank + 1))))
        )
        rounded = Apply(real.Round(), (expr,))
        found = self._requant(rounded, base, value, name)
        if found is None:
            raise CompileError("channels on grids that have no common one", help="use one scale")
        return self.base(found.node, name, whole(unit, rank), whole(Fraction(0), rank), value.axes)


def value_size(value: Value) -> int:
    return int(np.prod(value.shape))


def finest(base: Base) -> Fraction:
    """The largest unit of which every unit and offset is a multiple."""
    unit: Fraction = reduce(rational_gcd, map(abs, base.unit.flat))
    for offset in base.offset.flat:
        unit = rational_gcd(unit, abs(offset))
    return unit


def integral(expr: Expr) -> bool:
    """Whether an expression is an integer by the ops that make it."""
    if isinstance(expr, Fixed):
        return isinstance(expr.number, Grid) and all(
            u.denominator == 1 for u in expr.number.unit.flat
        )
    if isinstance(expr, Base):
        return all(u.denominator == 1 for a in (expr.unit, expr.offset) for u in a.flat)
    if not isinstance(expr, Apply):
        return False
    match expr.op:
        case real.Round() | real.Bipolar() | real.MultiThreshold():
            return True
        case real.OrtRequantize() | real.OrtAdd() | real.OrtScale() | real.OrtMean():
            return True
        case real.OrtTable() | real.Wrap():
            return True
        case real.Maximum() | real.Minimum() | real.Add() | real.Sub() | real.Mul():
            return all(integral(a) for a in expr.args)
    return False


def integers(number: Number, unit: Exact | None) -> Ints:
    """The integers n for which number = unit·n; raises CompileError where there are none."""
    if isinstance(number, Grid):
        factor = number.unit if unit is None else number.unit / unit
        if all(f.denominator == 1 for f in np.ravel(factor)):
            out: Ints = (number.codes * factor.astype(np.float64)).astype(np.int64)
            return out
        # A grid may be finer than the numbers that are on it.
        top = np.vectorize(lambda f: f.numerator, otypes=[np.float64])(factor)
        bottom = np.vectorize(lambda f: f.denominator, otypes=[np.float64])(factor)
        exact = number.codes * top
        if np.all(np.mod(exact, bottom) == 0):
            fine: Ints = (exact / bottom).astype(np.int64)
            return fine
    raise CompileError("a value does not lie on the grid that was found for its tensor")


def reference_unit(inner: Expr, leaf: Base) -> Exact | None:
    """The grid, for each channel, on which an expression lies; None where there is none."""
    rank = len(leaf.shape)
    if integral(inner):
        return whole(Fraction(1), rank)
    channels = leaf.shape[-1] if leaf.shape else 1
    lo, hi = (np.broadcast_to(e, (channels,)) for e in (leaf.low, leaf.high))
    places = np.stack([lo, hi, np.clip(0, lo, hi), np.clip(1, lo, hi), np.clip(-1, lo, hi)])
    number = evaluated(inner, {leaf.node: spread(places, rank)})
    if not isinstance(number, Grid):
        return None
    unit = np.abs(number.unit)
    if unit.shape[-1] > 1 and np.all(unit == unit.flat[0]):
        unit = unit[..., :1]
    return unit.reshape((1,) * (rank - 1) + (-1,)) if rank else unit.reshape(())


def spread(places: Ints, rank: int) -> Ints:
    """[K, C] as [K, 1, ..., 1, C] with `rank` axes after the first."""
    return places.reshape(places.shape[0], *(1,) * (rank - 1), -1)


def proved_forms(inner: Expr, leaf: Base, unit: Exact) -> tuple[Proved, Ints, Ints]:
    """The function of each channel (or the one of all), and the range that it is proved on."""
    rank = len(leaf.shape)
    varying = [f.number.shape[-1] for f in constants(inner)]
    varying += [a.shape[-1] for e in readings(inner) for a in (e.unit, e.offset)]
    many = max(varying) > 1
    if many:
        channels = leaf.shape[-1]
        lo, hi = (np.broadcast_to(e, (channels,)).copy() for e in (leaf.low, leaf.high))
    else:
        lo, hi = leaf.low.min(keepdims=True), leaf.high.max(keepdims=True)
    shaped = unit.reshape(1, *unit.shape)

    def function(a: Ints) -> Ints:
        number = evaluated(inner, {leaf.node: spread(a, rank)})
        found = integers(number, shaped)
        return np.broadcast_to(found.reshape(found.shape[0], -1), a.shape)

    return prove(function, lo, hi, per_channel(moves(inner, rank + 1), leaf, len(lo))), lo, hi


def proved_range(expr: Expr, rank: int) -> tuple[float, float] | None:
    """Least and greatest value of a monotone function of one integer tensor, or None."""
    found = leaves(expr)
    if len(found) != 1 or not isinstance(found[0], Base):
        return None
    leaf = found[0]
    if moves(expr, rank + 1) is None or len(leaf.shape) != rank:
        return None
    channels = leaf.shape[-1] if leaf.shape else 1
    ends = np.stack([np.broadcast_to(e, (channels,)) for e in (leaf.low, leaf.high)])
    number = evaluated(expr, {leaf.node: spread(ends, rank)}).bounded()
    return float((number.value - number.error).min()), float((number.value + number.error).max())


def per_channel(direction: Signs | None, leaf: Base, channels: int) -> Signs | None:
    """The direction for each channel, as a function of the codes."""
    if direction is None:
        return None
    return np.broadcast_to(direction.reshape(-1), (channels,))
