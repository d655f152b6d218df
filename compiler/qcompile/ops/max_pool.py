"""MaxPool: the largest code of each window."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from qcompile.ops.base import IntegerOp, Work
from qcompile.ops.blas import output_size, padded, windows
from qcompile.qtype import Ints, QType


class Window(Protocol):
    """What the ops that slide a window over an image have in common."""

    @property
    def kernel(self) -> tuple[int, int]: ...
    @property
    def strides(self) -> tuple[int, int]: ...
    @property
    def dilations(self) -> tuple[int, int]: ...
    @property
    def pads(self) -> tuple[int, int, int, int]: ...


@dataclass(frozen=True, eq=False)
class MaxPool(IntegerOp):
    """[N, H, W, C] -> [N, OH, OW, C]; padding never wins. `pads` may be uneven (ceil mode)."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        return QType.of(pooled_shape(x.shape, self), x.low, x.high)

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        full = padded(x, self.pads, x.min(initial=0))
        best: Ints = windows(full, self.kernel, self.strides, self.dilations).max(axis=(-3, -2))
        return best

    def work(self, *inputs: QType) -> Work:
        (x,) = inputs
        return Work(adds=Counter({x.bits: self.result(x).size * self.kernel[0] * self.kernel[1]}))


def pooled_shape(shape: tuple[int, ...], op: Window) -> tuple[int, ...]:
    """[N, OH, OW, C] of a pooling op on [N, H, W, C]."""
    n, h, w, c = shape
    (kh, kw), (sh, sw), (dh, dw) = op.kernel, op.strides, op.dilations
    top, left, bottom, right = op.pads
    return (
        n,
        output_size(h, kh, sh, dh, top, bottom),
        output_size(w, kw, sw, dw, left, right),
        c,
    )
