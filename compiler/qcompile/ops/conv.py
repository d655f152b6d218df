"""Conv: weighted sums over sliding windows of a channels-last image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.ops.base import LARGEST, IntegerOp, Work, representable
from qcompile.ops.blas import (
    matmul,
    output_size,
    padded,
    reduction_bound,
    weighted_reach,
    windows,
)
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Conv(IntegerOp):
    """2-D convolution [N, H, W, C] -> [N, OH, OW, O]; 1-D is H = 1, depthwise is groups = C.

    A tap on padding reads `pad_value` (the zero point: a code that means 0). Where no code means
    0, the reader of the graph has made the code range hold one (bits grow) before this op.
    """

    weight: Ints  # [O, KH, KW, C / groups]
    bias: Ints  # [O], in units of the accumulator
    weight_bits: tuple[int, ...]  # stored width of each output channel, 0 where it is pruned
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)  # top, left, bottom, right
    groups: int = 1
    pad_value: int = 0

    @property
    def kernel(self) -> tuple[int, int]:
        return (self.weight.shape[1], self.weight.shape[2])

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.weight.shape[3] == 1

    def result(self, *inputs: QType) -> QType:
        (x,) = inputs
        n, h, w, c = x.shape
        if c != self.weight.shape[3] * self.groups:
            raise CompileError(
                f"the weights take {self.weight.shape[3] * self.groups} channels, the input has {c}"
            )
        (kh, kw), (sh, sw), (dh, dw) = self.kernel, self.strides, self.dilations
        top, left, bottom, right = self.pads
        oh = output_size(h, kh, sh, dh, top, bottom)
        ow = output_size(w, kw, sw, dw, left, right)
        if oh < 1 or ow < 1:
            raise CompileError(f"the {kh}x{kw} kernel does not fit into the padded {h}x{w} image")
        representable(self.reach(x))
        low, high = self._range(x)
        return QType.of((n, oh, ow, self.weight.shape[0]), low, high)

    def _input_range(self, x: QType) -> tuple[Ints, Ints]:
        """Range of what a tap reads, per input channel, padding included."""
        low, high = x.lows(), x.highs()
        if any(self.pads):
            low, high = np.minimum(low, self.pad_value), np.maximum(high, self.pad_value)
        return low, high

    def _range(self, x: QType) -> tuple[Ints, Ints]:
        """Exact range of each output channel over all inputs in range."""
        low, high = self._input_range(x)
        taps = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
        shape = (self.groups, 1, 1, 1, -1)
        positive, negative = np.maximum(taps, 0), np.minimum(taps, 0)
        low_g, high_g = low.reshape(shape), high.reshape(shape)
        least = (positive * low_g + negative * high_g).sum(axis=(2, 3, 4)).reshape(-1)
        most = (positive * high_g + negative * low_g).sum(axis=(2, 3, 4)).reshape(-1)
        return least + self.bias, most + self.bias

    def reach(self, *inputs: QType) -> int:
        (x,) = inputs
        pad = abs(self.pad_value) if any(self.pads) else 0
        if pad > LARGEST:
            return pad
        lanes = np.maximum(x.magnitudes(), pad).reshape(self.groups, -1)
        rows = np.repeat(lanes, len(self.weight) // self.groups, axis=0)
        taps = np.broadcast_to(rows[:, np.newaxis, np.newaxis, :], self.weight.shape)
        flat = (a.reshape(len(self.weight), -1) for a in (self.weight, taps))
        weight, reach = flat
        return max(weighted_reach(weight, self.bias, reach), x.magnitude, pad)

    def run(self, *inputs: Ints) -> Ints:
        (x,) = inputs
        full = padded(x, self.pads, self.pad_value)
        magnitude = np.abs(full).max(axis=tuple(range(full.ndim - 1)), initial=0)
        if self.depthwise and self.weight.shape[0] == self.groups:
            return self._run_depthwise(full) + self.bias
        view = windows(full, self.kernel, self.strides, self.dilations)
        rows = self.weight.shape[0] // self.groups
        parts = []
        for g in range(self.groups):
            lanes = slice(g * self.weight.shape[3], (g + 1) * self.weight.shape[3])
            patch = view[..., lanes]
            lead = patch.shape[:-3]
            weight = self.weight[g * rows : (g + 1) * rows].reshape(rows, -1).T
            taps = np.broadcast_to(magnitude[lanes], (*self.kernel, self.weight.shape[3]))
            bound = reduction_bound(weight, taps.reshape(-1))
            parts.append(matmul(patch.reshape(*lead, -1), weight, bound))
        out: Ints = np.concatenate(parts, axis=-1) + self.bias
        return out

    def _run_depthwise(self, full: Ints) -> Ints:
        """One tap at a time: few taps, long vectors."""
        view = windows(full, self.kernel, self.strides, self.dilations)
        kh, kw = self.kernel
        total = np.zeros(view.shape[:-3] + view.shape[-1:], np.int64)
        for i in range(kh):
            for j in range(kw):
                total += view[..., i, j, :] * self.weight[:, i, j, 0]
        return total

    def work(self, *inputs: QType) -> Work:
        (x,) = inputs
        out = self.result(x)
        taps = self.weight[0].size
        pixels = out.size // out.channels
        multiplies = Counter[tuple[int, int]]()
        for bits in self.weight_bits:
            multiplies[(x.bits, bits)] += pixels * taps
        adds = Counter({out.bits: out.size * taps})
        return Work(multiplies, adds, taps * sum(self.weight_bits), 32 * len(self.weight_bits))
