"""How a lazy real becomes codes: by the input's quantizer, or by a proved requantizer."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Graph
from qcompile.model import Proof
from qcompile.ops.requant import Form
from qcompile.passes.certificate import described, proof
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
from qcompile.passes.functions import finest, integers, integral, proved_forms, reference_unit
from qcompile.passes.requantize import kinds
from qcompile.passes.tensors import Tensors
from qcompile.passes.value import Value
from qcompile.qtype import QType
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Grid
from qcompile.semantics.units import whole

FAR = 2.0**40  # beyond any sensible input of a first quantizer, in units of its scale


class Lowering(Tensors):
    """State of one run of `integerize`."""

    def __init__(self, source: Graph) -> None:
        super().__init__(source)
        self.values: dict[str, Value | None] = {}
        self.broken: set[str] = set()
        self.raw: dict[str, Base] = {}  # inputs whose grid a quantizer decided
        self.proofs: list[Proof] = []
        self._made: dict[int, tuple[Expr, Base]] = {}

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
        return self.on_codes(expr)

    def on_codes(self, expr: Expr) -> Expr:
        """The expression on the latest codes that were made of its parts."""

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
        if not self._by_channel(inner, leaf, value):
            return self._requant_flat(inner, leaf, value, name)
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

    def _by_channel(self, inner: Expr, leaf: Base, value: Value) -> bool:
        """Whether the function differs, if at all, along the last stored axis only."""
        arrays = [fixed.number.shape[1:] for fixed in constants(inner)]
        arrays += [a.shape for e in readings(inner) for a in (e.unit, e.offset)]
        return leaf.shape == value.stored and not any(s > 1 for shape in arrays for s in shape[:-1])

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

    def pair_proof(self, node: str, origin: str, join: ops.Add, form: Form, pairs: int) -> None:
        """A function of two integers that was compared on every pair of them."""
        constants = {
            "channels": [0],
            "multipliers": list(join.multipliers),
            "constant": join.constant,
            **described(form),
        }
        self.proofs.append(Proof(node, origin, kinds((form,)), (constants,), f"all {pairs} pairs"))

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
