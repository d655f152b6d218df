"""Networks of the shapes of MLPerf Tiny, and single layers, with random weights in any widths.

    network(Shape.RESNET8, Widths(4, 4)).save("resnet8.onnx")

Scales are chosen as training chooses them: while a network is built, a few random samples run
through it, and each quantizer gets the scale with which they use its codes. The same calls give
the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.export import Model, Quantizer, Tensor

Array = NDArray[Any]

SEED = 7
SAMPLES = 4
MIX = (2, 4, 8)  # widths of a mixture, each as likely
CLIPPED = 0.005  # of the values before a quantizer
BIAS = 32  # bits
SCALE_BITS, WEIGHT_SCALE_BITS = 19, 5  # of scales, so that float32 holds their products exactly
SPREAD = 0.3  # deviation of the weights, as a share of the largest code


@dataclass(frozen=True)
class Widths:
    """Bits of activations, and of weights; None draws 2, 4 or 8 for each output channel."""

    activations: int
    weights: int | None

    def __str__(self) -> str:
        weights = "w{2,4,8}" if self.weights is None else f"w{self.weights}"
        return f"a{self.activations}{weights}"


class Shape(Enum):
    """The networks."""

    RESNET8 = "ResNet8"
    DSCNN = "DS-CNN"
    AUTOENCODER = "autoencoder"
    MOBILENET = "MobileNetV1"


class Single(Enum):
    """Layers that are measured alone; each stands between two others."""

    CONV = "conv 3x3 64->64, 16x16"
    SMALL_CONV = "conv 3x3 16->16, 32x32"
    POINTWISE = "pointwise 64->64, 25x5"
    DEPTHWISE = "depthwise 3x3 64, 25x5"
    DENSE = "dense 640->128"


MEASURED = 1  # which of the products of a network with a single layer


@dataclass(frozen=True, eq=False)
class Signal:
    """A tensor of the graph, and what the samples are there, [samples, channels, ...]."""

    tensor: Tensor
    values: Array
    scale: float = 0.0  # of its codes, once it is quantized

    @property
    def channels(self) -> int:
        return int(self.values.shape[1])


@dataclass(frozen=True)
class Window:
    """Of a convolution; pads are ONNX's."""

    kernel: tuple[int, int]
    stride: int = 1
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)


POINT = Window((1, 1))
AROUND = Window((3, 3), 1, (1, 1, 1, 1))
HALVING = Window((3, 3), 2, (0, 0, 1, 1))  # an even size, as `SAME` pads it


class Network:
    """A network under construction, with the samples that run along."""

    def __init__(self, name: str, widths: Widths) -> None:
        self.model = Model(name)
        self.widths = widths
        self.rng = np.random.default_rng(SEED)

    def input(self, shape: Sequence[int], signed: bool) -> Signal:
        """[channels, ...] codes of the width of activations, anywhere in their range."""
        bits = self.widths.activations
        low = -(1 << bits - 1) if signed else 0
        codes = self.rng.integers(low, low + (1 << bits), (SAMPLES, *shape))
        tensor = self.model.input("input", (1, *shape))
        by = Quantizer(1 / 16, bits, signed=signed)
        return Signal(self.model.quantize(tensor, by), codes / 16, 1 / 16)

    def conv(self, x: Signal, outputs: int, window: Window = POINT, relu: bool = True) -> Signal:
        shape = (outputs, x.channels, *window.kernel)
        return self._conv(x, shape, window, relu, 1)

    def depthwise(self, x: Signal, window: Window = AROUND) -> Signal:
        return self._conv(x, (x.channels, 1, *window.kernel), window, True, x.channels)

    def dense(self, x: Signal, outputs: int, relu: bool = True) -> Signal:
        codes, bits = self._weights((outputs, x.channels))
        sums = x.values @ codes.T
        scale, bias = self._scaled(sums, 0, x.scale)
        y = self.model.dense(
            x.tensor,
            codes * scale[:, np.newaxis],
            Quantizer(scale, bits),
            bias=bias,
            bias_quantizer=Quantizer(x.scale * scale, BIAS),
        )
        return self._result(y, sums * scale + bias, relu)

    def add(self, x: Signal, y: Signal) -> Signal:
        return self._result(self.model.add(x.tensor, y.tensor), x.values + y.values, True)

    def average(self, x: Signal) -> Signal:
        """Of each channel, as a vector."""
        pooled = self.model.average_pool(x.tensor, x.values.shape[2:])
        values = x.values.mean(axis=(2, 3), keepdims=True)
        y = self.quantize(Signal(pooled, values), signed=bool(x.values.min() < 0))
        return Signal(self.model.flatten(y.tensor), y.values.reshape(SAMPLES, -1), y.scale)

    def output(self, x: Signal) -> Model:
        self.model.output(x.tensor)
        return self.model

    def quantize(self, x: Signal, signed: bool) -> Signal:
        """To the width of activations."""
        bits = self.widths.activations - (1 if signed else 0)
        peak = float(np.quantile(np.abs(x.values), 1 - CLIPPED)) * self.rng.uniform(0.95, 1.05)
        scale = float(rounded(np.array(max(peak, 1e-6) / (2**bits - 1)), SCALE_BITS))
        low, high = (-(2**bits) if signed else 0), 2**bits - 1
        y = self.model.quantize(x.tensor, Quantizer(scale, self.widths.activations, signed=signed))
        return Signal(y, np.clip(np.rint(x.values / scale), low, high) * scale, scale)

    def _conv(
        self, x: Signal, shape: tuple[int, ...], window: Window, relu: bool, groups: int
    ) -> Signal:
        codes, bits = self._weights(shape)
        sums = convolved(x.values, codes, window)
        scale, bias = self._scaled(sums, (2, 3), x.scale)
        y = self.model.conv(
            x.tensor,
            codes * scale.reshape(-1, 1, 1, 1),
            Quantizer(scale, bits),
            bias=bias,
            bias_quantizer=Quantizer(x.scale * scale, BIAS),
            strides=(window.stride, window.stride),
            pads=window.pads,
            groups=groups,
        )
        reals = sums * scale.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)
        return self._result(y, reals, relu)

    def _result(self, y: Tensor, values: Array, relu: bool) -> Signal:
        if relu:
            y, values = self.model.relu(y), np.maximum(values, 0)
        return self.quantize(Signal(y, values), signed=not relu)

    def _weights(self, shape: tuple[int, ...]) -> tuple[Array, Array]:
        """(codes, bits of each output channel)."""
        chosen = self.widths.weights
        bits = self.rng.choice(MIX, shape[0]) if chosen is None else np.full(shape[0], chosen)
        half = (2.0 ** (bits - 1)).reshape(-1, *[1] * (len(shape) - 1))
        drawn = np.rint(self.rng.normal(0, 1, shape) * SPREAD * half).reshape(shape[0], -1)
        drawn[~drawn.any(axis=1), 0] = -1  # a channel of zeros would be a pruned one
        return np.clip(drawn.reshape(shape), -half, half - 1), bits

    def _scaled(self, sums: Array, axes: int | tuple[int, ...], unit: float) -> tuple[Array, Array]:
        """(scale, bias) of each channel: results spread around 0, by a deviation near 1.

        Biases are multiples of `unit`, the scale of the activations, times the scale.
        """
        samples = (0, *axes) if isinstance(axes, tuple) else axes
        deviation = np.maximum(sums.std(axis=samples), 1e-3)
        wanted = self.rng.uniform(0.7, 1.4, len(deviation)) / deviation
        scale = rounded(wanted, WEIGHT_SCALE_BITS)
        center = self.rng.normal(0, 0.3, len(deviation))
        step = unit * scale
        return scale, np.rint((center - scale * sums.mean(axis=samples)) / step) * step


