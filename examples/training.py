"""Training, as the examples share it: the data, the loop, what is printed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from examples import exact
from examples.layers import Activation, Conv, Dense, floats

Norms = dict[Conv | Dense, nn.BatchNorm1d | nn.BatchNorm2d]  # the norm after a layer


@dataclass(frozen=True, eq=False)
class Digits:
    """1,437 images to learn from and 360 to test with: [N, 1, 8, 8], 0 to 1 in steps of 1/16."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @classmethod
    def load(cls) -> Digits:
        pixels, labels = load_digits(return_X_y=True)
        images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
        parts = train_test_split(images, labels, test_size=360, stratify=labels, random_state=0)
        train, test, train_labels, test_labels = (torch.from_numpy(part) for part in parts)
        return cls(train, train_labels, test, test_labels)


def repeatable(seed: int) -> None:
    """The same run every time on the same machine."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def batches(digits: Digits, size: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
    """All training images once, in a random order."""
    for index in torch.split(torch.randperm(len(digits.images)), size):
        yield digits.images[index], digits.labels[index]


def train(net: nn.Module, digits: Digits, *, epochs: int, rate: float) -> None:
    """Adam with a rate that falls as a cosine; batch norms stand still in the last quarter.

    So the statistics that are exported are the ones that the weights have been trained with.
    """
    parameters = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(epochs):
        net.train()
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) and epoch >= epochs * 3 // 4:
                module.eval()
        for images, labels in batches(digits):
            loss = functional.cross_entropy(net(images), labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    net.eval()


def switch_on(net: nn.Module, digits: Digits, norms: Norms) -> None:
    """Quantize all layers and activations of a trained net, from what the training images show.

    A channel is as important as its factor in the batch norm that follows (`norms`), or as its
    weights where there is none.
    """
    with torch.no_grad():
        net(digits.images)
        for module in net.modules():
            if isinstance(module, Activation):
                module.switch_on(module.seen)
            if isinstance(module, Conv | Dense):
                size = module.weight.flatten(1).norm(dim=1)
                factor = norms[module].weight.abs() if module in norms else size
                module.weights.switch_on(module.weight, importance=factor)


def correct(scores: NDArray[np.generic] | Tensor, labels: Tensor) -> int:
    """How many of the images have their largest score at the label; the first of equals counts."""
    return int((np.argmax(np.asarray(scores), axis=1) == labels.numpy()).sum())


def learn(net: nn.Module, digits: Digits, norms: Norms) -> int:
    """Train in floats, then quantized; how many test images the float network gets right."""
    train(net, digits, epochs=60, rate=4e-3)
    with torch.no_grad():
        right = correct(net(digits.test_images), digits.test_labels)
    switch_on(net, digits, norms)
    train(net, digits, epochs=80, rate=3e-3)
    return right


def report(net: nn.Module, digits: Digits, path: Path, float_right: int, step: float) -> None:
    """Print the test accuracy of the float network, the quantized one and the written file.

    `step` is the one of the output quantizer.
    """
    total = len(digits.test_labels)
    graph_input = np.load(path.parent / "inputs.npz")["input"]
    codes = exact.output_codes(path, graph_input)
    with torch.no_grad():
        trained = net(digits.test_images)
    different = int((np.rint(floats(trained) / step) != codes).sum())
    rows = {
        "float": float_right,
        "quantized, in training": correct(trained, digits.test_labels),
        "model.onnx, exact": correct(codes, digits.test_labels),
    }
    for name, right in rows.items():
        print(f"{name:24} {right} of {total} = {100 * right / total:.2f} %")
    print(
        f"{different} of {codes.size} output codes differ between the last two (float32 rounding)"
    )
