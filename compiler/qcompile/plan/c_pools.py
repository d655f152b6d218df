"""What the C templates of the pooling ops need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops import MaxPool, RoundedSumPool, SumPool
from qcompile.plan.c_layers import Code, Site, Window, window, with_finish
from qcompile.plan.c_types import I64, Array, kernel


@dataclass(frozen=True)
class MaxPoolCode:
    function: str
    window: Window


@dataclass(frozen=True)
class SumPoolCode:
    function: str
    window: Window
    pad: str
    factors: str


@dataclass(frozen=True)
class RoundedSumPoolCode:
    function: str
    window: Window
    multiplier: str
    zero_point: str


def max_pool(op: MaxPool, site: Site) -> Code:
    main = kernel("qc_max_pool", X=site.x)
    return Code(MaxPoolCode(main.function, window(op, site, site.output.channels)), (main,))


def sum_pool(op: SumPool, site: Site) -> Code:
    types = {"X": site.x, "A": site.accumulator}
    main = kernel("qc_sum_pool", **types)
    shape = window(op, site, site.output.channels)
    pad = site.accumulator.literal(op.pad_value if any(op.pads) else 0)
    arrays: tuple[Array, ...] = ()
    if op.place_factors is not None:
        values = np.broadcast_to(op.place_factors, (shape.out_height, shape.out_width))
        arrays = (Array(f"{site.name}_factors", site.accumulator, values.reshape(-1)),)
    details = SumPoolCode(main.function, shape, pad, arrays[0].name if arrays else "NULL")
    return Code(details, (with_finish(main, site, types),), arrays)


def rounded_sum_pool(op: RoundedSumPool, site: Site) -> Code:
    types = {"X": site.x, "A": site.accumulator}
    main = kernel("qc_rounded_sum_pool", **types)
    shape = window(op, site, site.output.channels)
    numbers = (I64.literal(op.multiplier), I64.literal(op.zero_point))
    details = RoundedSumPoolCode(main.function, shape, *numbers)
    return Code(details, (with_finish(main, site, types),))
