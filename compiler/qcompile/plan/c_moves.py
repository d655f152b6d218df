"""Ops that only move elements: copies of stretches of memory, fills, gathers through indices.

Where the innermost elements of a copy lie side by side in both tensors, and have one width there,
it copies bytes; places, sizes and strides of such a copy are bytes. The rest goes element by
element.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from qcompile.ops import Concat, Gather, Pad, Transpose
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_types import (
    U8,
    U16,
    U32,
    Array,
    Kernel,
    Walk,
    container,
    ints,
    kernel,
    strides,
    walk,
)
from qcompile.qtype import Ints, QType, Shape

COPY = Kernel("qc_copy_rows", "all", ())
FILL = Kernel("qc_fill_rows", "all", ())
GATHER = Kernel("qc_gather_rows", "all", ())
ELEMENTS = 4  # bytes that are gathered one by one rather than as rows
MOST_FILLS = 8  # else everything is filled before the copy


@dataclass(frozen=True)
class Move:
    """One strided copy from input `source`: of elements, or of rows of `run` bytes."""

    function: str
    source: int
    x_offset: int
    y_offset: int
    walk: Walk
    run: int = 0


@dataclass(frozen=True)
class Fill:
    """Rows of one code; offset, bytes and step count bytes, `pattern` is a word full of it."""

    function: str
    offset: int
    rows: int
    bytes: int
    step: int
    pattern: str


@dataclass(frozen=True)
class FillAll:
    """Wider codes than a word, everywhere."""

    function: str
    count: int
    value: str


@dataclass(frozen=True)
class MovesCode:
    moves: tuple[Move, ...]
    fills: tuple[Fill, ...] = ()
    fill_all: FillAll | None = None

    @property
    def is_stretch(self) -> bool:
        """Whether it copies one stretch of bytes, the first of both tensors."""
        if len(self.moves) != 1 or self.fills or self.fill_all:
            return False
        (move,) = self.moves
        offset = move.x_offset or move.y_offset
        return bool(move.run) and not offset and move.walk.size == (1,)


@dataclass(frozen=True)
class GatherCode:
    """With `rows`, `inner` counts bytes; else elements."""

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
    return _code(MovesCode(tuple(moves)), *kernels)


def transpose(op: Transpose, site: Site) -> Code:
    own = strides(site.inputs[0].shape)
    shape = site.output.shape
    made, found = _move(site, 0, shape, tuple(own[a] for a in op.axes), strides(shape))
    return _code(MovesCode((made,)), found)


def pad(op: Pad, site: Site) -> Code:
    """The border filled with its code, the input in the middle."""
    shape, out = site.inputs[0].shape, strides(site.output.shape)
    start = sum(before * s for (before, _), s in zip(op.pads, out, strict=True))
    made, found = _move(site, 0, shape, strides(shape), out, 0, start)
    if site.y.bits == 64:
        filling = kernel("qc_fill", Y=site.y)
        value = FillAll(filling.function, site.output.size, site.y.literal(op.value))
        return _code(MovesCode((made,), fill_all=value), filling, found)
    return _code(MovesCode((made,), _fills(op, site)), FILL, found)


def _fills(op: Pad, site: Site) -> tuple[Fill, ...]:
    shape, width = site.output.shape, site.y.bytes
    inner = tuple(slice(a, n - b) for (a, b), n in zip(op.pads, shape, strict=True))
    border = np.ones(shape, bool)
    border[inner] = False
    bits = site.y.bits
    code = (op.value & (1 << bits) - 1) * (((1 << 32) - 1) // ((1 << bits) - 1))
    parts = _rows(border.reshape(-1))
    if len(parts) > MOST_FILLS:
        parts = [(0, 1, border.size, 0)]
    return tuple(
        Fill("qc_fill_rows", at * width, rows, size * width, step * width, U32.literal(code))
        for at, rows, size, step in parts
    )


def _rows(
    border: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> list[tuple[int, int, int, int]]:
    """(first, rows, size, step): stretches of True, equal ones at equal distances together."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], border, [False]]).astype(np.int8)))
    starts, sizes = edges[::2], edges[1::2] - edges[::2]
    found: list[tuple[int, int, int, int]] = []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        if found:
            at, rows, width, step = found[-1]
            apart = start - at - (rows - 1) * step
            if size == width and (rows == 1 or apart == step):
                found[-1] = (at, rows + 1, width, apart)
                continue
        found.append((start, 1, size, size))
    return found


