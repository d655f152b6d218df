"""Conv, ConvTranspose, MatMul, Gemm, BatchNormalization."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.builder import Made, Result, Term, expr
from qcompile.read.elements import INT32, Element
from qcompile.read.elementwise import fraction, result_element, wrap
from qcompile.read.moving import gathered, shaped
from qcompile.read.site import Site
from qcompile.read.windows import MOST, geometry


def per_channel(site: Site, index: int, rank: int, axis: int = 1) -> Term:
    """A vector input, shaped to broadcast along `axis` of a tensor with `rank` axes."""
    shape = site.shape(index)
    if prod(shape) != max(shape, default=1):
        raise CompileError(f"{list(shape)} is not one number a channel")
    target = tuple(prod(shape) if i == axis else 1 for i in range(rank))
    return shaped(site.term(index), shape, target, "per_channel")


def convolution(site: Site, x: Term, w: Term, x_shape: Shape, w_shape: Shape) -> Term:
    """The sum of products, with the geometry of the node's attributes."""
    if len(x_shape) not in (3, 4) or len(w_shape) != len(x_shape):
        raise CompileError(
            f"a convolution of {list(x_shape)} with {list(w_shape)} is neither 1-D nor 2-D"
        )
    g = geometry(site, x_shape[2:], w_shape[2:])
    groups = site.integer("group", 1)
    if groups < 1:
        raise CompileError(f"a convolution in {groups} groups")
    return expr(real.Conv(g.strides, g.dilations, g.all_pads, groups), x, w, label="conv")


def sum_element(site: Site) -> Element:
    """The element of a sum of products. ONNX defines none for Conv and MatMul of 8 and 16 bits,
    which integer dialects write: 32 bits then, as in ConvInteger."""
    element = result_element(site)
    return INT32 if 0 < element.bits < 32 else element


def conv(site: Site) -> Result:
    rank = len(site.shape(0))
    term = convolution(site, site.term(0), site.term(1), site.shape(0), site.shape(1))
    if site.has(2):
        term = expr(real.Add(), term, per_channel(site, 2, rank), label="biased")
    element = sum_element(site)
    return Made(wrap(term, element), element)


def conv_channels_last(site: Site) -> Result:
    """x [N, spatial..., C], weights [O, kernel..., I / groups]."""
    shape, w_shape = site.shape(0), site.shape(1)
    x = first(site.term(0), len(shape))
    w = first(site.term(1), len(w_shape))
    term = convolution(site, x, w, channels_first(shape), channels_first(w_shape))
    if site.has(2):
        term = expr(real.Add(), term, per_channel(site, 2, len(shape)), label="biased")
    return Made(last(term, len(shape)))


def channels_first(shape: Shape) -> Shape:
    if len(shape) < 2:
        raise CompileError(f"{list(shape)} has no channels and places")
    return (shape[0], shape[-1], *shape[1:-1])


def first(term: Term, rank: int) -> Term:
    """Channels from the last axis to axis 1."""
    order = (0, rank - 1, *range(1, rank - 1))
    return expr(real.Transpose(order), term, label="channels_first")


def last(term: Term, rank: int) -> Term:
    """Channels from axis 1 to the last one."""
    return expr(real.Transpose((0, *range(2, rank), 1)), term, label="channels_last")


def conv_transpose(site: Site) -> Result:
    """Zeros between the elements, then a convolution with the kernel turned round."""
    shape, w_shape = site.shape(0), site.shape(1)
    rank = len(shape) - 2
    if rank not in (1, 2) or len(w_shape) != rank + 2:
        raise CompileError(f"ConvTranspose of {list(shape)} is neither 1-D nor 2-D")
    if site.text("auto_pad", "NOTSET") != "NOTSET" or site.integers("output_shape") is not None:
        raise CompileError("ConvTranspose with auto_pad or output_shape", help="state its pads")
    groups = site.integer("group", 1)
    if groups < 1 or w_shape[0] % groups or w_shape[0] != shape[1]:
        raise CompileError(f"ConvTranspose of {list(shape)} with {list(w_shape)}")
    g = geometry(site, tuple(MOST for _ in range(rank)), w_shape[2:])
    tail = site.integers("output_padding") or [0] * rank
    if len(tail) != rank or not all(0 <= t <= MOST for t in tail):
        raise CompileError(f"ConvTranspose with output_padding {tail}")
    x = _spread(site.term(0), shape, g.strides)
    pads: list[int] = []
    for side in range(2):
        for i in range(rank):
            reach = (g.kernel[i] - 1) * g.dilations[i]
            pads.append(reach - g.pads[side * rank + i] + (tail[i] if side else 0))
    x = _cut(x, shape, g.strides, pads)
    w = _turned(site.term(1), w_shape, groups)
    op = real.Conv((1,) * rank, g.dilations, tuple(max(p, 0) for p in pads), groups)
    term: Term = expr(op, x, w, label="conv")
    if site.has(2):
        term = expr(real.Add(), term, per_channel(site, 2, rank + 2), label="biased")
    return Made(term)


