"""Layers that learn to be quantized, each output channel with a bit-width of its own.

All steps (scales) are learned through the straight-through estimator (Esser et al., "Learned step
size quantization", ICLR 2020), as logarithms, so that they stay positive. A quantizer does nothing
until it is switched on: a network is trained in floats first.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from qcompile.export import Quantizer

Mixture = dict[int, int]  # bits: how many channels; 0 bits are pruned


class NormParameters(TypedDict):
    """The numbers of a batch norm: arrays [C] and the constant in the square root."""

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    epsilon: float


def rounded(x: Tensor, step: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """`x` on the grid of `step`, clipped; the gradient takes the rounding for the identity."""
    code = torch.clamp(x / step, low, high)
    return (code + (torch.round(code) - code).detach()) * step


def first_step(values: Tensor, high: Tensor) -> Tensor:
    """A step to start from, for codes up to `high`: one for each row of `values`.

    Wide codes reach the largest value; narrow ones clip it, by the rule of the paper.
    """
    size = values.abs()
    return torch.minimum(size.amax(dim=-1) / high, 2 * size.mean(dim=-1) / high**0.5)


def channels(x: Tensor, like: Tensor) -> Tensor:
    """One number for each output channel, in a shape that broadcasts to the weight `like`."""
    return x.reshape(-1, *[1] * (like.ndim - 1))


class Activation(nn.Module):
    """A quantizer of activations: one learned (or fixed) step for the tensor."""

    def __init__(self, bits: int, *, signed: bool, step: float | None = None) -> None:
        super().__init__()
        self.bits, self.signed, self.fixed_step = bits, signed, step
        self.low = torch.tensor(-(2.0 ** (bits - 1)) if signed else 0.0)
        self.high = torch.tensor(2.0 ** (bits - signed) - 1)
        self.log_step = nn.Parameter(torch.zeros(()), requires_grad=step is None)
        self.on = False

    def switch_on(self, seen: Tensor) -> None:
        """Start with a step that suits the values `seen`."""
        self.log_step.data.copy_(torch.log(first_step(seen.flatten(), self.high)))
        self.on = True

    @property
    def step(self) -> Tensor:
        return (
            torch.exp(self.log_step) if self.fixed_step is None else torch.tensor(self.fixed_step)
        )

    def forward(self, x: Tensor) -> Tensor:
        if not self.on:
            self.seen = x.detach()
            return x
        return rounded(x, self.step, self.low, self.high)

    def quantizer(self) -> Quantizer:
        return Quantizer(scale=self.step.item(), bits=self.bits, signed=self.signed)


class Weights(nn.Module):
    """A quantizer of weights: bits and a learned step for each output channel.

    Signed codes from -2^(bits-1), or one above it if `narrow`.
    """

    def __init__(self, mixture: Mixture, *, narrow: bool) -> None:
        super().__init__()
        self.mixture, self.narrow, self.on = mixture, narrow, False
        outputs = sum(mixture.values())
        self.bits = torch.zeros(outputs)
        self.log_step = nn.Parameter(torch.zeros(outputs))

    def switch_on(self, weight: Tensor, importance: Tensor) -> None:
        """Give the most important channels the most bits, and steps that suit the weights."""
        widths = [bits for bits, count in sorted(self.mixture.items()) for _ in range(count)]
        self.bits[importance.detach().argsort()] = torch.tensor(widths, dtype=torch.float32)
        high = torch.clamp(2 ** (self.bits - 1) - 1, min=1)
        self.log_step.data.copy_(torch.log(first_step(weight.detach().flatten(1), high)))
        self.on = True

    @property
    def step(self) -> Tensor:
        return torch.exp(self.log_step)

    def forward(self, weight: Tensor) -> Tensor:
        if not self.on:
            return weight
        half = torch.where(self.bits > 0, 2 ** (self.bits - 1), 0)
        low = torch.where(self.bits > 0, -half + self.narrow, 0)
        high = torch.where(self.bits > 0, half - 1, 0)
        step, low, high = (channels(x, weight) for x in (self.step, low, high))
        return rounded(weight, step, low, high)

    def quantizer(self) -> Quantizer:
        return Quantizer(
            scale=self.step.detach().numpy(), bits=self.bits.numpy(), narrow=self.narrow
        )


class Conv(nn.Conv2d):
    """A convolution without bias whose weights are quantized."""

    def __init__(
        self,
        inputs: int,
        mixture: Mixture,
        kernel: int,
        *,
        narrow: bool = True,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        outputs, border = sum(mixture.values()), kernel // 2
        super().__init__(inputs, outputs, kernel, stride, border, groups=groups, bias=False)
        self.weights = Weights(mixture, narrow=narrow)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weights(self.weight)
        return functional.conv2d(x, weight, None, self.stride, self.padding, groups=self.groups)


class Dense(nn.Linear):
    """A dense layer whose weights are quantized, and with `bias_bits` its bias too.

    A quantized bias has the step of the sums of products: the input's times the weight's.
    """

    def __init__(
        self,
        inputs: int,
        mixture: Mixture,
        *,
        narrow: bool = True,
        bias: bool = True,
        bias_bits: int = 0,
        input_step: float = 1.0,
    ) -> None:
        super().__init__(inputs, sum(mixture.values()), bias=bias)
        self.weights = Weights(mixture, narrow=narrow)
        self.bias_bits, self.input_step = bias_bits, input_step

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weights(self.weight), self.quantized_bias())

    def quantized_bias(self) -> Tensor | None:
        if not (self.bias_bits and self.weights.on):
            return self.bias
        half = torch.tensor(2.0 ** (self.bias_bits - 1))
        return rounded(self.bias, self.weights.step * self.input_step, -half, half - 1)

    def bias_quantizer(self) -> Quantizer:
        step = (self.weights.step * self.input_step).detach().numpy()
        return Quantizer(scale=step, bits=self.bias_bits)


def floats(tensor: Tensor) -> NDArray[np.float32]:
    """The numbers of a parameter or of a result."""
    array: NDArray[np.float32] = tensor.detach().numpy()
    return array


def kernel(layer: Conv | Dense) -> NDArray[np.float32]:
    """The quantized weights of a layer as real numbers, on their grid."""
    return floats(layer.weights(layer.weight))


def norm_parameters(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> NormParameters:
    """What `Model.batch_norm` takes, by its names."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return {
        "scale": floats(norm.weight),
        "shift": floats(norm.bias),
        "mean": floats(norm.running_mean),
        "variance": floats(norm.running_var),
        "epsilon": norm.eps,
    }
