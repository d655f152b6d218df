"""QLinear operators without weights: Add, Mul, Concat, pooling, functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import axis_of, joint
from qcompile.read.builder import Made, Result, Term, const, expr
from qcompile.read.heads import normalized
from qcompile.read.linear import first, last
from qcompile.read.pooling import counted, pooled, window
from qcompile.read.qoperator import F32, CodeGrid, centred, coded, decoded, exactly, grid
from qcompile.read.quant_qdq import dequantized
from qcompile.read.site import Site

Array = NDArray[Any]


def qlinear_add(site: Site) -> Result:
    a, b, y = grid(site, 1, 2, 0), grid(site, 4, 5, 3), grid(site, 6, 7, 0)
    if exactly(site):
        total = expr(real.Add(), decoded(site, 0, a, "a"), decoded(site, 3, b, "b"), label="sum")
        return Made(coded(total, y), y.element)
    terms = [site.term(0), site.term(3)]
    if repeats(site.shape(0), site.shape(3)):  # its kernel takes what repeats as the second one
        a, b, terms = b, a, terms[::-1]
    (sa, za), (sb, zb), (sy, zy) = a.one(), b.one(), y.one()
    ra, rb = F32(sa / sy), F32(sb / sy)
    inner = Fraction(float(ra)) * za + Fraction(float(F32(rb * F32(zb))))
    offset = F32(F32(zy) - nearest_float32(inner))
    op = real.OrtAdd(float(ra), float(rb), float(offset), y.element.low, y.element.high)
    return Made(expr(op, *terms), y.element)


def nearest_float32(x: Fraction) -> np.float32:
    """The float32 nearest to a rational, ties to even; it must not be beyond all of them."""
    guess = F32(float(x))
    around = (guess, np.nextafter(guess, F32(np.inf)), np.nextafter(guess, F32(-np.inf)))
    odd = {float(c): int(np.array(c).view(np.uint32)) & 1 for c in around}
    return F32(min(odd, key=lambda c: (abs(Fraction(c) - x), odd[c])))


def repeats(a: Shape, b: Shape) -> bool:
    """Whether, along the last axis that is not 1 for both, `a` repeats one element."""
    rank = max(len(a), len(b))
    wide = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b, strict=True)
    return next((p == 1 for p, q in reversed(list(wide)) if max(p, q) > 1), False)


def qlinear_mul(site: Site) -> Result:
    a, b, y = grid(site, 1, 2, 0), grid(site, 4, 5, 3), grid(site, 6, 7, 0)
    joint(site.shape(0), site.shape(3))
    if exactly(site):
        value = expr(real.Mul(), decoded(site, 0, a, "a"), decoded(site, 3, b, "b"), label="real")
        return Made(coded(value, y), y.element)
    (sa, za), (sb, zb), (sy, zy) = a.one(), b.one(), y.one()
    ratio = float(F32(F32(sa * sb) / sy))
    product = expr(
        real.Mul(),
        centred(site, 0, np.array(za), 0, "a"),
        centred(site, 3, np.array(zb), 0, "b"),
        label="product",
    )
    op = real.OrtScale(ratio, zy, y.element.low, y.element.high)
    return Made(expr(op, product), y.element)


def qlinear_concat(site: Site) -> Result:
    """Inputs: y_scale, y_zero_point, then tensor, scale and zero point of each part."""
    y = grid(site, 0, 1)
    parts: list[Term] = []
    if site.count < 5 or (site.count - 2) % 3:
        raise CompileError(f"QLinearConcat with {site.count} inputs")
    for i in range(2, site.count, 3):
        x = grid(site, i + 1, i + 2, i)
        parts.append(moved_to(site, i, x, y))
    axis = axis_of(site.integer("axis", 1), len(site.shape(2)))
    return Made(expr(real.Concat(axis), *parts), y.element)


def moved_to(site: Site, index: int, x: CodeGrid, y: CodeGrid) -> Term:
    """Codes of one grid as codes of another; themselves where the grids are equal."""
    if x.one() == y.one() and x.element == y.element:
        return site.term(index)
    if exactly(site):
        return coded(decoded(site, index, x, f"part_{index}"), y)
    return expr(table(x, y, lambda v: v), site.term(index), label="moved")


def table(x: CodeGrid, y: CodeGrid, function: Callable[[Array], Array]) -> real.OrtTable:
    """Its kernels for functions of one tensor fill a table, in float32."""
    (sx, zx), (sy, zy) = x.one(), y.one()
    if x.element.bits > 8:
        raise CompileError("only tables of 8-bit codes are known from onnxruntime")
    codes = np.arange(x.element.low, x.element.high + 1)
    values = np.asarray(function(sx * (codes - zx).astype(F32)), F32)
    found = np.rint((values / sy).astype(F32)).astype(np.float64) + zy
    clipped = np.clip(found, y.element.low, y.element.high).astype(np.int64)
    return real.OrtTable(x.element.low, tuple(clipped.tolist()))


def lookup(
    exact: Callable[[Site, Term], Term], kernel: Callable[[Site, Array], Array]
) -> Callable[[Site], Result]:
    """QLinear functions of one tensor: exactly, and as the kernel fills its table."""

    def handler(site: Site) -> Result:
        x, y = grid(site, 1, 2, 0), grid(site, 3, 4, 0)
        if exactly(site):
            return Made(coded(exact(site, decoded(site, 0, x, "x")), y), y.element)
        op = table(x, y, lambda v: kernel(site, v))
        return Made(expr(op, site.term(0)), y.element)

    return handler


def _leaky(site: Site, x: Term) -> Term:
    return expr(real.LeakyRelu(site.number("alpha", float(F32(0.01)))), x)


def _leaky_kernel(site: Site, x: Array) -> Array:
    alpha = F32(float(site.number("alpha", float(F32(0.01)))))
    return np.where(x >= 0, x, alpha * x)


def _sigmoid(site: Site, x: Term) -> Term:
    return expr(real.Sigmoid(), x)


def _sigmoid_kernel(site: Site, x: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))))


def qlinear_softmax(site: Site) -> Result:
    """Exact under either meaning: its kernel's tables are not reproduced."""
    x, y = grid(site, 1, 2, 0), grid(site, 3, 4, 0)
    return Made(coded(normalized(site, decoded(site, 0, x, "x"), site.shape(0)), y), y.element)


