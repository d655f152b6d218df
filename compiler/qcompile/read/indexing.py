"""Ops that pick elements: Gather, Slice, Split, Pad, Resize."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, prod

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.axes import axes_of, axis_of, listed, slices, split_sizes
from qcompile.read.builder import Made, Result, Term, expr
from qcompile.read.moving import gathered, shaped
from qcompile.read.site import Site, exact_number
from qcompile.read.tensors import check_size


def gather(site: Site) -> Result:
    """Constant indices of any shape, negative ones counted from the end."""
    shape, index_shape = site.shape(0), site.shape(1)
    axis = axis_of(site.integer("axis", 0), len(shape))
    places = _inside(site.whole(1, "indices"), shape[axis])
    term = gathered(site.term(0), axis, places)
    flat = (*shape[:axis], len(places), *shape[axis + 1 :])
    full = (*shape[:axis], *index_shape, *shape[axis + 1 :])
    return Made(shaped(term, flat, full), site.element(0))


def gather_elements(site: Site) -> Result:
    """Each element from its own place along the axis: a Gather of the flat tensor."""
    shape = site.shape(0)
    axis = axis_of(site.integer("axis", 0), len(shape))
    wanted = site.shape(1)
    check_size(wanted, 1 << 22)
    if len(wanted) != len(shape):
        raise CompileError(f"GatherElements of {list(wanted)} from {list(shape)}")
    places = np.array(_inside(site.whole(1, "indices"), shape[axis]), np.int64).reshape(wanted)
    grid = [*np.indices(wanted)]
    grid[axis] = places
    others = [i for i in range(len(shape)) if i != axis]
    if any(wanted[i] > shape[i] for i in others):
        raise CompileError(f"GatherElements of {list(wanted)} from {list(shape)}")
    flat = np.ravel_multi_index(grid, shape).reshape(-1).tolist()
    term = shaped(site.term(0), shape, (prod(shape),), "flat")
    return Made(shaped(gathered(term, 0, flat), (len(flat),), wanted), site.element(0))


def _inside(places: list[int], size: int) -> list[int]:
    if any(not -size <= p < size for p in places):
        raise CompileError(f"an index is outside an axis of length {size}")
    return [p % size for p in places]


def cut(site: Site) -> Result:
    """Slice."""
    term: Term = site.term(0)
    for axis, places in slices(site).items():
        if places != range(site.shape(0)[axis]):
            term = gathered(term, axis, places)
    return Made(term, site.element(0))


def split(site: Site) -> Result:
    axis = axis_of(site.integer("axis", 0), len(site.shape(0)))
    results: list[Made | None] = []
    start = 0
    for size in split_sizes(site, site.shape(0)[axis]):
        part = gathered(site.term(0), axis, range(start, start + size))
        results.append(Made(part, site.element(0)))
        start += size
    return results


def pad(site: Site) -> Result:
    """Constant, reflect, edge and wrap; negative pads cut."""
    shape = site.shape(0)
    rank = len(shape)
    pads = site.integers("paddings") or listed(site, "pads", 1)
    if pads is None:
        raise CompileError("Pad without pads")
    axes = axes_of(site.whole(3, "axes"), rank) if site.has(3) else tuple(range(rank))
    if len(pads) != 2 * len(axes):
        raise CompileError(f"Pad of {rank} axes with {len(pads)} pads")
    before = dict(zip(axes, pads[: len(axes)], strict=True))
    after = dict(zip(axes, pads[len(axes) :], strict=True))
    pairs = tuple((before.get(i, 0), after.get(i, 0)) for i in range(rank))
    check_size(tuple(s + abs(a) + abs(b) for s, (a, b) in zip(shape, pairs, strict=True)))
    mode = site.text("mode", "constant")
    term: Term = site.term(0)
    for axis, (a, b) in enumerate(pairs):
        places = range(max(0, -a), shape[axis] - max(0, -b))
        if len(places) < shape[axis]:
            term = gathered(term, axis, places, "cut")
        if mode != "constant" and max(a, b) > 0:
            term = gathered(term, axis, _bordered(places, max(a, 0), max(b, 0), mode), mode)
    widths = tuple((max(0, a), max(0, b)) for a, b in pairs)
    if mode == "constant" and any(map(any, widths)):
        term = expr(real.Pad(widths, _border(site)), term)
    return Made(term, site.element(0))


def _border(site: Site) -> Fraction:
    if not site.has(2):
        return site.number("value", 0)
    array = site.constant(2, "value")
    if array.size != 1:
        raise CompileError("Pad with a value that is not one number")
    return exact_number(array.reshape(-1)[0].item(), "the value of Pad")


def _bordered(places: range, before: int, after: int, mode: str) -> list[int]:
    """Which place each element of a padded axis of `len(places)` elements comes from."""
    size = len(places)
    wanted = range(-before, size + after)
    match mode:
        case "edge":
            return [min(max(i, 0), size - 1) for i in wanted]
        case "wrap":
            return [i % size for i in wanted]
        case "reflect" if size > 1 and max(before, after) < size:
            period = 2 * (size - 1)
            return [min(i % period, -i % period) for i in wanted]
    raise CompileError(f"Pad with mode {mode} of {before} and {after} around {size}")


def resize(site: Site) -> Result:
    """Nearest neighbours only: every output axis repeats or skips places of the input's."""
    if site.text("mode", "nearest") != "nearest":
        raise CompileError(
            f"Resize with mode {site.text('mode', '')}",
            help="only nearest neighbours are supported: linear resizing mixes codes",
        )
    shape = site.shape(0)
    scales, sizes = _factors(site)
    check_size(tuple(sizes))
    default = "half_pixel" if site.opset >= 11 and site.op == "Resize" else "asymmetric"
    place = site.text("coordinate_transformation_mode", default)
    near = site.text("nearest_mode", "round_prefer_floor" if default == "half_pixel" else "floor")
    term: Term = site.term(0)
    for axis, (old, new) in enumerate(zip(shape, sizes, strict=True)):
        places = [nearest(i, old, new, scales[axis], place, near) for i in range(new)]
        if places != list(range(old)):
            term = gathered(term, axis, places)
    return Made(term, site.element(0))


