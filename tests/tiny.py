"""Small networks that tests write with `qcompile.export`, and codes for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from qcompile.export import Model, Quantizer

Floats = Any


def noise(seed: int, *shape: int) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def mlp(folder: Path, name: str = "tiny") -> Path:
    """12 inputs, 6 hidden with bits of their own, 3 outputs that nothing quantizes."""
    model = Model(name)
    x = model.quantize(model.input("x", (1, 12)), Quantizer(scale=1 / 16, bits=6))
    weights = Quantizer(scale=np.linspace(0.1, 0.3, 6), bits=[8, 4, 2, 3, 0, 5])
    x = model.dense(x, noise(1, 6, 12), weights, bias=noise(2, 6), name="hidden")
    x = model.quantize(model.relu(x), Quantizer(scale=0.25, bits=4, signed=False), name="act")
    x = model.dense(x, noise(3, 3, 6), Quantizer(scale=0.125, bits=4), name="scores")
    model.output(x)
    path = folder / f"{name}.onnx"
    model.save(path)
    return path


def cnn(folder: Path, name: str = "image") -> Path:
    """A padded convolution, a residual Add, a pooling, a dense layer with a quantized output."""
    model = Model(name)
    x = model.quantize(model.input("x", (1, 2, 6, 6)), Quantizer(scale=1 / 8, bits=5))
    y = model.conv(x, noise(4, 4, 2, 3, 3), Quantizer(scale=0.2, bits=[8, 4, 2, 1]), pads=(1,) * 4)
    y = model.quantize(model.relu(y), Quantizer(scale=0.3, bits=4, signed=False))
    z = model.conv(y, noise(5, 4, 4, 1, 1), Quantizer(scale=0.1, bits=4))
    z = model.quantize(z, Quantizer(scale=0.15, bits=6))
    y = model.quantize(model.add(y, z), Quantizer(scale=0.4, bits=5), name="join")
    y = model.flatten(model.average_pool(y, (3, 3)))
    y = model.dense(y, noise(6, 5, 16), Quantizer(scale=0.1, bits=5), bias=noise(7, 5))
    y = model.quantize(y, Quantizer(scale=0.5, bits=8), name="y")
    model.output(y)
    path = folder / f"{name}.onnx"
    model.save(path)
    return path
