"""QLinearConv and its kin, under either meaning: exact reals, or onnxruntime's kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.builder import Made, Result, Term, const, expr
from qcompile.read.elements import INT32, Element
from qcompile.read.elementwise import fraction, wrap
from qcompile.read.linear import convolution, gemm_product, per_channel, product
from qcompile.read.quant_qdq import dequantized, quantized
from qcompile.read.scales import check_scale, check_zero_point
from qcompile.read.site import Site
from qcompile.source import Semantics

Array = NDArray[Any]
F32 = np.float32


@dataclass(frozen=True, eq=False)
class CodeGrid:
    """Scale and zero point of a tensor of codes, from two inputs of a node."""

    scale: Array  # float32
    zero_point: Array  # int64
    element: Element

    def one(self) -> tuple[np.float32, int]:
        """Both as numbers; raises CompileError where there is more than one."""
        if self.scale.size != 1 or self.zero_point.size != 1:
            raise CompileError("a scale for each channel is not supported here")
        return F32(self.scale.reshape(-1)[0]), int(self.zero_point.reshape(-1)[0])


def grid(site: Site, scale: int, zero_point: int, codes: int | None = None) -> CodeGrid:
    """The inputs number `scale` and `zero_point`; the element is that of `codes`, if given."""
    scales = np.asarray(check_scale(site, scale), F32)
    found = check_zero_point(site, zero_point)
    zeros = np.zeros(1, np.int64) if found is None else found.astype(np.int64)
    owner = codes if codes is not None else zero_point
    if not site.has(owner):
        raise CompileError(f"{site.op} without its input number {owner + 1}")
    element = site.element(owner)
    if not element.integer or element.bits > 16:
        raise CompileError(f"{site.op} of {element}", help="codes of up to 16 bits are supported")
    return CodeGrid(scales, zeros, element)


def exactly(site: Site) -> bool:
    return site.builder.semantics is Semantics.EXACT


def centred(site: Site, index: int, zero_point: Array, axis: int, label: str) -> Term:
    """Codes minus their zero point, which may differ along `axis`."""
    if not np.any(zero_point):
        return site.term(index)
    shift = const(along(zero_point, len(site.shape(index)), axis), f"{label}_zero_point")
    return expr(real.Sub(), site.term(index), shift, label=label)


def along(array: Array, rank: int, axis: int) -> Array:
    """A number, or one a place of `axis`."""
    if array.size == 1:
        return array.reshape(())
    return array.reshape(tuple(-1 if i == axis else 1 for i in range(rank)))


def requantized(
    site: Site, acc: Term, inputs: tuple[CodeGrid, CodeGrid], y: CodeGrid, rank: int, axis: int
) -> Term:
    """The codes of acc·(a_scale·b_scale) on the grid of `y`; scales may differ along `axis`."""
    a, b = inputs
    y_scale, y_zero = y.one()
    if exactly(site):
        scale = expr(
            real.Mul(),
            const(along(a.scale, rank, axis), "a_scale"),
            const(along(b.scale, rank, axis), "b_scale"),
            label="scale",
        )
        value = expr(real.Mul(), acc, scale, label="real")
        return coded(value, y)
    multiplier = ((a.scale * b.scale).astype(F32) / y_scale).astype(F32)
    constant = const(along(multiplier, rank, axis), "multiplier")
    op = real.OrtRequantize(y_zero, y.element.low, y.element.high)
    return expr(op, acc, constant, label="codes")


def coded(value: Term, y: CodeGrid) -> Term:
    """Exact quantization onto the grid of `y`."""
    scale, zero_point = y.one()
    shift = const(float(zero_point), "y_zero_point") if zero_point else None
    return quantized(value, const(scale, "y_scale"), shift, y.element)


def decoded(site: Site, index: int, x: CodeGrid, label: str) -> Term:
    """Exact dequantization of an input."""
    scale, zero_point = x.one()
    shift = const(float(zero_point), f"{label}_zero_point") if zero_point else None
    return dequantized(site.term(index), const(scale, f"{label}_scale"), shift)


def check_size_of(array: Array, count: int, what: str) -> None:
    if array.size not in (1, count):
        raise CompileError(f"{array.size} {what} for {count} channels")


def qlinear_conv(site: Site) -> Result:
    x, w, y = grid(site, 1, 2, 0), grid(site, 4, 5, 3), grid(site, 6, 7)
    shape, w_shape = site.shape(0), site.shape(3)
    if not w_shape:
        raise CompileError("QLinearConv with scalar weights")
    for array, what in ((w.scale, "weight scales"), (w.zero_point, "weight zero points")):
        check_size_of(array, w_shape[0], what)
    x.one()
    codes = centred(site, 0, x.zero_point, 1, "x")
    weights = centred(site, 3, w.zero_point, 0, "w")
    acc = convolution(site, codes, weights, shape, w_shape)
    if site.has(8):
        acc = expr(real.Add(), acc, per_channel(site, 8, len(shape)), label="acc")
    return Made(requantized(site, acc, (x, w), y, len(shape), 1), y.element)


def qlinear_matmul(site: Site) -> Result:
    a, b, y = grid(site, 1, 2, 0), grid(site, 4, 5, 3), grid(site, 6, 7)
    a.one()
    columns = site.shape(3)[-1] if site.shape(3) else 1
    for array, what in ((b.scale, "scales"), (b.zero_point, "zero points")):
        check_size_of(array, columns, what)
    left = centred(site, 0, a.zero_point, 0, "a")
    right = centred(site, 3, b.zero_point, len(site.shape(3)) - 1, "b")
    acc = product(left, right, site.shape(0), site.shape(3))
    return Made(requantized(site, acc, (a, b), y, 1, 0), y.element)


def qgemm(site: Site) -> Result:
    """Without an output scale the result is real."""
    a, b = grid(site, 1, 2, 0), grid(site, 4, 5, 3)
    if len(site.shape(0)) != 2 or len(site.shape(3)) != 2:
        raise CompileError("QGemm of what is no matrix")
    a.one()
    outputs = 0 if site.flag("transB", False) else 1
    left = centred(site, 0, a.zero_point, 0, "a")
    for array, what in ((b.scale, "scales"), (b.zero_point, "zero points")):
        check_size_of(array, site.shape(3)[outputs], what)
    right = centred(site, 3, b.zero_point, outputs, "b")
    acc = gemm_product(site, 0, 3, left, right)
    if site.has(6):
        acc = expr(real.Add(), acc, site.term(6), label="acc")
    alpha = site.number("alpha", 1)
    if site.has(7):
        y = grid(site, 7, 8)
        if exactly(site) and alpha != 1:
            acc = expr(real.Mul(), acc, fraction(alpha, "alpha"), label="scaled")
        elif alpha != 1:
            a = CodeGrid((a.scale * F32(float(alpha))).astype(F32), a.zero_point, a.element)
        return Made(requantized(site, acc, (a, b), y, 2, 1), y.element)
    if exactly(site):
        scale: Term = expr(
            real.Mul(), const(a.one()[0], "a_scale"), const(b.scale, "b_scale"), label="scale"
        )
        scale = expr(real.Mul(), scale, fraction(alpha, "alpha"), label="factor")
    else:
        step = (F32(float(alpha)) * a.one()[0]).astype(F32)
        scale = const((step * b.scale).astype(F32), "factor")
    return Made(expr(real.Mul(), acc, scale))


def conv_integer(site: Site) -> Result:
    """int32 sums, wrapping; a padded place is the zero point, which contributes 0."""
    x_zero, w_zero = zero_point(site, 2), zero_point(site, 3)
    if x_zero.size != 1 or not site.shape(1):
        raise CompileError("ConvInteger with a zero point for each input channel")
    check_size_of(w_zero, site.shape(1)[0], "weight zero points")
    x = centred(site, 0, x_zero, 1, "x")
    w = centred(site, 1, w_zero, 0, "w")
    return Made(wrap(convolution(site, x, w, site.shape(0), site.shape(1)), INT32), INT32)


def matmul_integer(site: Site) -> Result:
    """int32 sums, wrapping; zero points for the rows of A and the columns of B."""
    a_shape, b_shape = site.shape(0), site.shape(1)
    a_zero, b_zero = zero_point(site, 2), zero_point(site, 3)
    check_size_of(a_zero, a_shape[-2] if len(a_shape) > 1 else 1, "zero points of A")
    check_size_of(b_zero, b_shape[-1] if b_shape else 1, "zero points of B")
    a = centred(site, 0, a_zero, len(a_shape) - 2, "a")
    b = centred(site, 1, b_zero, len(b_shape) - 1, "b")
    return Made(wrap(product(a, b, a_shape, b_shape), INT32), INT32)


def zero_point(site: Site, index: int) -> Array:
    found = check_zero_point(site, index)
    return np.zeros(1, np.int64) if found is None else found.astype(np.int64)


QOPERATORS: dict[str, Callable[[Site], Result]] = {
    "ConvInteger": conv_integer,
    "MatMulInteger": matmul_integer,
    "QGemm": qgemm,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
}