def gather(op: Gather, site: Site) -> Code:
    """Strided copies where the indices are evenly spaced, each perhaps repeated; else a gather."""
    (x,) = site.inputs
    places = ints([i % x.shape[op.axis] for i in op.indices])
    inner, own = prod(x.shape[op.axis + 1 :]), strides(x.shape)
    even = _even(places)
    if even is not None:
        start, step, repeats = even
        count = len(places) // repeats
        shape = (*x.shape[: op.axis], count, repeats, *x.shape[op.axis + 1 :])
        steps = (*own[: op.axis], step * inner, 0, *own[op.axis + 1 :])
        made, found = _move(site, 0, shape, steps, strides(shape), start * inner)
        return _code(MovesCode((made,)), found)
    outer, size = prod(x.shape[: op.axis]), x.shape[op.axis]
    if site.x == site.y and inner * site.x.bytes > ELEMENTS:
        indices = Array(f"{site.name}_indices", U32, places)
        details = GatherCode(
            "qc_gather_rows", outer, size, inner * site.x.bytes, indices.name, len(places)
        )
        return _code(details, COPY, GATHER, arrays=(indices,))
    narrow = next(t for t in (U8, U16, U32) if size <= 1 << t.bits)
    indices = Array(f"{site.name}_indices", narrow, places)
    main = kernel("qc_gather", X=site.x, Y=site.y, INDEX=narrow)
    details = GatherCode(main.function, outer, size, inner, indices.name, len(places))
    return _code(details, main, arrays=(indices,))


def _even(places: Ints) -> tuple[int, int, int] | None:
    """(first, step, repeats) of indices that each occur `repeats` times and are evenly spaced."""
    changes = np.flatnonzero(np.diff(places))
    repeats = int(changes[0]) + 1 if changes.size else len(places)
    if len(places) % repeats:
        return None
    table = places.reshape(-1, repeats)
    steps = np.unique(np.diff(table[:, 0]))
    if steps.size > 1 or np.any(table != table[:, :1]):
        return None
    return int(places[0]), int(steps[0]) if steps.size else 1, repeats


def stretch(size: int) -> Code:
    """So many bytes, as they are."""
    kind = QType.of((size,), 0, 255)
    return copy(Site("", (kind,), kind, None, U8))


def copy(site: Site) -> Code:
    """The same elements: for an output that has no layer of its own."""
    size = (site.output.size,)
    made, found = _move(site, 0, size, (1,), (1,))
    return _code(MovesCode((made,)), found)


def _code(
    details: MovesCode | GatherCode, *kernels: Kernel, arrays: tuple[Array, ...] = ()
) -> Code:
    return Code(details, kernels, arrays)


def _move(
    site: Site, source: int, shape: Shape, x: Shape, y: Shape, x_offset: int = 0, y_offset: int = 0
) -> tuple[Move, Kernel]:
    kind = container(site.inputs[source])
    order = walk(shape, x, (0,) * len(shape), y, by_channel=False)
    if kind.bits == site.y.bits and order.a[-1] == order.y[-1] == 1:
        width = kind.bytes
        rows = Walk(
            max(order.rank - 1, 1),
            0,
            order.size[:-1] or (1,),
            scaled(order.a[:-1], width),
            scaled(order.b[:-1], width),
            scaled(order.y[:-1], width),
        )
        run = order.size[-1] * width
        return Move("qc_copy_rows", source, x_offset * width, y_offset * width, rows, run), COPY
    found = kernel("qc_move", X=kind, Y=site.y)
    return Move(found.function, source, x_offset, y_offset, order), found


def scaled(steps: tuple[int, ...], width: int) -> tuple[int, ...]:
    """Strides in bytes; one that stands for none where there are none."""
    return tuple(s * width for s in steps) or (0,)