def rounded(x: Array, bits: int) -> Array:
    """The nearest numbers of so many bits."""
    fraction, exponent = np.frexp(x)
    found: Array = np.ldexp(np.rint(fraction * 2.0**bits), exponent - bits)
    return found


def convolved(x: Array, weight: Array, window: Window) -> Array:
    """Sums [samples, O, H, W] of x [samples, C, ...] and weight [O, C or 1, ...]."""
    top, left, bottom, right = window.pads
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, window.kernel, axis=(2, 3))
    patches = patches[:, :, :: window.stride, :: window.stride]
    if weight.shape[1] == 1 and x.shape[1] == weight.shape[0] > 1:
        return np.asarray(np.einsum("nchwij,cij->nchw", patches, weight[:, 0]))
    return np.moveaxis(np.tensordot(patches, weight, ([1, 4, 5], [1, 2, 3])), -1, 1)


def network(shape: Shape, widths: Widths) -> Model:
    """A whole network."""
    made = Network(f"{shape.value} {widths}", widths)
    return NETWORKS[shape](made)


def resnet8(n: Network) -> Model:
    x = n.conv(n.input((3, 32, 32), signed=False), 16, AROUND)
    for channels, window in ((16, AROUND), (32, HALVING), (64, HALVING)):
        y = n.conv(n.conv(x, channels, window), channels, AROUND, relu=False)
        if window.stride > 1:
            x = n.conv(x, channels, Window((1, 1), window.stride), relu=False)
        x = n.add(x, y)
    return n.output(n.dense(n.average(x), 10, relu=False))


def dscnn(n: Network) -> Model:
    x = n.conv(n.input((1, 49, 10), signed=True), 64, Window((10, 4), 2, (4, 1, 5, 1)))
    for _ in range(4):
        x = n.conv(n.depthwise(x), 64)
    return n.output(n.dense(n.average(x), 12, relu=False))


def autoencoder(n: Network) -> Model:
    x = n.input((640,), signed=True)
    for outputs in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = n.dense(x, outputs)
    return n.output(n.dense(x, 640, relu=False))


def mobilenet(n: Network) -> Model:
    """Width 0.25, of one plane, as tflite-micro's person detection."""
    x = n.conv(n.input((1, 96, 96), signed=True), 8, HALVING)
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    channels = (16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256)
    for stride, outputs in zip(strides, channels, strict=True):
        x = n.conv(n.depthwise(x, AROUND if stride == 1 else HALVING), outputs)
    return n.output(n.dense(n.average(x), 2, relu=False))


NETWORKS: dict[Shape, Callable[[Network], Model]] = {
    Shape.RESNET8: resnet8,
    Shape.DSCNN: dscnn,
    Shape.AUTOENCODER: autoencoder,
    Shape.MOBILENET: mobilenet,
}


def single(layer: Single, widths: Widths) -> Model:
    """A network of three products whose second is the layer: its tensors lie as inside one."""
    n = Network(f"{layer.value} {widths}", widths)
    match layer:
        case Single.CONV:
            x = n.conv(n.conv(n.input((64, 16, 16), signed=False), 64), 64, AROUND)
        case Single.SMALL_CONV:
            x = n.conv(n.conv(n.input((16, 32, 32), signed=False), 16), 16, AROUND)
        case Single.POINTWISE:
            x = n.conv(n.conv(n.input((64, 25, 5), signed=False), 64), 64)
        case Single.DEPTHWISE:
            x = n.depthwise(n.conv(n.input((64, 25, 5), signed=False), 64))
        case Single.DENSE:
            x = n.dense(n.dense(n.input((16,), signed=False), 640), 128)
            return n.output(n.dense(x, 8, relu=False))
    return n.output(n.conv(x, 8, relu=False))
