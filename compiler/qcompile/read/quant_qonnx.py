"""QONNX: Quant, BipolarQuant, Trunc and MultiThreshold, as the qonnx package defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.builder import Expr, Made, Result, Term, const, expr
from qcompile.read.elementwise import fraction
from qcompile.read.scales import broadcastable, check_bits, check_scale, check_zero_point
from qcompile.read.site import Site
from qcompile.semantics import Rounding

Array = NDArray[Any]

MODES = {
    "ROUND": Rounding.HALF_EVEN,
    "HALF_EVEN": Rounding.HALF_EVEN,
    "CEIL": Rounding.CEIL,
    "FLOOR": Rounding.FLOOR,
    "UP": Rounding.UP,
    "DOWN": Rounding.DOWN,
    "ROUND_TO_ZERO": Rounding.DOWN,
    "HALF_UP": Rounding.HALF_UP,
    "HALF_DOWN": Rounding.HALF_DOWN,
}


def rounding(site: Site, default: str) -> Rounding:
    name = site.text("rounding_mode", default)
    if name.upper() not in MODES:
        raise CompileError(
            f"the rounding mode {name}", help=f"the modes are {', '.join(sorted(MODES))}"
        )
    return MODES[name.upper()]


def limits(bits: NDArray[np.int64], signed: bool, narrow: bool) -> tuple[Array, Array]:
    """The least and the greatest code of each width; a channel of 0 bits has only code 0."""
    if signed:
        half = 2.0 ** (bits - 1)
        low, high = -half + narrow, half - 1
    else:
        low, high = np.zeros(bits.shape), 2.0**bits - 1 - narrow
    none = bits == 0
    return np.where(none, 0.0, low), np.where(none, 0.0, high)


def quant(site: Site) -> Result:
    """Scale, shift, clamp, round, and back. Signed 1-bit channels are bipolar."""
    rank = len(site.shape(0))
    check_scale(site, 1)
    bits = check_bits(site, 3)
    signed, narrow = site.flag("signed", True), site.flag("narrow", False)
    mode = rounding(site, "ROUND")
    scale = broadcastable(site, 1, rank)
    zero = broadcastable(site, 2, rank) if check_zero_point(site, 2) is not None else None
    y: Term = expr(real.Div(), site.term(0), scale, label="scaled")
    if zero is not None:
        y = expr(real.Add(), y, zero, label="shifted")
    if signed and np.all(bits == 1):
        codes: Term = expr(real.Bipolar(), y, label="codes")
    else:
        codes = _mixed(y, fitted(bits, rank), signed, narrow, mode)
    if zero is not None:
        codes = expr(real.Sub(), codes, zero, label="centred")
    return Made(expr(real.Mul(), codes, scale))


def fitted(bits: NDArray[np.int64], rank: int) -> NDArray[np.int64]:
    """Widths with no more axes than the tensor has."""
    if bits.ndim <= rank:
        return bits
    if any(s != 1 for s in bits.shape[: bits.ndim - rank]):
        raise CompileError(f"bit-widths {list(bits.shape)} for a tensor with {rank} axes")
    return bits.reshape(bits.shape[bits.ndim - rank :])


def _mixed(y: Term, bits: NDArray[np.int64], signed: bool, narrow: bool, mode: Rounding) -> Expr:
    """Codes of channels of any width; bipolar ones are added where the others have only 0."""
    bipolar = (bits == 1) & signed
    low, high = limits(np.where(bipolar, 0, bits), signed, narrow)
    codes = clamped(y, low, high)
    codes = expr(real.Round(mode), codes, label="codes")
    if not np.any(bipolar):
        return codes
    chosen = const(bipolar.astype(np.float64), "bipolar_channels")
    signs = expr(real.Mul(), expr(real.Bipolar(), y, label="signs"), chosen, label="bipolar")
    return expr(real.Add(), codes, signs, label="all_codes")


def clamped(y: Term, low: Array | float, high: Array | float) -> Expr:
    raised = expr(real.Maximum(), y, const(low, "low"), label="raised")
    return expr(real.Minimum(), raised, const(high, "high"), label="clamped")


def bipolar_quant(site: Site) -> Result:
    """scale where x >= 0, else -scale."""
    check_scale(site, 1)
    scale = broadcastable(site, 1, len(site.shape(0)))
    signs = expr(real.Bipolar(), site.term(0), label="codes")
    return Made(expr(real.Mul(), signs, scale))


def trunc(site: Site) -> Result:
    """Drops low bits of codes. Version 1 has five inputs, version 2 six: output scale and width."""
    newer = site.has(5)
    rank = len(site.shape(0))
    scales = check_scale(site, 1).astype(np.float64)
    zero = broadcastable(site, 2, rank) if check_zero_point(site, 2) is not None else None
    mode = rounding(site, "FLOOR")
    scale = broadcastable(site, 1, rank)
    y: Term = expr(real.Div(), site.term(0), scale, label="scaled")
    if zero is not None:
        y = expr(real.Add(), y, zero, label="shifted")
    y = expr(real.Round(), y, label="input_codes")
    if newer:
        return Made(_trunc_newer(site, y, zero, scales, mode))
    dropped = fitted(check_bits(site, 3) - check_bits(site, 4, "output bit-width"), rank)
    y = expr(real.Div(), y, const(2.0**dropped, "step"), label="shortened")
    y = expr(real.Round(mode), y, label="codes")
    if zero is not None:
        y = expr(real.Sub(), y, zero, label="centred")
    return Made(expr(real.Mul(), y, scale))


def _trunc_newer(site: Site, y: Term, zero: Term | None, scales: Array, mode: Rounding) -> Expr:
    """The step is the power of two nearest to the ratio of the scales."""
    rank = len(site.shape(0))
    wanted = check_scale(site, 4, "output scale").astype(np.float64)
    ratio = 2.0 ** np.rint(np.log2(wanted / scales))
    if ratio.ndim > rank:
        raise CompileError(f"scales with {ratio.ndim} axes for a tensor with {rank}")
    step = const(ratio, "step")
    signed, narrow = site.flag("signed", True), site.flag("narrow", False)
    bits = fitted(check_bits(site, 5, "output bit-width"), rank)
    y = clamped(expr(real.Div(), y, step, label="shortened"), *limits(bits, signed, narrow))
    y = expr(real.Round(mode), y, label="codes")
    if zero is not None:
        y = expr(real.Sub(), y, expr(real.Div(), zero, step, label="output_zero"), label="centred")
    return expr(real.Mul(), y, broadcastable(site, 4, rank))


def float_quant(site: Site) -> Result:
    raise CompileError(
        "FloatQuant quantizes to small floating-point numbers",
        help="quantize to integers (Quant): there are no floating-point units to run it on",
    )


def multi_threshold(site: Site) -> Result:
    """out_scale times how many thresholds of its channel x reaches, plus out_bias."""
    shape = site.shape(0)
    axis = _channel_axis(site, len(shape))
    table = np.asarray(site.constant(1, "thresholds"))
    if table.ndim != 2 or table.shape[0] not in (1, shape[axis]):
        raise CompileError(f"thresholds {list(table.shape)} for {shape[axis]} channels")
    if np.any(np.diff(table.astype(np.float64), axis=1) < 0):
        table = np.sort(table, axis=1)  # how many are reached does not depend on their order
    place = tuple(table.shape[0] if i == axis else 1 for i in range(len(shape)))
    steps = [const(column.reshape(place), f"threshold_{i + 1}") for i, column in enumerate(table.T)]
    term: Term = expr(real.MultiThreshold(), site.term(0), *steps, label="steps")
    scale, bias = site.number("out_scale", 1), site.number("out_bias", 0)
    if scale != 1:
        term = expr(real.Mul(), term, fraction(scale, "out_scale"), label="scaled")
    if bias != 0:
        term = expr(real.Add(), term, fraction(bias, "out_bias"), label="biased")
    return Made(term)


def _channel_axis(site: Site, rank: int) -> int:
    """By the layout, or by qonnx's guess from the number of axes."""
    layout = site.text("data_layout", "") or {2: "NC", 3: "NWC", 4: "NCHW"}.get(rank, "")
    axis = layout.index("C") if "C" in layout else 1
    if axis >= rank:
        raise CompileError(f"MultiThreshold with layout {layout} of a tensor with {rank} axes")
    return axis
