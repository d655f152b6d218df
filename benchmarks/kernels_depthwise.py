"""Depthwise layers alone, on the RTL: cycles, cycles for each result, MAC/cycle, the model.

Run as `python -m benchmarks.kernels_depthwise [isa ...]`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from benchmarks.steps import Program, Trial, connected
from qcompile.ops import Conv, Requant
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.plan.c_depthwise import depthwise
from qcompile.qtype import QType
from qcompile.rtl import Isa

FINE = 34  # bits after the point of scales: more than two 8-bit products need


def steep(random: np.random.Generator, sums: QType, low: int, high: int, part: float) -> Requant:
    """Scales that make all results from about `part` of each channel's sums."""
    forms = []
    for a, b in zip(sums.lows().tolist(), sums.highs().tolist(), strict=True):
        slope = (high - low) / max(part * (b - a), 1) * random.uniform(0.9, 1.1)
        multiplier = int(slope * 2**FINE) + 1
        middle = ((low + high) // 2 << FINE) - multiplier * ((a + b) // 2)
        offset = middle + (1 << FINE - 1)
        forms.append(Scale(Arithmetic.LONG, multiplier, offset, FINE, low, high))
    return Requant(tuple(forms), np.full(len(forms), low), np.full(len(forms), high))


@dataclass(frozen=True)
class Layer:
    """A depthwise layer with random weights and scales; codes of all 8 bits, signed or not."""

    height: int
    width: int
    channels: int
    kernel: int = 3
    stride: int = 1
    signed: bool = True
    bits: int = 8  # of weights
    pads: tuple[int, int, int, int] | None = None  # as many before as after, unless said

    @property
    def name(self) -> str:
        size = f"{self.height}x{self.width}x{self.channels}"
        kind = f"k{self.kernel} s{self.stride} {'i8' if self.signed else 'u8'} w{self.bits}"
        return f"{size} {kind}"

    def trial(self) -> Trial:
        random = np.random.default_rng(1)
        half = 1 << self.bits - 1
        shape = (self.channels, self.kernel, self.kernel, 1)
        low, high = (-128, 127) if self.signed else (0, 255)
        op = Conv(
            random.integers(-half, half, shape),
            random.integers(-999, 999, self.channels),
            (self.bits,) * self.channels,
            strides=(self.stride, self.stride),
            pads=self.pads or (self.kernel // 2,) * 4,
            groups=self.channels,
            pad_value=low,
        )
        x = QType.of((1, self.height, self.width, self.channels), low, high)
        requant = steep(random, op.result(x), low, high, 0.7)
        codes = random.integers(low, high, x.shape, endpoint=True)
        return Trial(self.name, op, requant, (x,), (codes,))


BEHIND = (0, 0, 1, 1)  # how TensorFlow pads strides of 2
LAYERS = (
    Layer(25, 5, 64, signed=False),
    Layer(25, 5, 64),  # DS-CNN
    Layer(48, 48, 8),  # person_detect from here
    Layer(48, 48, 16, stride=2, pads=BEHIND),
    Layer(24, 24, 32),
    Layer(24, 24, 32, stride=2, pads=BEHIND),
    Layer(12, 12, 64),
    Layer(12, 12, 64, stride=2, pads=BEHIND),
    Layer(6, 6, 128),
    Layer(6, 6, 128, stride=2, pads=BEHIND),
    Layer(3, 3, 256),
)
OTHERS = (
    Layer(25, 5, 64, signed=False, bits=4),
    Layer(25, 5, 64, signed=False, bits=2),
    Layer(10, 10, 120, kernel=5),
    Layer(26, 26, 48, kernel=7, stride=2, pads=(0, 0, 0, 0)),
    Layer(13, 13, 64, stride=2),
)


def main() -> None:
    for isa in [Isa(name) for name in sys.argv[1:]] or list(Isa):
        print(f"{isa.value:30}  cycles  a result  MAC/cycle  model  scratch")
        build = connected(lambda op, site, isa=isa: depthwise(op, site, isa))  # type: ignore[misc]
        layers = (*LAYERS, *OTHERS)
        program = Program([layer.trial() for layer in layers], build)
        for layer, o, step in zip(layers, program.on_rtl(isa), program.steps, strict=True):
            assert o.interval is not None
            assert o.right, layer.name
            count, results = o.interval.cycles, o.made.size
            model = step.draft.code.cycles_model
            off = f"{model / count - 1:+.1%}" if model else "-"
            print(
                f"{layer.name:30}{count:8}{count / results:10.2f}"
                f"{results * layer.kernel**2 / count:11.3f}{off:>7}"
                f"{step.draft.code.scratch:9}"
            )


if __name__ == "__main__":
    main()
