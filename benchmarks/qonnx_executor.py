"""Every tensor as the `qonnx` package's executor computes it, in float32, sample by sample."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.channels_last import base_wrapped_op
from qonnx.custom_op.general import intquant
from qonnx.transformation.infer_shapes import InferShapes

Array = NDArray[Any]

NEWEST_IR = 10  # that this onnxruntime reads, whatever this onnx writes
CHANNELS_LAST = "qonnx.custom_op.channels_last"


def prepared(path: Path) -> ModelWrapper:
    """The model with all shapes, and with the import that channels-last MaxPool needs."""
    with quiet():
        return ModelWrapper(with_imports(path)).transform(InferShapes())


@contextmanager
def quiet() -> Iterator[None]:
    """Without the executor's warnings about its own habits."""
    onnxruntime.set_default_logger_severity(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def with_imports(path: Path) -> onnx.ModelProto:
    proto = onnx.load(str(path))
    domains = {o.domain for o in proto.opset_import}
    if any(n.domain == CHANNELS_LAST for n in proto.graph.node) and CHANNELS_LAST not in domains:
        proto.opset_import.append(onnx.helper.make_opsetid(CHANNELS_LAST, 14))
    for value in proto.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                dim.dim_value = 1
    for output in proto.graph.output:
        if any(not d.HasField("dim_value") for d in output.type.tensor_type.shape.dim):
            output.type.tensor_type.ClearField("shape")
    return proto


def run(model: ModelWrapper, name: str, samples: Array, keep: set[str]) -> dict[str, Array]:
    """The tensors `keep`, [samples, *shape]; those that no input reaches have one sample."""
    parts: dict[str, list[Array]] = {}
    with limits_lifted(), quiet():
        for sample in samples:
            context = onnx_exec.execute_onnx(model, {name: sample}, True)
            for tensor in keep & context.keys():
                parts.setdefault(tensor, []).append(np.array(context[tensor]))
    return {tensor: np.stack(found) for tensor, found in parts.items()}


@contextmanager
def limits_lifted() -> Iterator[None]:
    """Around three limits of the executor: one bit-width a node, newer files than onnxruntime
    reads, and tensors rounded to their annotated type."""
    quant, make = intquant.int_quant, onnx_exec.qonnx_make_model

    def older(*args: Any, **kwargs: Any) -> onnx.ModelProto:
        model: onnx.ModelProto = make(*args, **kwargs)
        model.ir_version = min(model.ir_version, NEWEST_IR)
        return model

    modules = (onnx_exec, base_wrapped_op)
    os.environ["SANITIZE_QUANT_TENSORS"] = "0"
    intquant.int_quant = by_width(quant)
    for module in modules:
        module.qonnx_make_model = older
    try:
        yield
    finally:
        del os.environ["SANITIZE_QUANT_TENSORS"]
        intquant.int_quant = quant
        for module in modules:
            module.qonnx_make_model = make


def by_width(quant: Callable[..., Array]) -> Callable[..., Array]:
    """The executor's own quantizer, called once for each bit-width; channels of 0 bits are 0."""

    def wrapped(x: Array, scale: Array, zero_point: Array, bits: Array, *how: Any) -> Array:
        if np.size(bits) == 1:
            return quant(x, scale, zero_point, np.asarray(bits).reshape(()), *how)
        wide = [np.broadcast_to(a, x.shape) for a in (scale, zero_point, bits)]
        out = np.zeros(x.shape, np.float32)
        for width in np.unique(wide[2]):
            here = wide[2] == width
            if width > 0:
                out[here] = quant(x[here], wide[0][here], wide[1][here], width, *how)
        return out

    return wrapped
