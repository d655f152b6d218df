"""Shape arithmetic: constant integers, booleans and moved constants, evaluated at reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.read.axes import (
    axes_of,
    axis_of,
    flattened,
    joint,
    listed,
    reshaped,
    slices,
    split_sizes,
    squeezed,
    unsqueezed,
)
from qcompile.read.builder import Made, Result
from qcompile.read.elements import BOOL, INT64, REAL, Element, element_of, wrapped
from qcompile.read.site import Site
from qcompile.read.tensors import MOST_FOLDED, check_size

Array = NDArray[Any]


def folded(site: Site) -> Result | None:
    """The outputs of a node that only shapes and constants determine, else None."""
    if site.op in SHAPES:
        return Made(SHAPES[site.op](site), INT64)
    values = [site.value(i) for i in range(site.count) if site.has(i)]
    arrays = [v.array for v in values if v.array is not None]
    if not values or len(arrays) != len(values):
        return None
    if site.op in MOVES:
        return _moved(site, MOVES[site.op](site, arrays), values[0].element)
    if site.op in COMPARISONS and len(arrays) == 2:
        check_size(joint(arrays[0].shape, arrays[1].shape), MOST_FOLDED)
        return Made(np.asarray(COMPARISONS[site.op](*arrays)), BOOL)
    if site.op in ARITHMETIC and all(v.element.integer for v in values):
        check_size(joint(*(a.shape for a in arrays)), MOST_FOLDED)
        with np.errstate(all="ignore"):
            wide = ARITHMETIC[site.op](site, [a.astype(np.int64) for a in arrays])
        return Made(wrapped(np.asarray(wide), values[0].element), values[0].element)
    return None


def _moved(site: Site, arrays: Array | list[Array], element: Element) -> Result:
    if isinstance(arrays, list):
        return [Made(a, element) for a in arrays]
    if site.op == "Cast":
        return Made(arrays, element_of(site.integer("to", 0)))
    if site.op == "Where":
        return Made(arrays, site.element(1))
    if site.op == "ConstantOfShape":
        kinds = {"f": REAL, "b": BOOL, "i": INT64, "u": INT64}
        return Made(arrays, kinds[arrays.dtype.kind])
    return Made(arrays, element)


def _shape(site: Site) -> Array:
    shape = site.shape(0)
    start, end = site.integer("start", 0), site.integer("end", len(shape))
    return np.array(shape[slice(start, end)], np.int64)


def _constant_of_shape(site: Site, arrays: list[Array]) -> Array:
    shape = tuple(int(s) for s in arrays[0].reshape(-1))
    check_size(shape, MOST_FOLDED)
    fill = site.attribute("value")
    value = np.zeros(1, np.float32) if fill is None else np.asarray(fill).reshape(-1)
    if value.size != 1:
        raise CompileError("ConstantOfShape with a value that is not one number")
    return np.full(shape, value[0], value.dtype)


def _range(site: Site, arrays: list[Array]) -> Array:
    if len(arrays) != 3 or any(a.size != 1 for a in arrays):
        raise CompileError("Range needs a start, an end and a step")
    start, end, step = (a.reshape(-1)[0].item() for a in arrays)
    if not step or abs((end - start) / step) > MOST_FOLDED:
        raise CompileError(f"Range from {start} to {end} in steps of {step}")
    return np.arange(start, end, step, dtype=arrays[0].dtype)


def _expand(site: Site, arrays: list[Array]) -> Array:
    shape = joint(arrays[0].shape, tuple(site.whole(1, "shape")))
    check_size(shape, MOST_FOLDED)
    return np.broadcast_to(arrays[0], shape).copy()


def _tile(site: Site, arrays: list[Array]) -> Array:
    repeats = site.whole(1, "repeats")
    if len(repeats) != arrays[0].ndim or any(r < 0 for r in repeats):
        raise CompileError(f"Tile of {list(arrays[0].shape)} by {repeats}")
    check_size(tuple(s * r for s, r in zip(arrays[0].shape, repeats, strict=True)), MOST_FOLDED)
    return np.tile(arrays[0], repeats)


def _gather(site: Site, arrays: list[Array]) -> Array:
    if len(arrays) != 2 or arrays[1].dtype.kind not in "iu":
        raise CompileError("Gather needs data and integer indices")
    data, indices = arrays[0], arrays[1].astype(np.int64)
    axis = axis_of(site.integer("axis", 0), data.ndim)
    size = data.shape[axis]
    if indices.size and not -size <= indices.min() <= indices.max() < size:
        raise CompileError(f"Gather of a place outside an axis of length {size}")
    check_size((*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]), MOST_FOLDED)
    return np.asarray(np.take(data, indices % max(size, 1), axis=axis))


def _concat(site: Site, arrays: list[Array]) -> Array:
    axis = axis_of(site.integer("axis", 0), arrays[0].ndim)
    if any(a.ndim != arrays[0].ndim for a in arrays):
        raise CompileError("Concat of tensors with different numbers of axes")
    try:
        return np.concatenate(arrays, axis=axis)
    except ValueError:
        shapes = " and ".join(str(list(a.shape)) for a in arrays)
        raise CompileError(f"the shapes {shapes} do not join") from None


def _slice(site: Site, arrays: list[Array]) -> Array:
    found = arrays[0]
    for axis, places in slices(site).items():
        found = np.take(found, np.array(places, np.int64), axis=axis)
    return found


def _split(site: Site, arrays: list[Array]) -> list[Array]:
    axis = axis_of(site.integer("axis", 0), arrays[0].ndim)
    cuts = np.cumsum(split_sizes(site, arrays[0].shape[axis]))[:-1]
    return list(np.split(arrays[0], cuts, axis=axis))


def _transpose(site: Site, arrays: list[Array]) -> Array:
    axes = site.integers("perm") or list(range(arrays[0].ndim))[::-1]
    if sorted(axes) != list(range(arrays[0].ndim)):
        raise CompileError(f"{axes} does not permute the axes of {list(arrays[0].shape)}")
    return np.ascontiguousarray(arrays[0].transpose(axes))


def _unsqueeze(site: Site, arrays: list[Array]) -> Array:
    axes = listed(site, "axes", 1)
    if axes is None:
        raise CompileError("Unsqueeze without axes")
    return arrays[0].reshape(unsqueezed(arrays[0].shape, axes))


def _reshape(site: Site, arrays: list[Array]) -> Array:
    wanted = listed(site, "shape", 1)
    if wanted is None:
        raise CompileError("Reshape without a shape")
    return arrays[0].reshape(reshaped(arrays[0].shape, wanted, site.flag("allowzero", False)))


def _cast(site: Site, arrays: list[Array]) -> Array:
    """Reals are left as they are: between real types a cast changes no meaning."""
    array = arrays[0]
    element = element_of(site.integer("to", 0))
    if element.boolean:
        return np.asarray(array != 0)
    if not element.integer:
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    if array.dtype.kind == "f":
        if not np.all(np.abs(array) < 2.0**62):
            raise CompileError("Cast of constants beyond 2^62 to integers")
        array = np.trunc(array)
    return wrapped(array, element)


def _where(site: Site, arrays: list[Array]) -> Array:
    if len(arrays) != 3:
        raise CompileError("Where needs three inputs")
    check_size(joint(*(a.shape for a in arrays)), MOST_FOLDED)
    return np.where(*arrays)


def _divide(site: Site, arrays: list[Array]) -> Array:
    if len(arrays) != 2:
        raise CompileError("Div needs two inputs")
    a, b = arrays
    if np.any(b == 0):
        raise CompileError("a division by zero")
    quotient = np.abs(a) // np.abs(b)
    return quotient * np.sign(a) * np.sign(b)


def _reduced(function: Callable[..., Any]) -> Callable[[Site, list[Array]], Array]:
    def run(site: Site, arrays: list[Array]) -> Array:
        axes = listed(site, "axes", 1)
        chosen = None if axes is None else axes_of(axes, arrays[0].ndim)
        keep = site.flag("keepdims", True)
        return np.asarray(function(arrays[0], axis=chosen, keepdims=keep))

    return run


def _of_two(function: Callable[..., Any]) -> Callable[[Site, list[Array]], Array]:
    def run(site: Site, arrays: list[Array]) -> Array:
        found = arrays[0]
        for other in arrays[1:]:
            found = function(found, other)
        return np.asarray(found)

    return run


SHAPES: dict[str, Callable[[Site], Array]] = {
    "Shape": _shape,
    "Size": lambda site: np.array(np.prod(site.shape(0), dtype=np.int64)),
}

MOVES: dict[str, Callable[[Site, list[Array]], Array | list[Array]]] = {
    "Cast": _cast,
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": lambda s, a: a[0].reshape(flattened(a[0].shape, s.integer("axis", 1))),
    "Gather": _gather,
    "Identity": lambda s, a: a[0],
    "Range": _range,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": lambda s, a: a[0].reshape(squeezed(a[0].shape, listed(s, "axes", 1))),
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}

COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "And": np.logical_and,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Or": np.logical_or,
}

ARITHMETIC: dict[str, Callable[[Site, list[Array]], Array]] = {
    "Abs": lambda s, a: np.abs(a[0]),
    "Add": _of_two(np.add),
    "Ceil": lambda s, a: a[0],
    "Div": _divide,
    "Floor": lambda s, a: a[0],
    "Max": _of_two(np.maximum),
    "Min": _of_two(np.minimum),
    "Mul": _of_two(np.multiply),
    "Neg": lambda s, a: -a[0],
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "Round": lambda s, a: a[0],
    "Sub": _of_two(np.subtract),
}

FOLDED = frozenset({*SHAPES, *MOVES, *COMPARISONS, *ARITHMETIC, "Constant"})