def qlinear_average_pool(site: Site) -> Result:
    x, y = grid(site, 1, 2, 0), grid(site, 3, 4, 0)
    channels_last = site.flag("channels_last", False)
    shape, rank = site.shape(0), len(site.shape(0))
    codes: Term = site.term(0)
    if channels_last:
        codes, shape = first(codes, rank), (shape[0], shape[-1], *shape[1:-1])
    g = pooled(site, shape)
    count = site.flag("count_include_pad", False)
    if exactly(site):
        scale, zero = x.one()
        shift = const(float(zero), "x_zero_point") if zero else None
        value, g = counted(site, dequantized(codes, const(scale, "x_scale"), shift), g)
        op = real.AveragePool(window(g), count and not any(g.extra))
        term = coded(expr(op, value, label="mean"), y)
    else:
        (sx, zx), (sy, zy) = x.one(), y.one()
        total = expr(real.OrtWindowSum(window(g), float(sx), zx), codes, label="sum")
        mean = real.OrtMean(float(sy), zy, y.element.low, y.element.high)
        counts = real.AveragePool(window(g), count).counts(shape)
        spread = counts.astype(np.float32) if np.ptp(counts) else F32(counts.flat[0])
        term = expr(mean, total, const(spread, "counts"), label="mean")
    return Made(last(term, rank) if channels_last else term, y.element)


def qlinear_global_average_pool(site: Site) -> Result:
    x, y = grid(site, 1, 2, 0), grid(site, 3, 4, 0)
    shape = site.shape(0)
    if len(shape) < 3:
        raise CompileError(f"QLinearGlobalAveragePool of {list(shape)}")
    lead = 1 if site.flag("channels_last", False) else 2
    axes = tuple(range(lead, len(shape) + lead - 2))
    count = prod(shape[a] for a in axes)
    acc = expr(real.ReduceSum(axes), centred(site, 0, x.zero_point, 0, "x"), label="acc")
    (sx, _), (sy, zy) = x.one(), y.one()
    if exactly(site):
        mean = expr(real.Div(), acc, const(float(count), "count"), label="mean")
        value = expr(real.Mul(), mean, const(sx, "x_scale"), label="real")
        return Made(coded(value, y), y.element)
    factor = const(F32(sx / F32(sy * F32(count))), "multiplier")
    op = real.OrtRequantize(zy, y.element.low, y.element.high)
    return Made(expr(op, acc, factor, label="codes"), y.element)


QLINEAR: dict[str, Callable[[Site], Result]] = {
    "QLinearAdd": qlinear_add,
    "QLinearAveragePool": qlinear_average_pool,
    "QLinearConcat": qlinear_concat,
    "QLinearGlobalAveragePool": qlinear_global_average_pool,
    "QLinearLeakyRelu": lookup(_leaky, _leaky_kernel),
    "QLinearMul": qlinear_mul,
    "QLinearSigmoid": lookup(_sigmoid, _sigmoid_kernel),
    "QLinearSoftmax": qlinear_softmax,
}
