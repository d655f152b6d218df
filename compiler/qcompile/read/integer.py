"""Integer dialects: casts, RequantShift (Deeploy, Quantlab), the Add that requantizes (DORY)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import joint
from qcompile.read.builder import Made, Result, Term, const, expr
from qcompile.read.elements import REAL, element_of
from qcompile.read.elementwise import fraction, wrap
from qcompile.read.quant_qonnx import clamped
from qcompile.read.site import Site


def cast(site: Site) -> Result:
    """Reals are truncated to integers, which wrap; anything is a real as it is."""
    old, new = site.element(0), element_of(site.integer("to", 0))
    if new.boolean or old.boolean:
        raise CompileError(f"Cast from {old} to {new}", help="only constants can be booleans")
    if not new.integer or (old.integer and new.contains(old)):
        return Made(site.term(0), new)
    term: Term = site.term(0)
    if not old.integer:
        term = expr(real.Round(real.Rounding.DOWN), term, label="truncated")
    return Made(wrap(term, new), new)


def requant_shift(site: Site) -> Result:
    """clip(floor((x·mul + add) / div + 1/2)), as Deeploy's kernels and references compute it."""
    levels = _levels(site, "n_levels", "n_levels_out")
    divisor = site.number("div", 0)
    if divisor <= 0:
        raise CompileError(f"RequantShift with div = {divisor}")
    shape = site.shape(0)
    x = expr(real.Mul(), site.term(0), _channelwise(site, 1, shape), label="scaled")
    x = expr(real.Add(), x, _channelwise(site, 2, shape), label="biased")
    x = expr(real.Div(), x, fraction(divisor, "div"), label="shifted")
    x = expr(real.Add(), x, const(np.float64(0.5), "half"), label="raised_half")
    codes = expr(real.Round(real.Rounding.FLOOR), x, label="floored")
    low, high = _range(levels, site.flag("signed", True))
    return Made(clamped(codes, float(low), float(high)), REAL)


def _levels(site: Site, *names: str) -> int:
    for name in names:
        if site.attribute(name) is not None:
            levels = site.integer(name, 0)
            if not 1 < levels <= 1 << 32:
                raise CompileError(f"{site.op} with {name} = {levels}")
            return levels
    raise CompileError(f"{site.op} without {names[0]}", help="state how many levels come out")


def _range(levels: int, signed: bool) -> tuple[int, int]:
    return (-(levels // 2), (levels + 1) // 2 - 1) if signed else (0, levels - 1)


def _channelwise(site: Site, index: int, shape: Shape) -> Term:
    """A multiplier or addend: as it broadcasts, or, where that would grow the tensor, a channel."""
    own = site.shape(index)
    try:
        if joint(own, shape) == shape:
            return site.term(index)
    except CompileError:
        pass
    array = site.constant(index, "multipliers")
    if len(shape) < 2 or array.size != shape[1]:
        raise CompileError(f"parameters {list(own)} for a tensor {list(shape)}")
    return const(array.reshape((-1,) + (1,) * (len(shape) - 2)), f"parameter_{index}")


def requantizing_add(site: Site) -> Result:
    """Quantlab's Add for DORY: attributes requantize either input and the sum, without rounding."""
    out_signed = site.flag("out_signed", True)
    terms: list[Term] = []
    for index, prefix in enumerate(("in1", "in2")):
        signed = site.flag(f"{prefix}_signed", out_signed)
        terms.append(_requantized(site, prefix, site.term(index), signed))
    total = expr(real.Add(), *terms, label="sum")
    return Made(_requantized(site, "out", total, out_signed))


def requantizes(site: Site) -> bool:
    """Whether an Add carries such attributes."""
    return any(site.attribute(f"{p}_mul") is not None for p in ("in1", "in2", "out"))


def _requantized(site: Site, prefix: str, term: Term, signed: bool) -> Term:
    if not site.flag(f"{prefix}_rq", site.attribute(f"{prefix}_mul") is not None):
        return term
    shift = site.integer(f"{prefix}_shift", 0)
    if not 0 <= shift < 64:
        raise CompileError(f"Add with {prefix}_shift = {shift}")
    factor = fraction(site.number(f"{prefix}_mul", 1), f"{prefix}_mul")
    term = expr(real.Mul(), term, factor, label=f"{prefix}_scaled")
    addend = fraction(site.number(f"{prefix}_add", 0), f"{prefix}_add")
    term = expr(real.Add(), term, addend, label=f"{prefix}_biased")
    step = fraction(Fraction(2) ** shift, f"{prefix}_div")
    term = expr(real.Div(), term, step, label=f"{prefix}_shifted")
    term = expr(real.Round(real.Rounding.FLOOR), term, label=f"{prefix}_floored")
    low, high = _range(_levels(site, f"{prefix}_n_levels"), signed)
    return clamped(term, float(low), float(high))
