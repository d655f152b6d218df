"""Train the convolutional example and write model.onnx and inputs.npz beside this file.

Run in the root of the repository: `python -m examples.digits_cnn.train`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from examples.layers import Activation, Conv, Dense, floats, kernel, norm_parameters
from examples.training import Digits, Norms, learn, repeatable, report
from qcompile.export import Model, Tensor

FOLDER = Path(__file__).parent


class DigitsCnn(nn.Module):
    """A stem, a residual block (depthwise, pointwise), a strided layer and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.input_act = Activation(5, signed=False, step=1 / 16)
        self.stem = Conv(1, {0: 1, 2: 4, 4: 5, 8: 6}, 3)
        self.stem_norm = nn.BatchNorm2d(16)
        self.stem_act = Activation(8, signed=False)
        self.depthwise = Conv(16, {0: 2, 2: 4, 4: 6, 8: 4}, 3, groups=16)
        self.depthwise_norm = nn.BatchNorm2d(16)
        self.depthwise_act = Activation(4, signed=False)
        self.pointwise = Conv(16, {0: 1, 2: 5, 4: 6, 8: 4}, 1)
        self.pointwise_norm = nn.BatchNorm2d(16)
        self.pointwise_act = Activation(8, signed=True)
        self.sum_act = Activation(8, signed=False)
        self.down = Conv(16, {0: 3, 2: 9, 4: 8, 8: 4}, 3, stride=2)
        self.down_norm = nn.BatchNorm2d(24)
        self.down_act = Activation(4, signed=False)
        self.mean_act = Activation(8, signed=False)
        self.classifier = Dense(96, {4: 6, 8: 4})
        self.output_act = Activation(8, signed=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.input_act(x)
        skip = self.stem_act(functional.relu(self.stem_norm(self.stem(x))))
        x = self.depthwise_act(functional.relu(self.depthwise_norm(self.depthwise(skip))))
        x = self.pointwise_act(self.pointwise_norm(self.pointwise(x)))
        x = self.sum_act(functional.relu(x + skip))
        x = self.down_act(functional.relu(self.down_norm(self.down(x))))
        x = self.mean_act(functional.avg_pool2d(x, 2))
        scores: torch.Tensor = self.output_act(self.classifier(x.flatten(1)))
        return scores

    def norms(self) -> Norms:
        return {
            self.stem: self.stem_norm,
            self.depthwise: self.depthwise_norm,
            self.pointwise: self.pointwise_norm,
            self.down: self.down_norm,
        }


def conv_norm(model: Model, x: Tensor, layer: Conv, norm: nn.BatchNorm2d, name: str) -> Tensor:
    """A convolution and its batch norm, as two nodes."""
    border, stride = int(layer.padding[0]), layer.stride[0]
    y = model.conv(
        x,
        kernel(layer),
        layer.weights.quantizer(),
        strides=(stride, stride),
        pads=(border,) * 4,
        groups=layer.groups,
        name=name,
    )
    return model.batch_norm(y, **norm_parameters(norm), name=f"{name}_norm")


def export(net: DigitsCnn) -> Model:
    """The trained net as a QONNX graph."""
    model = Model("digits_cnn")

    def act(x: Tensor, by: Activation, name: str) -> Tensor:
        return model.quantize(x, by.quantizer(), name=f"{name}_act")

    x = act(model.input("input", (1, 1, 8, 8)), net.input_act, "input")
    x = conv_norm(model, x, net.stem, net.stem_norm, "stem")
    skip = act(model.relu(x, name="stem_relu"), net.stem_act, "stem")
    x = conv_norm(model, skip, net.depthwise, net.depthwise_norm, "depthwise")
    x = act(model.relu(x, name="depthwise_relu"), net.depthwise_act, "depthwise")
    x = conv_norm(model, x, net.pointwise, net.pointwise_norm, "pointwise")
    x = model.add(act(x, net.pointwise_act, "pointwise"), skip, name="sum")
    x = act(model.relu(x, name="sum_relu"), net.sum_act, "sum")
    x = conv_norm(model, x, net.down, net.down_norm, "down")
    x = act(model.relu(x, name="down_relu"), net.down_act, "down")
    x = act(model.average_pool(x, (2, 2), name="mean"), net.mean_act, "mean")
    x = model.flatten(x, name="features")
    layer = net.classifier
    x = model.dense(
        x, kernel(layer), layer.weights.quantizer(), bias=floats(layer.bias), name="classifier"
    )
    model.output(model.quantize(x, net.output_act.quantizer(), name="scores"))
    return model


def main() -> None:
    repeatable(seed=1)
    digits = Digits.load()
    net = DigitsCnn()
    float_right = learn(net, digits, net.norms())
    export(net).save(FOLDER / "model.onnx")
    np.savez_compressed(
        FOLDER / "inputs.npz",
        input=digits.test_images.numpy(),
        labels=digits.test_labels.numpy(),
    )
    report(net, digits, FOLDER / "model.onnx", float_right, net.output_act.step.item())


if __name__ == "__main__":
    main()
