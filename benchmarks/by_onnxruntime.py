"""QDQ and QOperator models against onnxruntime, layer by layer.

Each layer of the oracle is fed with onnxruntime's own codes of the layers before it. Integer
operators must give onnxruntime's codes. A QuantizeLinear after float32 arithmetic may be off by
one where the exact value lies within 2^-10 of a code from the boundary between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks import onnxruntime_session
from benchmarks.forced import evaluate_forced, integers, nearest
from benchmarks.tally import Tally, explained
from qcompile.simulate import feed, prepared
from qcompile.source import Source

Array = NDArray[Any]

NEAR = 2.0**-10  # of a code

INTEGER_OPS = (
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "QLinearAdd",
    "QLinearMul",
    "QLinearAveragePool",
    "QLinearGlobalAveragePool",
    "QLinearConcat",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "ConvInteger",
    "MatMulInteger",
)


@dataclass(frozen=True)
class Layer:
    """A tensor of codes, and the real tensor that it rounds, where float32 made that."""

    y: str
    x: str | None
    scale: str | None = None
    axis: int = 1


def layers(model: onnx.ModelProto) -> list[Layer]:
    """All tensors of codes in the order of the file."""
    found = []
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            found.append(Layer(node.output[0], node.input[0], node.input[1], axis))
        elif node.op_type in INTEGER_OPS:
            found.append(Layer(node.output[0], None))
    return found


def compare(source: Source, path: Path, samples: Array) -> Tally:
    """The codes of every layer on `samples`."""
    model = onnx.load(str(path))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    found = [layer for layer in layers(model) if layer.y in source.tensors]
    arrays = prepared(source, samples)
    ((name, array),) = arrays.items()
    codes = onnxruntime_session.run(path, name, array, [layer.y for layer in found])
    given = {source.tensors[layer.y]: integers(codes[layer.y]) for layer in found}
    reals = {source.tensors[layer.x] for layer in found if layer.x}
    feeds = {n: feed(source.graph[n], a) for n, a in arrays.items()}
    computed = evaluate_forced(source.graph, feeds, given, reals | given.keys())
    tally = Tally()
    for layer in found:
        y = source.tensors[layer.y]
        reference = codes[layer.y].astype(np.float64)
        own = np.broadcast_to(nearest(computed[y]), reference.shape)
        wrong = own != reference
        left = int(wrong.sum())
        if left and layer.x and layer.scale:
            x = source.tensors[layer.x]
            value = np.broadcast_to(nearest(computed[x]), wrong.shape)
            reach = np.broadcast_to(NEAR * shaped(stored[layer.scale], layer, value), wrong.shape)
            fine = explained(source.graph, x, y, value, reach, reference)
            left = int((wrong & ~(fine & (np.abs(own - reference) == 1))).sum())
        tally.add(layer.y, own.size, int(wrong.sum()), left)
    return tally


def shaped(scale: Array, layer: Layer, value: Array) -> Array:
    """Scales along the layer's axis, against [samples, *shape]."""
    if scale.size == 1:
        return scale.reshape(())
    rank = value.ndim - 1
    return scale.reshape([-1 if i == layer.axis % rank else 1 for i in range(rank)])
