"""Constant weights as integers, with the width that their quantizer gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.passes.expression import Fixed
from qcompile.passes.lowering import Lowering
from qcompile.qtype import Ints, bits_for
from qcompile.semantics.interval import Exact
from qcompile.semantics.number import Bounded, Grid, raised, uniform

WIDEST_WEIGHT = 24  # more bits than any quantizer leaves: the weights are floats


@dataclass(frozen=True, eq=False)
class Weights:
    """Integer weights [O, ...], the unit of each output [O], and the stored bits of each."""

    values: Ints
    unit: Exact
    bits: tuple[int, ...]


def weights_of(low: Lowering, name: str, order: tuple[int, ...]) -> Weights:
    """The constant `name` as integers with outputs first; `order` permutes its axes to that."""
    value = low.values[name]
    assert value is not None
    fixed = value.expr
    if not isinstance(fixed, Fixed) or not isinstance(fixed.number, Grid):
        raise CompileError(
            f"the weights {name!r} are not quantized",
            help="quantize them (Quant, or DequantizeLinear of integers)",
        )
    moved = real.Transpose(order).run(fixed.number)
    assert isinstance(moved, Grid)
    even = uniform(moved, tuple(range(2, moved.codes.ndim)))
    if even is None:
        raise CompileError(f"the scales inside a channel of {name!r} have no common grid")
    values = even.codes[0].astype(np.int64)
    unit = np.broadcast_to(even.unit.reshape(-1), (values.shape[0],))
    values, unit = reduced(values, unit)
    bits = stored_bits(low, name, order, values, unit)
    if max(bits, default=0) > WIDEST_WEIGHT:
        raise CompileError(
            f"the weights {name!r} are not quantized: they take {max(bits)} bits",
            help="quantize them (Quant, or DequantizeLinear of integers)",
        )
    return Weights(values, unit, bits)


def reduced(values: Ints, unit: Exact) -> tuple[Ints, Exact]:
    """Negative units turned positive, so that a larger sum is a larger real."""
    sign = np.array([-1 if u < 0 else 1 for u in unit], np.int64)
    shaped = sign.reshape(-1, *(1,) * (values.ndim - 1))
    return values * shaped, unit * sign.astype(object)


def stored_bits(
    low: Lowering, name: str, order: tuple[int, ...], values: Ints, unit: Exact
) -> tuple[int, ...]:
    """The bits of each output channel: as its quantizer declares, else as its values need."""
    flat = values.reshape(values.shape[0], -1)
    needed = [bits_for(int(row.min()), int(row.max())) for row in flat]
    op = low.source[name].op
    declared = op.levels if isinstance(op, real.Known) else None
    if declared is not None and declared.bipolar:
        needed = [1] * len(flat)
    elif declared is not None:
        ends = [
            level_rows(level, low.source[name].type.shape, order) / unit.astype(np.float64)[:, None]
            for level in (declared.low, declared.high)
        ]
        spans = np.abs(np.rint(ends[1]) - np.rint(ends[0])).max(axis=1)
        needed = [int(s).bit_length() for s in spans]
    # Bipolar channels among wider ones declare no range: they have one bit.
    return tuple(max(b, 1) if row.any() else 0 for b, row in zip(needed, flat, strict=True))


def floats(level: real.Number, rank: int) -> Any:
    """The float64 values of a number, with `rank` axes."""
    found = raised(level.bounded(), rank)
    assert isinstance(found, Bounded)
    return found.value


def level_rows(level: real.Number, shape: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """A level of the weights as floats [O, everything else]."""
    value = np.broadcast_to(floats(level, len(shape) + 1), (1, *shape))[0]
    return value.transpose(order).reshape(shape[order[0]], -1)
