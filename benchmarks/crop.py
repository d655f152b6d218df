"""Spatially huge networks on a smaller image: the same graph with a smaller declared input."""

from __future__ import annotations

from pathlib import Path

import onnx

CROPS = {  # the declared shape that replaces the input's own
    "hls4ml_example_models/branched_model_ch_last.onnx": (1, 32, 32, 3),
    "hls4ml_example_models/separable_conv_model_ch_last.onnx": (1, 24, 24, 3),
    "qonnx_tests/espcn_subpixel_quant.onnx": (1, 3, 16, 16),
}


def cropped(path: Path, shape: tuple[int, ...], folder: Path) -> Path:
    """A copy of the model in `folder` whose only input has `shape`.

    Declared shapes of other tensors are left out, for they follow from it.
    """
    model = onnx.load(str(path))
    graph = model.graph
    stored = {t.name for t in graph.initializer}
    (value,) = (v for v in graph.input if v.name not in stored)
    dims = value.type.tensor_type.shape.dim
    assert len(dims) == len(shape), f"{path.name} takes {len(dims)} axes"
    for dim, size in zip(dims, shape, strict=True):
        dim.dim_value = size
    del graph.value_info[:]
    for output in graph.output:
        for axis, dim in enumerate(output.type.tensor_type.shape.dim):
            dim.dim_param = f"{output.name}_{axis}"
    target = folder / path.name
    onnx.save(model, str(target))
    return target
