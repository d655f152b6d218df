"""Train the dense example and write model.onnx and inputs.npz beside this file.

Run in the root of the repository: `python -m examples.digits_mlp.train`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from examples.layers import Activation, Dense, floats, kernel, norm_parameters
from examples.training import Digits, learn, repeatable, report
from qcompile.export import Model, Tensor

FOLDER = Path(__file__).parent
PIXEL = 1 / 16  # the step of the images


class DigitsMlp(nn.Module):
    """Three dense layers: a quantized bias in the first, a batch norm after the second."""

    def __init__(self) -> None:
        super().__init__()
        self.input_act = Activation(8, signed=False, step=PIXEL)
        self.first = Dense(
            64, {0: 4, 2: 16, 4: 16, 8: 12}, narrow=False, bias_bits=16, input_step=PIXEL
        )
        self.first_act = Activation(4, signed=False)
        self.second = Dense(48, {0: 3, 2: 10, 4: 11, 8: 8}, narrow=False, bias=False)
        self.second_norm = nn.BatchNorm1d(32)
        self.second_act = Activation(8, signed=False)
        self.third = Dense(32, {4: 5, 8: 5}, narrow=False)
        self.output_act = Activation(8, signed=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.input_act(x.flatten(1))
        x = self.first_act(functional.relu(self.first(x)))
        x = self.second_act(functional.relu(self.second_norm(self.second(x))))
        scores: torch.Tensor = self.output_act(self.third(x))
        return scores


def export(net: DigitsMlp) -> Model:
    """The trained net as a QONNX graph."""
    model = Model("digits_mlp")

    def dense(x: Tensor, layer: Dense, name: str) -> Tensor:
        return model.dense(
            x,
            kernel(layer),
            layer.weights.quantizer(),
            bias=None if layer.bias is None else floats(layer.bias),
            bias_quantizer=layer.bias_quantizer() if layer.bias_bits else None,
            name=name,
        )

    x = model.input("input", (1, 64))
    x = model.quantize(x, net.input_act.quantizer(), name="input_act")
    x = model.relu(dense(x, net.first, "first"), name="first_relu")
    x = model.quantize(x, net.first_act.quantizer(), name="first_act")
    x = dense(x, net.second, "second")
    x = model.batch_norm(x, **norm_parameters(net.second_norm), name="second_norm")
    x = model.relu(x, name="second_relu")
    x = model.quantize(x, net.second_act.quantizer(), name="second_act")
    x = dense(x, net.third, "third")
    model.output(model.quantize(x, net.output_act.quantizer(), name="scores"))
    return model


def main() -> None:
    repeatable(seed=1)
    digits = Digits.load()
    net = DigitsMlp()
    float_right = learn(net, digits, {net.second: net.second_norm})
    export(net).save(FOLDER / "model.onnx")
    np.savez_compressed(
        FOLDER / "inputs.npz",
        input=digits.test_images.flatten(1).numpy(),
        labels=digits.test_labels.numpy(),
    )
    report(net, digits, FOLDER / "model.onnx", float_right, net.output_act.step.item())


if __name__ == "__main__":
    main()
