"""Integer products through floating-point BLAS, where that is exact; and windows over images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from qcompile.qtype import Ints

FLOAT32_EXACT = 2**24  # every integer up to here is a float32, and so is every partial sum below it
FLOAT64_EXACT = 2**53


def exact_type(bound: int) -> type[Any]:
    """The fastest number type in which sums whose terms' magnitudes add up to `bound` are exact."""
    if bound < FLOAT32_EXACT:
        return np.float32
    return np.float64 if bound < FLOAT64_EXACT else np.int64


def matmul(x: NDArray[Any], weight: Ints, bound: int) -> Ints:
    """`x @ weight` for integers, exact: `bound` is the largest sum of |x|·|w| along a reduction."""
    number = exact_type(bound)
    product = x.astype(number, copy=False) @ weight.astype(number, copy=False)
    exact: Ints = product.astype(np.int64, copy=False)
    return exact


def reduction_bound(weight: Ints, magnitude: Ints) -> int:
    """The largest sum over the first axis of |weight|·magnitude; weight [K, O], magnitude [K]."""
    return weighted_reach(weight.T, np.zeros(weight.shape[1], np.int64), magnitude)


def weighted_reach(weight: Ints, bias: Ints, reach: Ints) -> int:
    """The largest |bias| + sum of |weight|·reach; weight [O, K], bias [O], reach [K] or [O, K]."""
    sizes = np.abs(weight)
    top = int(sizes.max(initial=0)) * int(reach.max(initial=0)) * weight.shape[1]
    if top < 1 << 62:
        sums = (sizes * reach).sum(axis=1)
    else:  # Python's integers have no end
        sums = (sizes.astype(object) * reach.astype(object)).sum(axis=1)
    return max((int(s) + abs(int(b)) for s, b in zip(sums, bias, strict=True)), default=0)


def windows(
    x: NDArray[Any],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> NDArray[Any]:
    """Views of [..., H, W, C] as [..., OH, OW, KH, KW, C]; no copy is made."""
    reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    view = sliding_window_view(x, reach, axis=(-3, -2))
    view = view[..., :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    return np.moveaxis(view, -3, -1)


def padded(x: NDArray[Any], pads: tuple[int, int, int, int], value: Any) -> NDArray[Any]:
    """[..., H, W, C] with `pads` (top, left, bottom, right) of `value`: a scalar, or [C]."""
    top, left, bottom, right = pads
    if not any(pads):
        return x
    *lead, h, w, c = x.shape
    out = np.empty((*lead, h + top + bottom, w + left + right, c), x.dtype)
    out[...] = value
    out[..., top : top + h, left : left + w, :] = x
    return out


def output_size(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """How many windows fit (ONNX, floor mode)."""
    return (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
