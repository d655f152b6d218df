"""Ops that move elements: Reshape and its kin, Transpose, Concat, Expand, Tile, DepthToSpace."""

from __future__ import annotations

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import (
    axis_of,
    flattened,
    joint,
    listed,
    reshaped,
    squeezed,
    unsqueezed,
)
from qcompile.read.builder import Made, Result, Term, expr
from qcompile.read.site import Site
from qcompile.read.tensors import check_size

MOST_PLACES = 1 << 22  # along one axis


def gathered(term: Term, axis: int, places: list[int] | range, label: str = "gather") -> Term:
    """Places of one axis, in the order asked for."""
    if len(places) > MOST_PLACES:
        raise CompileError(f"an axis of {len(places)} elements; {MOST_PLACES} are the most")
    return expr(real.Gather(axis, tuple(places)), term, label=label)


def as_shape(site: Site, shape: Shape) -> Made:
    """Input 0 in another shape; itself where the shape is its own."""
    return Made(shaped(site.term(0), site.shape(0), shape), site.element(0))


def shaped(term: Term, old: Shape, new: Shape, label: str = "reshaped") -> Term:
    return term if old == new else expr(real.Reshape(new), term, label=label)


def identity(site: Site) -> Result:
    return Made(site.term(0), site.element(0))


def dropout(site: Site) -> Result:
    """At inference the input itself; the mask is not offered."""
    training = site.optional(2, "training mode")
    if training is not None and np.any(training):
        raise CompileError("Dropout in training mode", help="export in evaluation mode")
    return [Made(site.term(0), site.element(0))]


def reshape(site: Site) -> Result:
    wanted = listed(site, "shape", 1)
    if wanted is None:
        raise CompileError("Reshape without a shape")
    return as_shape(site, reshaped(site.shape(0), wanted, site.flag("allowzero", False)))


def flatten(site: Site) -> Result:
    return as_shape(site, flattened(site.shape(0), site.integer("axis", 1)))


def squeeze(site: Site) -> Result:
    return as_shape(site, squeezed(site.shape(0), listed(site, "axes", 1)))


def unsqueeze(site: Site) -> Result:
    axes = listed(site, "axes", 1)
    if axes is None:
        raise CompileError("Unsqueeze without axes")
    return as_shape(site, unsqueezed(site.shape(0), axes))


def transpose(site: Site) -> Result:
    axes = site.integers("perm")
    if axes is None:
        axes = list(range(len(site.shape(0))))[::-1]
    return Made(expr(real.Transpose(tuple(axes)), site.term(0)), site.element(0))


def concat(site: Site) -> Result:
    axis = axis_of(site.integer("axis", 1), len(site.shape(0)))
    if any(len(site.shape(i)) != len(site.shape(0)) for i in range(site.count)):
        raise CompileError("Concat of tensors with different numbers of axes")
    element = site.element(0)
    terms = [site.term(i) for i in range(site.count)]
    return Made(expr(real.Concat(axis), *terms), element)


def expand(site: Site) -> Result:
    """Axes of length 1 are repeated."""
    old = site.shape(0)
    new = joint(old, tuple(site.whole(1, "shape")))
    check_size(new)
    full = (1,) * (len(new) - len(old)) + old
    term = shaped(site.term(0), old, full)
    for axis, (a, b) in enumerate(zip(full, new, strict=True)):
        if a != b:
            term = gathered(term, axis, [0] * b)
    return Made(term, site.element(0))


def tile(site: Site) -> Result:
    shape, repeats = site.shape(0), site.whole(1, "repeats")
    if len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise CompileError(f"Tile of {list(shape)} by {repeats}")
    term: Term = site.term(0)
    check_size(tuple(s * r for s, r in zip(shape, repeats, strict=True)))
    for axis, (size, times) in enumerate(zip(shape, repeats, strict=True)):
        if times > 1:
            term = gathered(term, axis, list(range(size)) * times)
    return Made(term, site.element(0))


def depth_to_space(site: Site) -> Result:
    """DCR takes the block from the outer channels, CRD from the inner ones."""
    n, c, h, w, b = _block(site)
    if c % (b * b):
        raise CompileError(f"DepthToSpace of {c} channels in blocks of {b}")
    rest = c // (b * b)
    if site.text("mode", "DCR") == "CRD":
        split: Shape = (n, rest, b, b, h, w)
        order = (0, 1, 4, 2, 5, 3)
    else:
        split = (n, b, b, rest, h, w)
        order = (0, 3, 4, 1, 5, 2)
    return _rearranged(site, split, order, (n, rest, h * b, w * b))


def space_to_depth(site: Site) -> Result:
    n, c, h, w, b = _block(site)
    if h % b or w % b:
        raise CompileError(f"SpaceToDepth of {h}x{w} in blocks of {b}")
    split = (n, c, h // b, b, w // b, b)
    order = (0, 1, 3, 5, 2, 4) if site.text("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return _rearranged(site, split, order, (n, c * b * b, h // b, w // b))


def _block(site: Site) -> tuple[int, int, int, int, int]:
    shape, block = site.shape(0), site.integer("blocksize", 0)
    if len(shape) != 4 or block < 1:
        raise CompileError(f"{site.op} of {list(shape)} in blocks of {block}")
    n, c, h, w = shape
    return n, c, h, w, block


def _rearranged(site: Site, split: Shape, order: tuple[int, ...], joined: Shape) -> Made:
    term: Term = expr(real.Reshape(split), site.term(0), label="split")
    term = expr(real.Transpose(order), term, label="moved")
    return Made(expr(real.Reshape(joined), term), site.element(0))