def _spread(x: Term, shape: Shape, strides: Shape) -> Term:
    """strides - 1 zeros between the elements of the spatial axes."""
    now = list(shape)
    for axis, step in enumerate(strides, start=2):
        if step == 1:
            continue
        split = (*now[: axis + 1], 1, *now[axis + 1 :])
        widths = tuple((0, (step - 1) * (a == axis + 1)) for a in range(len(split)))
        x = expr(real.Pad(widths, Fraction(0)), shaped(x, tuple(now), split), label="spread")
        x = expr(real.Reshape((*now[:axis], now[axis] * step, *now[axis + 1 :])), x)
        now[axis] = (now[axis] - 1) * step + 1
        x = gathered(x, axis, range(now[axis]), "trimmed")
    return x


def _cut(x: Term, shape: Shape, strides: Shape, pads: list[int]) -> Term:
    """Negative pads cut elements off."""
    rank = len(strides)
    for i in range(rank):
        size = (shape[2 + i] - 1) * strides[i] + 1
        places = range(max(0, -pads[i]), size - max(0, -pads[rank + i]))
        if len(places) < size:
            x = gathered(x, 2 + i, places, "cut")
    return x


def _turned(w: Term, shape: Shape, groups: int) -> Term:
    """[I, O / groups, kernel...] as [O, I / groups, kernel...], the kernel back to front."""
    for axis in range(2, len(shape)):
        w = gathered(w, axis, range(shape[axis] - 1, -1, -1), "turned")
    inputs, outputs, *kernel = shape
    split = (groups, inputs // groups, outputs, *kernel)
    order = (0, 2, 1, *range(3, len(split)))
    w = expr(real.Transpose(order), shaped(w, shape, split), label="swapped")
    return expr(real.Reshape((groups * outputs, inputs // groups, *kernel)), w, label="joined")


def matmul(site: Site) -> Result:
    element = sum_element(site)
    term = product(site.term(0), site.term(1), site.shape(0), site.shape(1))
    return Made(wrap(term, element), element)


def product(a: Term, b: Term, a_shape: Shape, b_shape: Shape) -> Term:
    """MatMul; operands of one axis are a row, or a column, that the result does not have."""
    if not a_shape or not b_shape:
        raise CompileError("MatMul of a scalar")
    if len(a_shape) > 1 and len(b_shape) > 1:
        return expr(real.MatMul(), a, b, label="product")
    a_full = (1, *a_shape) if len(a_shape) == 1 else a_shape
    b_full = (*b_shape, 1) if len(b_shape) == 1 else b_shape
    term = expr(
        real.MatMul(), shaped(a, a_shape, a_full, "row"), shaped(b, b_shape, b_full, "column")
    )
    lead = b_full[:-2] if len(a_shape) == 1 else a_full[:-2]
    rows = () if len(a_shape) == 1 else a_full[-2:-1]
    columns = () if len(b_shape) == 1 else b_full[-1:]
    return expr(real.Reshape((*lead, *rows, *columns)), term, label="product")


def gemm(site: Site) -> Result:
    """alpha·A·B + beta·C, A and B transposed where the attributes say so."""
    element = sum_element(site)
    term = gemm_product(site, 0, 1)
    alpha, beta = site.number("alpha", 1), site.number("beta", 1)
    if alpha != 1:
        term = expr(real.Mul(), term, fraction(alpha, "alpha"), label="scaled")
    if site.has(2):
        c: Term = site.term(2)
        if beta != 1:
            c = expr(real.Mul(), c, fraction(beta, "beta"), label="scaled_bias")
        term = expr(real.Add(), term, c, label="biased")
    return Made(wrap(term, element), element)


def gemm_product(
    site: Site, a: int, b: int, a_term: Term | None = None, b_term: Term | None = None
) -> Term:
    """A·B of Gemm and QGemm; the terms replace the inputs of these numbers."""
    operands = []
    given = ((a, "transA", a_term), (b, "transB", b_term))
    for index, attribute, replaced in given:
        if len(site.shape(index)) != 2:
            raise CompileError(f"{site.op} of {list(site.shape(index))}, which is no matrix")
        term: Term = site.term(index) if replaced is None else replaced
        if site.flag(attribute, False):
            term = expr(real.Transpose((1, 0)), term, label=f"transposed_{attribute[-1].lower()}")
        operands.append(term)
    return expr(real.MatMul(), *operands, label="product")


def batch_normalization(site: Site) -> Result:
    """(x - mean)·(scale / √(variance + epsilon)) + bias, along axis 1."""
    if site.flag("training_mode", False):
        raise CompileError("BatchNormalization in training mode", help="export in evaluation mode")
    rank = len(site.shape(0))
    if rank < 2:
        raise CompileError(f"BatchNormalization of {list(site.shape(0))}")
    scale, bias, mean, variance = (per_channel(site, i, rank) for i in range(1, 5))
    epsilon = fraction(site.number("epsilon", float(np.float32(1e-5))), "epsilon")
    spread = expr(real.Sqrt(), expr(real.Add(), variance, epsilon, label="raised"), label="spread")
    factor = expr(real.Div(), scale, spread, label="factor")
    centred = expr(real.Sub(), site.term(0), mean, label="centred")
    scaled = expr(real.Mul(), centred, factor, label="scaled")
    return [Made(expr(real.Add(), scaled, bias))]
