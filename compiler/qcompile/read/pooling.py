"""MaxPool, AveragePool, global pooling, sums and means over axes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import axes_of, listed
from qcompile.read.builder import Made, Result, Term, const, expr
from qcompile.read.elements import Element
from qcompile.read.elementwise import wrap
from qcompile.read.linear import channels_first, first, last
from qcompile.read.moving import shaped
from qcompile.read.site import Site
from qcompile.read.windows import Geometry, geometry


def max_pool(site: Site) -> Result:
    term = largest(site, site.term(0), site.shape(0))
    return [Made(term, site.element(0))]


def largest(site: Site, x: Term, shape: Shape) -> Term:
    if site.flag("storage_order", False):
        raise CompileError("MaxPool with storage_order = 1")
    return expr(real.MaxPool(window(pooled(site, shape))), x)


def pooled(site: Site, shape: Shape) -> Geometry:
    if len(shape) not in (3, 4):
        raise CompileError(f"{site.op} of {list(shape)} is neither 1-D nor 2-D")
    return geometry(site, shape[2:])


def window(g: Geometry) -> real.Window:
    return real.Window(g.kernel, g.strides, g.dilations, g.all_pads)


def max_pool_channels_last(site: Site) -> Result:
    shape = site.shape(0)
    x = first(site.term(0), len(shape))
    return [Made(last(largest(site, x, channels_first(shape)), len(shape)), site.element(0))]


def average_pool(site: Site) -> Result:
    """Padding that ceil_mode adds is never counted, that of the attributes where asked for."""
    g = pooled(site, site.shape(0))
    x, count = counted(site, site.term(0), g)
    term: Term = expr(real.AveragePool(window(count), site.flag("count_include_pad", False)), x)
    if any(g.extra):
        term = expr(real.AveragePool(window(count)), x)
    return Made(_rounded(term, site.element(0)), site.element(0))


def counted(site: Site, x: Term, g: Geometry) -> tuple[Term, Geometry]:
    """Where padding counts and ceil_mode adds some that does not: the former as explicit zeros."""
    if not (site.flag("count_include_pad", False) and any(g.extra)):
        return x, g
    sides = zip(g.pads[: g.rank], g.pads[g.rank :], strict=True)
    padded = expr(real.Pad(((0, 0), (0, 0), *sides), Fraction(0)), x, label="padded")
    return padded, replace(g, pads=(0,) * 2 * g.rank)


def _rounded(term: Term, element: Element) -> Term:
    """The mean of integers is truncated, as their division is."""
    return expr(real.Round(real.Rounding.DOWN), term, label="mean") if element.integer else term


def global_average_pool(site: Site) -> Result:
    shape = site.shape(0)
    if len(shape) < 3:
        raise CompileError(f"GlobalAveragePool of {list(shape)}")
    axes = tuple(range(2, len(shape)))
    return Made(_rounded(_mean(site.term(0), shape, axes), site.element(0)), site.element(0))


def _mean(x: Term, shape: Shape, axes: tuple[int, ...]) -> Term:
    count = prod(shape[a] for a in axes)
    total = expr(real.ReduceSum(axes), x, label="sum")
    return expr(real.Div(), total, const(np.float64(count), "count"))


def global_max_pool(site: Site) -> Result:
    shape = site.shape(0)
    return Made(_whole_window(site.term(0), shape), site.element(0))


def _whole_window(x: Term, shape: Shape) -> Term:
    if len(shape) not in (3, 4):
        raise CompileError(f"the maximum over the places of {list(shape)}")
    rank = len(shape) - 2
    place = real.Window(shape[2:], (1,) * rank, (1,) * rank, (0,) * 2 * rank)
    return expr(real.MaxPool(place), x)


def reduced_axes(site: Site) -> tuple[int, ...]:
    """The axes of a Reduce node; all where it names none."""
    rank = len(site.shape(0))
    axes = listed(site, "axes", 1)
    if axes is None or not axes:
        if site.flag("noop_with_empty_axes", False):
            return ()
        return tuple(range(rank))
    return axes_of(axes, rank)


def _kept(site: Site, term: Term, axes: tuple[int, ...]) -> Term:
    """The axes stay with length 1, or go."""
    shape = site.shape(0)
    full = tuple(1 if i in axes else s for i, s in enumerate(shape))
    short = tuple(s for i, s in enumerate(shape) if i not in axes)
    return term if site.flag("keepdims", True) else shaped(term, full, short)


def reduce_sum(site: Site) -> Result:
    axes = reduced_axes(site)
    if not axes:
        return Made(site.term(0), site.element(0))
    total = wrap(expr(real.ReduceSum(axes), site.term(0), label="sum"), site.element(0))
    return Made(_kept(site, total, axes), site.element(0))


def reduce_mean(site: Site) -> Result:
    axes = reduced_axes(site)
    if not axes:
        return Made(site.term(0), site.element(0))
    found = _rounded(_mean(site.term(0), site.shape(0), axes), site.element(0))
    return Made(_kept(site, found, axes), site.element(0))


def reduce_max(site: Site) -> Result:
    axes, shape = reduced_axes(site), site.shape(0)
    if not axes:
        return Made(site.term(0), site.element(0))
    if axes != tuple(range(2, len(shape))):
        raise CompileError(
            f"ReduceMax over axes {list(axes)} of {list(shape)}",
            help="only the maximum over all places of an image is supported",
        )
    return Made(_kept(site, _whole_window(site.term(0), shape), axes), site.element(0))
