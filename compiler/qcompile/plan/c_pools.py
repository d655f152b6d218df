"""What the C templates of the pooling ops need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.ops import MaxPool, RoundedSumPool, SumPool
from qcompile.plan.c_elementwise import line_at, scaling
from qcompile.plan.c_layers import Code, Site, Window, window, with_finish
from qcompile.plan.c_types import I32, I64, Array, Kernel, kernel


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
class SumCodes:
    """A call of qc_sum_codes; with `line`, the constants of its own `finish` function."""

    function: str
    window: Window
    pad: str
    factors: str
    alike: int
    finish: str
    constants: str
    line_type: str = ""
    line: tuple[str, ...] = ()


@dataclass(frozen=True)
class RoundedSumPoolCode:
    function: str
    window: Window
    multiplier: str
    zero_point: str


def max_pool(op: MaxPool, site: Site) -> Code:
    if site.x.bits == 8:
        fast = kernel("qc_max_codes", X=site.x)
        larger = "MAX_BYTES_S" if site.x.signed else "MAX_BYTES_U"
        shape = window(op, site, site.output.channels)
        return Code(
            MaxPoolCode(fast.function, shape),
            (fast.defining(QC_X_SIGNED=str(int(site.x.signed)), QC_MAX=larger),),
        )
    main = kernel("qc_max_pool", X=site.x)
    return Code(MaxPoolCode(main.function, window(op, site, site.output.channels)), (main,))


def sum_pool(op: SumPool, site: Site) -> Code:
    if site.x.bits == 8 and site.accumulator == I32:
        return sum_codes(op, site)
    types = {"X": site.x, "A": site.accumulator}
    main = kernel("qc_sum_pool", **types)
    shape = window(op, site, site.output.channels)
    pad = site.accumulator.literal(op.pad_value if any(op.pads) else 0)
    arrays = _factors(op, site, shape)
    details = SumPoolCode(main.function, shape, pad, arrays[0].name if arrays else "NULL")
    return Code(details, (with_finish(main, site, types),), arrays)


def sum_codes(op: SumPool, site: Site) -> Code:
    """Sums of bytes, all channels of a pixel together."""
    assert site.finish is not None
    sign = "S" if site.x.signed else "U"
    main = kernel("qc_sum_codes", X=site.x).defining(
        QC_X_SIGNED=str(int(site.x.signed)),
        QC_DOT=f"XCV_DOT_{sign}",
        QC_FINISH="qc_finish_i32",
    )
    shape = window(op, site, site.output.channels)
    pad = I32.literal(op.pad_value if any(op.pads) else 0)
    arrays = _factors(op, site, shape)
    factors = arrays[0].name if arrays else "NULL"
    line = line_at(site) if site.y.bits == 8 else None
    if line is None:
        finish = site.finish
        called = (finish.kernel.function, finish.constants)
        details = SumCodes(main.function, shape, pad, factors, int(finish.uniform), *called)
        return Code(details, (main,), arrays, template="sum_codes")
    scale = scaling(I32, site.y, line)
    ending = Kernel("qc_line", scale.types, (("QC_Y", site.y.name), ("QC_SCALE", scale.function)))
    numbers = (I32.literal(line.multiplier), *line.arguments)
    own = (ending.function, "&line", f"qc_line_t_{ending.types}", numbers)
    details = SumCodes(main.function, shape, pad, factors, 1, *own)
    return Code(details, (scale, ending, main), arrays, template="sum_codes", finishes=False)


def _factors(op: SumPool, site: Site, shape: Window) -> tuple[Array, ...]:
    if op.place_factors is None:
        return ()
    values = np.broadcast_to(op.place_factors, (shape.out_height, shape.out_width))
    return (Array(f"{site.name}_factors", site.accumulator, values.reshape(-1)),)


def rounded_sum_pool(op: RoundedSumPool, site: Site) -> Code:
    types = {"X": site.x, "A": site.accumulator}
    main = kernel("qc_rounded_sum_pool", **types)
    shape = window(op, site, site.output.channels)
    numbers = (I64.literal(op.multiplier), I64.literal(op.zero_point))
    details = RoundedSumPoolCode(main.function, shape, *numbers)
    return Code(details, (with_finish(main, site, types),))