def _factors(site: Site) -> tuple[list[Fraction], list[int]]:
    """Scale and size of each axis of the result."""
    shape = site.shape(0)
    newer = site.op == "Resize" and site.opset >= 11
    chosen = site.integers("axes")
    axes = axes_of(chosen, len(shape)) if chosen is not None else tuple(range(len(shape)))
    scales, sizes = [Fraction(1)] * len(shape), list(shape)
    if newer and site.has(3):
        if site.text("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise CompileError("Resize that keeps the aspect ratio", help="give sizes or scales")
        wanted = site.whole(3, "sizes")
        if len(wanted) != len(axes) or min(wanted) < 1:
            raise CompileError(f"Resize of {list(shape)} to {wanted}")
        for axis, size in zip(axes, wanted, strict=True):
            scales[axis], sizes[axis] = Fraction(size, shape[axis]), size
        return scales, sizes
    factors = site.attribute("scales")
    if factors is None:
        factors = site.constant(2 if newer else 1, "scales").reshape(-1).tolist()
    if not isinstance(factors, list) or len(factors) != len(axes):
        raise CompileError(f"{site.op} of {len(axes)} axes with scales {factors}")
    for axis, factor in zip(axes, factors, strict=True):
        scales[axis] = exact_number(factor, "a scale")
        if not 0 < scales[axis] <= 1 << 20:
            raise CompileError(f"{site.op} by {factor}")
        sizes[axis] = floor(shape[axis] * scales[axis])
    if min(sizes, default=1) < 1:
        raise CompileError(f"{site.op} of {list(shape)} to {sizes}")
    return scales, sizes


def nearest(i: int, old: int, new: int, scale: Fraction, place: str, near: str) -> int:
    """The place of an axis of length `old` that place `i` of the resized one shows."""
    x, half = original(i, old, new, scale, place), Fraction(1, 2)
    match near:
        case "floor":
            chosen = floor(x)
        case "ceil":
            chosen = ceil(x)
        case "round_prefer_floor":
            chosen = ceil(x - half)
        case "round_prefer_ceil":
            chosen = floor(x + half)
        case _:
            raise CompileError(f"Resize with nearest_mode {near}")
    return min(max(chosen, 0), old - 1)


def original(i: int, old: int, new: int, scale: Fraction, place: str) -> Fraction:
    """Where place `i` of the resized axis lies on the old one."""
    half = Fraction(1, 2)
    middle = (i + half) / scale
    match place:
        case "half_pixel":
            return middle - half
        case "pytorch_half_pixel":
            return middle - half if new > 1 else Fraction(0)
        case "half_pixel_symmetric":
            return Fraction(old, 2) * (1 - new / (scale * old)) + middle - half
        case "tf_half_pixel_for_nn":
            return middle
        case "asymmetric":
            return i / scale
        case "align_corners":
            return Fraction(i * (old - 1), new - 1) if new > 1 else Fraction(0)
    raise CompileError(f"Resize with coordinates {place}")
