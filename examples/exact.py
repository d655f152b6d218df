"""What a small QONNX graph means, to the last bit: integers and 60-digit decimals, numpy only.

The training scripts measure with it what they wrote. It is slow and knows only what the examples
need, and it shares nothing with the compiler, which makes it a witness.

Sums of products are exact int64. Everything between such a sum and the next quantizer is done in
decimals of 60 digits from the stored float32 constants; a value that lies within 1e-40 of a tie is
taken as the tie, since only rational numbers of few digits come that close.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Ints = NDArray[np.int64]
Reals = NDArray[np.object_]  # of Decimal
Attributes = dict[str, Any]

decimal.getcontext().prec = 60
TIE = Decimal("1e-40")
ROUNDING = {
    "ROUND": decimal.ROUND_HALF_EVEN,
    "HALF_UP": decimal.ROUND_HALF_UP,
    "HALF_DOWN": decimal.ROUND_HALF_DOWN,
    "CEIL": decimal.ROUND_CEILING,
    "FLOOR": decimal.ROUND_FLOOR,
    "UP": decimal.ROUND_UP,
    "DOWN": decimal.ROUND_DOWN,
}


@dataclass(frozen=True, eq=False)
class Codes:
    """real = ints * scale; `ints` is code - zero point, `scale` broadcasts to it."""

    ints: Ints
    scale: Reals

    @property
    def reals(self) -> Reals:
        product: Reals = self.ints.astype(object) * self.scale
        return product

    @property
    def step(self) -> Decimal:
        """The scale of a tensor that has only one."""
        assert self.scale.size == 1, "one scale for the tensor"
        return Decimal(self.scale.item())


Value = Codes | Reals


def run(path: Path, images: NDArray[np.float32]) -> dict[str, Value]:
    """Every tensor of the graph by name, for `images` [N, ...] at its one input."""
    graph = onnx.load(path).graph
    values: dict[str, Value] = {
        t.name: decimals(numpy_helper.to_array(t)) for t in graph.initializer
    }
    values[graph.input[0].name] = decimals(images)
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        operands = [values[name] for name in node.input]
        values[node.output[0]] = OPERATORS[node.op_type](*operands, attributes)
    return values


def output_codes(path: Path, images: NDArray[np.float32]) -> Ints:
    """The codes of the graph's only output, which a quantizer makes, [N, ...]."""
    (output,) = onnx.load(path).graph.output
    result = run(path, images)[output.name]
    assert isinstance(result, Codes), "the graph ends in a quantizer"
    return result.ints


def decimals(array: NDArray[Any]) -> Reals:
    """Each float as the decimal number that it is."""
    flat = [Decimal(float(value)) for value in array.ravel()]
    return np.array(flat, dtype=object).reshape(array.shape)


def reals(x: Value) -> Reals:
    return x.reals if isinstance(x, Codes) else x


def quant(x: Value, scale: Reals, zero_point: Reals, bits: Reals, how: Attributes) -> Codes:
    """clip(round(x / scale + zero point)); 0 bits give 0, and 1 signed bit gives -1 or +1."""
    mode = ROUNDING[how["rounding_mode"].decode()]

    def code(value: Decimal, width: Decimal) -> int:
        value = value.quantize(TIE)
        if how["signed"] and width == 1:
            return 1 if value >= 0 else -1
        span, narrow = 1 << int(width), int(how["narrow"])
        low = narrow - span // 2 if how["signed"] else 0
        high = span // 2 - 1 if how["signed"] else span - 1 - narrow
        return min(max(int(value.to_integral_value(mode)), low), high)

    raw = np.frompyfunc(code, 2, 1)(reals(x) / scale + zero_point, bits)
    pruned = np.broadcast_to(bits == 0, raw.shape)
    ints = np.where(pruned, 0, np.asarray(raw - zero_point, dtype=object))
    return Codes(ints.astype(np.int64), scale)


