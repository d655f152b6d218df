"""Shapes and axes as ONNX writes them: negative axes, 0 and -1 in shapes, slices."""

from __future__ import annotations

from math import prod

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.site import Site


def axis_of(axis: int, rank: int, what: str = "axis") -> int:
    """`axis` counted from the front."""
    if not -rank <= axis < rank:
        raise CompileError(f"{what} {axis} of a tensor with {rank} axes")
    return axis + rank if axis < 0 else axis


def axes_of(axes: list[int], rank: int) -> tuple[int, ...]:
    found = tuple(axis_of(a, rank) for a in axes)
    if len(set(found)) != len(found):
        raise CompileError(f"an axis is listed twice in {axes}")
    return found


def listed(site: Site, name: str, index: int) -> list[int] | None:
    """Integers that older opsets have as the attribute `name`, newer ones as an input."""
    found = site.integers(name)
    if found is None and site.has(index):
        return site.whole(index, name)
    return found


def reshaped(shape: Shape, wanted: list[int], zero_is_zero: bool) -> Shape:
    """The target of Reshape: 0 copies an axis, -1 takes what is left."""
    out = []
    for i, size in enumerate(wanted):
        if size == 0 and not zero_is_zero:
            if i >= len(shape):
                raise CompileError(f"Reshape copies axis {i} of {list(shape)}")
            size = shape[i]
        out.append(size)
    if out.count(-1) > 1 or any(s < -1 for s in out):
        raise CompileError(f"Reshape to {wanted}")
    if -1 in out:
        rest = prod(s for s in out if s != -1)
        if rest == 0 or prod(shape) % rest:
            raise CompileError(f"{list(shape)} does not reshape to {wanted}")
        out[out.index(-1)] = prod(shape) // rest
    if prod(out) != prod(shape):
        raise CompileError(f"{list(shape)} does not reshape to {wanted}")
    return tuple(out)


def squeezed(shape: Shape, axes: list[int] | None) -> Shape:
    if axes is None:
        return tuple(s for s in shape if s != 1)
    gone = axes_of(axes, len(shape))
    if any(shape[a] != 1 for a in gone):
        raise CompileError(f"Squeeze of axes {list(gone)} of {list(shape)}")
    return tuple(s for i, s in enumerate(shape) if i not in gone)


def unsqueezed(shape: Shape, axes: list[int]) -> Shape:
    new = axes_of(axes, len(shape) + len(axes))
    rest = iter(shape)
    return tuple(1 if i in new else next(rest) for i in range(len(shape) + len(axes)))


def flattened(shape: Shape, axis: int) -> Shape:
    at = axis_of(axis, len(shape) + 1) if axis < 0 else axis
    if axis < 0:
        at = axis + len(shape)
    if not 0 <= at <= len(shape):
        raise CompileError(f"Flatten at axis {axis} of {list(shape)}")
    return (prod(shape[:at]), prod(shape[at:]))


def slices(site: Site) -> dict[int, range]:
    """For each axis that Slice cuts, the places it keeps, in order."""
    shape = site.shape(0)
    starts, ends = listed(site, "starts", 1), listed(site, "ends", 2)
    if starts is None or ends is None:
        raise CompileError("Slice without starts or ends")
    axes = listed(site, "axes", 3)
    if axes is None:
        axes = list(range(len(starts)))
    steps = site.whole(4, "steps") if site.has(4) else [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise CompileError("Slice with starts, ends, axes and steps that do not fit")
    found = {}
    cuts = zip(axes_of(axes, len(shape)), starts, ends, steps, strict=True)
    for axis, start, end, step in cuts:
        found[axis] = range(*slice(start, end, step).indices(shape[axis]))
    return found


def split_sizes(site: Site, size: int) -> list[int]:
    """The lengths of the parts of Split."""
    sizes = listed(site, "split", 1)
    parts = len(site.node.output)
    if sizes is None:
        share = -(-size // parts)
        sizes = [share] * (parts - 1) + [size - share * (parts - 1)]
    if len(sizes) != parts or sum(sizes) != size or min(sizes) < 0:
        raise CompileError(f"Split of {size} into {sizes}")
    return sizes


def joint(*shapes: Shape) -> Shape:
    """The shape to which all broadcast; raises CompileError where they do not."""
    rank = max(len(s) for s in shapes)
    out = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {s for s in sizes if s != 1}
        if len(wide) > 1:
            text = " and ".join(str(list(s)) for s in shapes)
            raise CompileError(f"the shapes {text} do not broadcast")
        out.append(wide.pop() if wide else 1)
    return tuple(out)
