"""Scales, zero points and bit-widths of quantizers: checked, and shaped to broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import axis_of
from qcompile.read.builder import Term, const
from qcompile.read.elements import UINT8, Element, element_of
from qcompile.read.moving import shaped
from qcompile.read.site import Site

MOST_BITS = 32
FINEST, COARSEST = 2.0**-100, 2.0**100  # products of scales stay floats


def check_scale(site: Site, index: int, what: str = "scale") -> NDArray[Any]:
    """A constant scale; raises CompileError unless every element is positive and finite."""
    scale = site.constant(index, what)
    if scale.dtype.kind != "f":
        scale = scale.astype(np.float64)
    good = (scale >= FINEST) & (scale <= COARSEST)
    if not scale.size or not np.all(good):
        worst = scale[~good].reshape(-1)[0] if scale.size else "missing"
        raise CompileError(
            f"the {what} of {site.op} is {worst}",
            help="scales must be positive, finite and of a sensible size: calibrate again",
        )
    return scale


def check_zero_point(site: Site, index: int, what: str = "zero point") -> NDArray[Any] | None:
    """A constant zero point that is not 0 everywhere; None where it is, or is left out."""
    zero_point = site.optional(index, what)
    if zero_point is None or not np.any(zero_point):
        return None
    if not np.all(np.isfinite(zero_point)) or np.any(zero_point != np.rint(zero_point)):
        raise CompileError(f"the {what} of {site.op} is no integer")
    return zero_point


def check_bits(site: Site, index: int, what: str = "bit-width") -> NDArray[np.int64]:
    """Constant bit-widths, one or one a channel; 0 is a pruned channel."""
    bits = np.asarray(site.constant(index, what), np.float64)
    good = np.isfinite(bits) & (bits == np.rint(bits)) & (bits >= 0) & (bits <= MOST_BITS)
    if not bits.size or not np.all(good):
        worst = bits[~good].reshape(-1)[0] if bits.size else "missing"
        raise CompileError(
            f"the {what} of {site.op} is {worst}",
            help=f"bit-widths are whole numbers from 0 to {MOST_BITS}",
        )
    return bits.astype(np.int64)


def broadcastable(site: Site, index: int, rank: int) -> Term:
    """A parameter of a QONNX node as it broadcasts; one element never adds axes."""
    shape = site.shape(index)
    if len(shape) <= rank:
        return site.term(index)
    target = shape[len(shape) - rank :]
    if any(s != 1 for s in shape[: len(shape) - rank]):
        raise CompileError(f"a parameter {list(shape)} for a tensor with {rank} axes")
    return shaped(site.term(index), shape, target, "parameter")


def along_axis(site: Site, index: int, x: Shape, label: str) -> Term:
    """A parameter of QuantizeLinear or DequantizeLinear: one, one a place of an axis, or blocks."""
    array = site.constant(index, label)
    if array.size == 1:
        return site.term(index) if array.ndim == 0 else const(array.reshape(()), label)
    block = site.integer("block_size", 0)
    if block or (array.ndim > 1 and array.ndim == len(x)):
        return const(_blocks(site, array, x, block), label)
    if array.ndim == 0:
        return site.term(index)
    axis = axis_of(site.integer("axis", 1 if len(x) > 1 else 0), len(x))
    if array.ndim != 1 or array.size != x[axis]:
        raise CompileError(f"{array.size} numbers as {label} of {x[axis]} places of axis {axis}")
    if len(x) == 1:
        return site.term(index)
    return const(array.reshape(tuple(-1 if i == axis else 1 for i in range(len(x)))), label)


def _blocks(site: Site, array: NDArray[Any], x: Shape, block: int) -> NDArray[Any]:
    """One number for every `block` places of the axis."""
    axis = axis_of(site.integer("axis", 1), len(x))
    if array.ndim != len(x) or not array.shape[axis]:
        raise CompileError(f"blocks of {list(array.shape)} for a tensor {list(x)}")
    length = block or -(-x[axis] // array.shape[axis])
    others = [i for i in range(len(x)) if i != axis]
    if any(array.shape[i] != x[i] for i in others) or -(-x[axis] // length) != array.shape[axis]:
        raise CompileError(f"blocks of {list(array.shape)} for a tensor {list(x)}")
    return np.repeat(array, length, axis=axis).take(range(x[axis]), axis=axis)


def code_element(site: Site, zero_point: int) -> Element:
    """The codes that a quantizer makes: its zero point's, or those of output_dtype, or uint8."""
    if site.has(zero_point):
        return site.element(zero_point)
    stated = site.integer("output_dtype", 0)
    return element_of(stated) if stated else UINT8
