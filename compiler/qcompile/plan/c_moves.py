"""Ops that only move elements: each is a few strided copies, or a gather through indices."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from qcompile.ops import Concat, Gather, Pad, Transpose
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_types import U32, Array, Kernel, Walk, container, ints, kernel, strides, walk
from qcompile.qtype import Shape


@dataclass(frozen=True)
class Move:
    """One strided copy from input `source`, from and to these first elements."""

    function: str
    source: int
    x_offset: int
    y_offset: int
    walk: Walk


@dataclass(frozen=True)
class Fill:
    function: str
    count: int
    value: str


@dataclass(frozen=True)
class MovesCode:
    moves: tuple[Move, ...]
    fill: Fill | None = None


@dataclass(frozen=True)
class GatherCode:
    function: str
    outer: int
    size: int
    inner: int
    indices: str
    count: int


def concat(op: Concat, site: Site) -> Code:
    """Each input to its part of the output."""
    inner = prod(site.output.shape[op.axis + 1 :])
    moves, kernels, start = [], [], 0
    for source, x in enumerate(site.inputs):
        made, found = _move(
            site, source, x.shape, strides(x.shape), strides(site.output.shape), 0, start * inner
        )
        start += x.shape[op.axis]
        moves.append(made)
        kernels.append(found)
    return Code(MovesCode(tuple(moves)), tuple(kernels))


def transpose(op: Transpose, site: Site) -> Code:
    own = strides(site.inputs[0].shape)
    shape = site.output.shape
    made, found = _move(site, 0, shape, tuple(own[a] for a in op.axes), strides(shape))
    return Code(MovesCode((made,)), (found,))


def pad(op: Pad, site: Site) -> Code:
    """The output filled with the border's code, then the input in its middle."""
    shape, out = site.inputs[0].shape, strides(site.output.shape)
    start = sum(before * s for (before, _), s in zip(op.pads, out, strict=True))
    made, found = _move(site, 0, shape, strides(shape), out, 0, start)
    filling = kernel("qc_fill", Y=site.y)
    fill = Fill(filling.function, site.output.size, site.y.literal(op.value))
    return Code(MovesCode((made,), fill), (filling, found))


def gather(op: Gather, site: Site) -> Code:
    """A strided copy where the indices are evenly spaced, else a gather."""
    (x,) = site.inputs
    places = [i % x.shape[op.axis] for i in op.indices]
    steps = np.unique(np.diff(places))
    inner = prod(x.shape[op.axis + 1 :])
    if steps.size <= 1:
        step = int(steps[0]) if steps.size else 1
        own = list(strides(x.shape))
        own[op.axis] *= step
        start = places[0] * inner
        shape = site.output.shape
        made, found = _move(site, 0, shape, tuple(own), strides(shape), start)
        return Code(MovesCode((made,)), (found,))
    main = kernel("qc_gather", X=site.x, Y=site.y)
    indices = Array(f"{site.name}_indices", U32, ints(places))
    outer = prod(x.shape[: op.axis])
    details = GatherCode(main.function, outer, x.shape[op.axis], inner, indices.name, len(places))
    return Code(details, (main,), (indices,))


def copy(site: Site) -> Code:
    """The same elements: for an output that has no layer of its own."""
    size = (site.output.size,)
    made, found = _move(site, 0, size, (1,), (1,))
    return Code(MovesCode((made,)), (found,))


def _move(
    site: Site, source: int, shape: Shape, x: Shape, y: Shape, x_offset: int = 0, y_offset: int = 0
) -> tuple[Move, Kernel]:
    found = kernel("qc_move", X=container(site.inputs[source]), Y=site.y)
    order = walk(shape, x, (0,) * len(shape), y, by_channel=False)
    return Move(found.function, source, x_offset, y_offset, order), found