def windows(x: Ints, how: Attributes, padding: int) -> Ints:
    """[N, C, positions..., taps] of x [N, C, ...], the border filled with `padding`."""
    kernel, pads = how["kernel_shape"], how["pads"]
    axes = len(kernel)
    dilations = how.get("dilations", [1] * axes)
    border = [(0, 0), (0, 0), *zip(pads[:axes], pads[axes:], strict=True)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    padded = np.pad(x, border, constant_values=padding)
    view = sliding_window_view(padded, reach, axis=tuple(range(2, 2 + axes)))
    steps = [slice(None), slice(None)]
    steps += [slice(None, None, step) for step in (*how["strides"], *dilations)]
    view = view[tuple(steps)]
    return view.reshape(*view.shape[: 2 + axes], prod(kernel))


def conv(x: Codes, weight: Codes, *rest: Any) -> Reals:
    *bias, how = rest
    groups = how["group"]
    outputs, inputs = weight.ints.shape[:2]
    taps = windows(x.ints, how, padding=0)
    taps = taps.reshape(len(taps), groups, inputs, *taps.shape[2:])
    kernel = weight.ints.reshape(groups, outputs // groups, inputs, -1)
    sums = np.einsum("ngc...k,gock->ngo...", taps, kernel)
    return weighted(sums.reshape(len(sums), outputs, *sums.shape[3:]), x, weight, bias)


def gemm(x: Codes, weight: Codes, *rest: Any) -> Reals:
    *bias, how = rest
    assert how["transB"] == 1, "the weight is [outputs, inputs]"
    return weighted(x.ints @ weight.ints.T, x, weight, bias)


def weighted(sums: Ints, x: Codes, weight: Codes, bias: list[Value]) -> Reals:
    """Sums of products of codes as real numbers: scales per output channel, then the bias."""
    shape = (1, -1, *[1] * (sums.ndim - 2))
    scale = weight.scale.reshape(-1)
    result: Reals = sums.astype(object) * (scale * x.step).reshape(shape if scale.size > 1 else ())
    return result + reals(bias[0]).reshape(shape) if bias else result


def batch_norm(x: Value, *rest: Any) -> Reals:
    *parameters, how = rest
    shape = (1, -1, *[1] * (reals(x).ndim - 2))
    scale, shift, mean, variance = (reals(p).reshape(shape) for p in parameters)
    deviation = np.frompyfunc(Decimal.sqrt, 1, 1)(variance + Decimal(float(how["epsilon"])))
    result: Reals = (reals(x) - mean) * (scale / deviation) + shift
    return result


def relu(x: Value, how: Attributes) -> Value:
    return Codes(np.maximum(x.ints, 0), x.scale) if isinstance(x, Codes) else np.maximum(x, 0)


def max_pool(x: Codes, how: Attributes) -> Codes:
    lowest = int(np.iinfo(np.int64).min)
    best = windows(x.ints, how, padding=lowest).max(axis=-1)
    assert x.step > 0, "the order of codes is the order of reals"
    return Codes(best, x.scale)


def average_pool(x: Codes, how: Attributes) -> Reals:
    sums = windows(x.ints, how, padding=0).sum(axis=-1)
    counts = windows(np.ones_like(x.ints), how, padding=how["count_include_pad"]).sum(axis=-1)
    mean: Reals = sums.astype(object) * x.step / counts.astype(object)
    return mean


def add(x: Value, y: Value, how: Attributes) -> Reals:
    result: Reals = reals(x) + reals(y)
    return result


def flatten(x: Value, how: Attributes) -> Value:
    if isinstance(x, Codes) and x.scale.size == 1:
        return Codes(x.ints.reshape(len(x.ints), -1), x.scale)
    return reals(x).reshape(len(reals(x)), -1)


OPERATORS: dict[str, Callable[..., Value]] = {
    "Add": add,
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "Flatten": flatten,
    "Gemm": gemm,
    "MaxPool": max_pool,
    "Quant": quant,
    "Relu": relu,
}
