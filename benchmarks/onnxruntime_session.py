"""onnxruntime with graph optimisations off, and any tensor as an output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

Array = NDArray[Any]

NEWEST_OPSET, NEWEST_IR = 25, 10  # that this onnxruntime reads


def capped(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose versions this onnxruntime knows."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(copy.ir_version, NEWEST_IR)
    for opset in copy.opset_import:
        if opset.domain in ("", "ai.onnx"):
            opset.version = min(opset.version, NEWEST_OPSET)
    return copy


def run(path: Path, name: str, samples: Array, tensors: Sequence[str]) -> dict[str, Array]:
    """The tensors [samples, *shape], each sample run alone; `samples` [samples, *declared]."""
    model = capped(onnx.load(str(path)))
    outputs = {o.name for o in model.graph.output}
    for tensor in tensors:
        if tensor not in outputs:
            model.graph.output.append(onnx.ValueInfoProto(name=tensor))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = [session.run(list(tensors), {name: sample}) for sample in samples]
    return {t: np.stack([f[i] for f in found]) for i, t in enumerate(tensors)}
