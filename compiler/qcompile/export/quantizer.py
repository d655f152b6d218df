"""The numbers of a Quant node: checked, as float32, in shapes that broadcast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qcompile.errors import CompileError
from qcompile.semantics.modes import Rounding

Floats = NDArray[np.float32]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Quantizer:
    """What a Quant node does: `code = clip(round(x / scale + zero_point))`, read back as a real.

    `scale`, `bits` and `zero_point` are each a scalar, one number per channel, or an array that has
    as many axes as the tensor and broadcasts to it. `bits` are whole numbers of 0 to 32: 0 makes
    the channel a constant 0, and signed 1 bit means the codes -1 and +1. `narrow` leaves out the
    lowest code of a signed type and the highest of an unsigned one.
    """

    scale: ArrayLike
    bits: ArrayLike
    zero_point: ArrayLike = 0
    signed: bool = True
    narrow: bool = False
    rounding: Rounding = Rounding.HALF_EVEN

    def parameters(self, shape: Shape, axis: int, at: str) -> dict[str, Floats]:
        """`scale`, `zero_point` and `bits` for a tensor of `shape`, each () or broadcasting to it.

        Errors, with `at` as the node: a wrong shape, a scale that is not positive in float32, a
        zero point or bit-width that is not a whole number in its range.
        """
        scale = _spread(self.scale, shape, axis, "the scale", at)
        zero_point = _spread(self.zero_point, shape, axis, "the zero point", at)
        bits = _spread(self.bits, shape, axis, "the bit-width", at)
        if not np.all(scale > 0):
            raise CompileError("a scale is not positive", at=at, help="give scales above 0")
        if np.any(zero_point != np.rint(zero_point)):
            raise CompileError("a zero point is not a whole number", at=at, help="round it")
        if np.any((bits != np.rint(bits)) | (bits < 0) | (bits > 32)):
            raise CompileError(
                "a bit-width is not a whole number of 0 to 32",
                at=at,
                help="0 bits are for a pruned channel",
            )
        return {"scale": scale, "zero_point": zero_point, "bits": bits}


def numbers(values: ArrayLike, what: str, at: str) -> Floats:
    """`values` as finite float32; `what` and `at` say in errors which numbers of which node."""
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise CompileError(f"{what} is not an array of numbers", at=at, help="give one") from error
    if not np.all(np.isfinite(array)):
        raise CompileError(f"{what} is not finite in float32", at=at, help="look for NaN")
    return array


def _spread(values: ArrayLike, shape: Shape, axis: int, what: str, at: str) -> Floats:
    """`values` as () if they are one number, else with as many axes as `shape`."""
    array = numbers(values, what, at)
    if array.size == 1:
        return array.reshape(())
    if array.ndim == 1 and axis < len(shape) and array.size == shape[axis]:
        return array.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    if array.ndim == len(shape) and all(
        a in (1, s) for a, s in zip(array.shape, shape, strict=True)
    ):
        return array
    raise CompileError(
        f"{what} of shape {array.shape} does not fit a tensor of shape {shape}",
        at=at,
        help=f"give one number, or one for each channel (axis {axis})",
    )
