"""Kernels, strides, dilations and pads of Conv and pooling; auto_pad and ceil_mode resolved."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.site import Site

MOST = 1 << 16  # of a kernel, stride, dilation or pad along one axis


@dataclass(frozen=True)
class Geometry:
    """How a window moves. `pads` are all beginnings, then all ends, as the node declares them;
    `extra` is what ceil_mode adds at the ends."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    extra: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def all_pads(self) -> tuple[int, ...]:
        """`pads` with `extra` at the ends."""
        ends = zip(self.pads[self.rank :], self.extra, strict=True)
        return (*self.pads[: self.rank], *(a + b for a, b in ends))


def geometry(site: Site, spatial: Shape, kernel: Shape | None = None) -> Geometry:
    """That of `site` over an image of size `spatial`; `kernel` comes from the weights, if given."""
    rank = len(spatial)
    stated = site.integers("kernel_shape")
    size = tuple(kernel if kernel is not None else stated or ())
    if kernel is not None and stated is not None and tuple(stated) != size:
        raise CompileError(f"kernel_shape {stated} of weights with a kernel of {list(size)}")
    strides = tuple(site.integers("strides") or [1] * rank)
    dilations = tuple(site.integers("dilations") or [1] * rank)
    if not len(size) == len(strides) == len(dilations) == rank:
        raise CompileError(f"a kernel {list(size)} on an image of {rank} axes")
    if not all(0 < v <= MOST for v in (*size, *strides, *dilations)):
        raise CompileError(f"kernel {list(size)}, strides {strides}, dilations {dilations}")
    pads = _pads(site, spatial, size, strides, dilations)
    found = Geometry(size, strides, dilations, pads, (0,) * rank)
    if not site.flag("ceil_mode", False):
        return found
    extra = tuple(_ceiling(found, spatial[i], i) for i in range(rank))
    return Geometry(size, strides, dilations, pads, extra)


def _pads(
    site: Site, spatial: Shape, kernel: Shape, strides: Shape, dilations: Shape
) -> tuple[int, ...]:
    rank = len(spatial)
    mode = site.text("auto_pad", "NOTSET")
    if mode in ("NOTSET", ""):
        pads = tuple(site.integers("pads") or [0] * 2 * rank)
        if len(pads) != 2 * rank or not all(0 <= p <= MOST for p in pads):
            raise CompileError(f"pads {list(pads)} around {rank} axes")
        return pads
    if mode == "VALID":
        return (0,) * 2 * rank
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise CompileError(f"auto_pad {mode}")
    before, after = [], []
    for size, k, step, gap in zip(spatial, kernel, strides, dilations, strict=True):
        reach = (k - 1) * gap + 1
        missing = max((-(-size // step) - 1) * step + reach - size, 0)
        less, more = missing // 2, missing - missing // 2
        before.append(less if mode == "SAME_UPPER" else more)
        after.append(more if mode == "SAME_UPPER" else less)
    return (*before, *after)


def _ceiling(g: Geometry, size: int, axis: int) -> int:
    """What ceil_mode adds at the end of one axis; no window starts in the padding there."""
    before, after = g.pads[axis], g.pads[g.rank + axis]
    reach = (g.kernel[axis] - 1) * g.dilations[axis] + 1
    room = size + before + after - reach
    count = -(-room // g.strides[axis]) + 1
    if (count - 1) * g.strides[axis] >= size + before:
        count -= 1
    return max((count - 1) * g.strides[axis] - room, 0)
