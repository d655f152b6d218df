"""A kernel that slides over the spatial axes of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qcompile.errors import CompileError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """The attributes that ONNX gives to convolutions and pooling, and the size that they leave."""

    kernel: Shape
    strides: Shape
    pads: Shape  # all the beginnings, then all the ends
    dilations: Shape
    spatial: Shape

    @classmethod
    def over(
        cls,
        shape: Shape,
        kernel: Sequence[int],
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int] = (),
        at: str,
    ) -> Window:
        """The window over a tensor [N, C, spatial...]; what is empty becomes 1, pads 0.

        The size is floor((size + pads - dilation * (kernel - 1) - 1) / stride) + 1, as ONNX has it.
        """
        axes = len(shape) - 2
        if axes < 1 or len(kernel) != axes or min(kernel) < 1:
            raise CompileError(
                f"a kernel of {tuple(kernel)} does not fit an input of shape {shape}",
                at=at,
                help="give one size for each axis after the channels",
            )
        strides = _per_axis(strides, 1, axes, "strides", at)
        dilations = _per_axis(dilations, 1, axes, "dilations", at)
        pads = _per_axis(pads, 0, 2 * axes, "pads", at)
        spatial = []
        for i, size in enumerate(shape[2:]):
            padded = size + pads[i] + pads[axes + i]
            spatial.append((padded - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1)
        if min(spatial) < 1:
            raise CompileError(
                f"the kernel {tuple(kernel)} is larger than the padded input of shape {shape}",
                at=at,
                help="make it smaller or pad more",
            )
        return cls(tuple(kernel), strides, pads, dilations, tuple(spatial))


def _per_axis(given: Sequence[int], least: int, count: int, what: str, at: str) -> Shape:
    """`given`, or `count` times `least` if it is empty."""
    values = tuple(given) or (least,) * count
    if len(values) != count or min(values) < least:
        raise CompileError(
            f"{what} of {values}", at=at, help=f"give {count} numbers of {least} or more"
        )
    return values
