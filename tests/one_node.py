"""Models of one node, for tests of the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Array = Any
TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int16): TensorProto.INT16,
    np.dtype(np.uint16): TensorProto.UINT16,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int64): TensorProto.INT64,
}


def one_node(
    op: str,
    order: str,
    feeds: dict[str, Array],
    stored: dict[str, Array] | None = None,
    out: int = TensorProto.FLOAT,
    *,
    domain: str = "",
    opset: int = 17,
    outputs: tuple[str, ...] = ("y",),
    **attributes: Any,
) -> onnx.ModelProto:
    """`op` on the tensors that `order` lists; `feeds` are inputs, `stored` initializers.

    The last of `outputs` is the graph's.
    """
    names = ["" if n == "-" else n for n in order.split()]
    node = helper.make_node(op, names, list(outputs), name="node", domain=domain, **attributes)
    inputs = [
        helper.make_tensor_value_info(n, TYPES[a.dtype], list(a.shape)) for n, a in feeds.items()
    ]
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in (stored or {}).items()]
    result = [helper.make_tensor_value_info(outputs[-1], out, None)]
    graph = helper.make_graph([node], "graph", inputs, result, tensors)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    if domain not in ("", "com.microsoft"):
        imports.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def save(model: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def ort(model: onnx.ModelProto, feeds: dict[str, Array]) -> Array:
    """What onnxruntime computes, its graph left as it is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, feeds)[0]
