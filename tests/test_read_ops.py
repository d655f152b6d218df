"""Every ONNX op that is read means what onnxruntime computes: equal, on integers and all codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from one_node import TYPES, one_node, ort, save
from qcompile.read import read
from zoo import evaluated

Array = Any
F32 = np.float32


def integers(*shape: int, most: int = 100, seed: int = 0) -> Array:
    """Integers as float32, so that sums and products in float32 are exact."""
    return np.random.default_rng(seed).integers(-most, most + 1, shape).astype(F32)


def vector(*values: int) -> Array:
    return np.array(values, np.int64)


X = {"x": integers(1, 4, 6, 5)}
W = integers(6, 2, 3, 3, most=9, seed=1)
ROW = {"x": integers(1, 12)}

CASES: dict[str, tuple[str, str, dict[str, Array], dict[str, Array], dict[str, Any]]] = {
    "conv": (
        "Conv", "x w b", X, {"w": W, "b": integers(6)},
        {"group": 2, "pads": [0, 1, 2, 0], "strides": [2, 1], "dilations": [1, 2]},
    ),
    "conv_same_upper": ("Conv", "x w", X, {"w": W}, {"group": 2, "auto_pad": "SAME_UPPER"}),
    "conv_same_lower": (
        "Conv", "x w", X, {"w": W[:, :, :2, :2].copy()},
        {"group": 2, "auto_pad": "SAME_LOWER", "strides": [2, 3]},
    ),
    "conv_1d": (
        "Conv", "x w", {"x": integers(1, 3, 9)}, {"w": integers(2, 3, 4, most=5)},
        {"pads": [3, 1], "strides": [2]},
    ),
    "conv_transpose": (
        "ConvTranspose", "x w b", X, {"w": integers(4, 3, 3, 2, most=5), "b": integers(6)},
        {"group": 2, "strides": [3, 2], "pads": [1, 0, 2, 1], "output_padding": [1, 0]},
    ),
    "conv_transpose_dilated": (
        "ConvTranspose", "x w", X, {"w": integers(4, 2, 2, 2, most=5)},
        {"dilations": [2, 1], "pads": [3, 2, 1, 0]},
    ),
    "gemm": (
        "Gemm", "x w c", ROW, {"w": integers(5, 12, most=9), "c": integers(5)},
        {"transB": 1, "alpha": 0.5, "beta": 2.0},
    ),
    "matmul_vector": ("MatMul", "x w", {"x": integers(3, 2, 4)}, {"w": integers(4)}, {}),
    "matmul_batch": ("MatMul", "x w", {"x": integers(3, 2, 4)}, {"w": integers(3, 4, 2)}, {}),
    "max_pool": (
        "MaxPool", "x", X, {},
        {"kernel_shape": [3, 2], "pads": [1, 0, 2, 1], "strides": [2, 1], "dilations": [1, 2]},
    ),
    "max_pool_ceil": (
        "MaxPool", "x", X, {}, {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    ),
    "average_pool": (
        "AveragePool", "x", {"x": 720 * X["x"]}, {},
        {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 2]},
    ),
    "average_pool_counted": (
        "AveragePool", "x", X, {},
        {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "global_average_pool": ("GlobalAveragePool", "x", {"x": 30 * X["x"]}, {}, {}),
    "global_max_pool": ("GlobalMaxPool", "x", X, {}, {}),
    "reduce_mean": ("ReduceMean", "x", {"x": 24 * X["x"]}, {}, {"axes": [1, -2], "keepdims": 0}),
    "reduce_sum": ("ReduceSum", "x a", X, {"a": vector(1, 3)}, {}),
    "reduce_max": ("ReduceMax", "x", X, {}, {"axes": [2, 3], "keepdims": 0}),
    "relu": ("Relu", "x", X, {}, {}),
    "clip": ("Clip", "x lo hi", X, {"lo": F32(-3), "hi": F32(6)}, {}),
    "clip_above": ("Clip", "x - hi", X, {"hi": F32(6)}, {}),
    "leaky_relu": ("LeakyRelu", "x", X, {}, {"alpha": 0.125}),
    "prelu": ("PRelu", "x s", X, {"s": np.array([0.5, 0.25, 0, 2], F32).reshape(4, 1, 1)}, {}),
    "hard_sigmoid": ("HardSigmoid", "x", X, {}, {"alpha": 0.25, "beta": 0.5}),
    "floor": ("Floor", "x", {"x": X["x"] / 8}, {}, {}),
    "round": ("Round", "x", {"x": X["x"] / 8}, {}, {}),
    "power": ("Pow", "x e", X, {"e": F32(2)}, {}),
    "sub": ("Sub", "c x", X, {"c": integers(4, 1, 1)}, {}),
    "div": ("Div", "x c", {"x": 64 * X["x"]}, {"c": F32(64)}, {}),
    "minimum": ("Min", "x c", X, {"c": integers(5)}, {}),
    "batch_normalization": (
        "BatchNormalization", "x s b m v", X,
        {"s": F32([2, 1, 4, 3]), "b": F32([1, 2, 3, 4]), "m": F32([0, 1, -2, 5]),
         "v": F32([3.75, 0, 15.75, 63.75])},
        {"epsilon": 0.25},
    ),
    "transpose": ("Transpose", "x", X, {}, {"perm": [0, 2, 3, 1]}),
    "reshape": ("Reshape", "x s", X, {"s": vector(0, -1, 10)}, {}),
    "flatten": ("Flatten", "x", X, {}, {"axis": -2}),
    "squeeze": ("Squeeze", "x a", {"x": integers(1, 1, 3, 1)}, {"a": vector(1, -1)}, {}),
    "unsqueeze": ("Unsqueeze", "x a", X, {"a": vector(0, -1)}, {}),
    "concat": ("Concat", "x c", X, {"c": integers(1, 2, 6, 5)}, {"axis": 1}),
    "expand": ("Expand", "x s", {"x": integers(1, 4, 1)}, {"s": vector(2, 1, 1, 3)}, {}),
    "tile": ("Tile", "x r", {"x": integers(1, 2, 3)}, {"r": vector(2, 1, 3)}, {}),
    "gather": ("Gather", "x i", X, {"i": np.array([[0, -1], [2, 2]])}, {"axis": 2}),
    "gather_scalar": ("Gather", "x i", X, {"i": np.array(1)}, {"axis": 1}),
    "gather_elements": (
        "GatherElements", "x i", {"x": integers(1, 4, 3)}, {"i": np.array([[[3, 0, -2]]])},
        {"axis": 1},
    ),
    "slice": (
        "Slice", "x s e a t", X,
        {"s": vector(-2, 5), "e": vector(99, -(2**62)), "a": vector(1, -2), "t": vector(1, -2)},
        {},
    ),
    "pad_constant": (
        "Pad", "x p v", X, {"p": vector(0, 0, 1, 2, 0, 0, 0, 1), "v": F32(7)}, {},
    ),
    "pad_negative": ("Pad", "x p", X, {"p": vector(0, -1, 1, 0, 0, 0, -2, 1)}, {}),
    "pad_reflect": ("Pad", "x p", X, {"p": vector(0, 0, 3, 4, 0, 0, 5, 1)}, {"mode": "reflect"}),
    "pad_edge": ("Pad", "x p", X, {"p": vector(0, 1, 3, 4, 0, 0, 9, 1)}, {"mode": "edge"}),
    "depth_to_space": ("DepthToSpace", "x", X, {}, {"blocksize": 2}),
    "depth_to_space_crd": ("DepthToSpace", "x", X, {}, {"blocksize": 2, "mode": "CRD"}),
    "space_to_depth": ("SpaceToDepth", "x", {"x": integers(1, 3, 4, 6)}, {}, {"blocksize": 2}),
    "arg_max": ("ArgMax", "x", ROW, {}, {"axis": 1, "keepdims": 0}),
    "arg_min_last": ("ArgMin", "x", {"x": integers(1, 9, most=1)}, {},
                     {"axis": -1, "select_last_index": 1}),
    "dropout": ("Dropout", "x", X, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_equals_onnxruntime(case: str, tmp_path: Path) -> None:
    op, order, feeds, stored, attributes = CASES[case]
    out = TensorProto.INT64 if op.startswith("Arg") else TensorProto.FLOAT
    model = one_node(op, order, feeds, stored, out, **attributes)
    inputs = {"x": "fixed<32,24>"}  # dialects aside: any number may arrive
    source = read(save(model, tmp_path), inputs=inputs)
    found = evaluated(source, list(feeds.values()))["y"]
    np.testing.assert_array_equal(found.reshape(source.outputs[0].shape), ort(model, feeds))


PLACES = ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("near", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
def test_resize_nearest(place: str, near: str, tmp_path: Path) -> None:
    how = {"mode": "nearest", "coordinate_transformation_mode": place, "nearest_mode": near}
    for stored, order in (
        ({"s": F32([1, 1, 2, 0.5])}, "x - s"),
        ({"z": vector(1, 4, 8, 3)}, "x - - z"),
    ):
        feeds = {"x": integers(1, 4, 4, 6)}
        model = one_node("Resize", order, feeds, stored, **how)
        source = read(save(model, tmp_path))
        found = evaluated(source, [feeds["x"]])["y"]
        np.testing.assert_array_equal(found[0], ort(model, feeds))


def test_upsample_and_old_attributes(tmp_path: Path) -> None:
    """What newer opsets have as inputs, older ones have as attributes."""
    cases: list[tuple[str, int, dict[str, Any]]] = [
        ("Upsample", 7, {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "nearest"}),
        ("Clip", 6, {"min": -2.0, "max": 3.0}),
        ("Slice", 9, {"starts": [1, -3], "ends": [4, 9], "axes": [1, 2]}),
        ("Pad", 9, {"pads": [0, 0, 1, 1, 0, 0, 2, 0], "value": 5.0}),
        ("Unsqueeze", 9, {"axes": [0, 3]}),
        ("Squeeze", 9, {"axes": [0]}),
        ("ReduceSum", 9, {"axes": [-1]}),
    ]
    for op, opset, attributes in cases:
        model = one_node(op, "x", X, opset=opset, **attributes)
        found = evaluated(read(save(model, tmp_path)), [X["x"]])["y"]
        np.testing.assert_array_equal(found.reshape(ort(model, X).shape), ort(model, X), op)


def test_split_and_top_k(tmp_path: Path) -> None:
    feeds = {"x": integers(1, 7, 2)}
    for last, sizes in ((1, [3, 4]), (2, [1, 4, 2])):
        names = tuple(f"part{i}" for i in range(last + 1))
        stored = {"s": vector(*sizes)}
        model = one_node("Split", "x s", feeds, stored, outputs=names, axis=1)
        found = evaluated(read(save(model, tmp_path)), [feeds["x"]])[names[-1]]
        np.testing.assert_array_equal(found[0], ort(model, feeds))
    row = {"x": integers(1, 9)}
    names = ("values", "places")
    model = one_node("TopK", "x k", row, {"k": vector(3)}, TensorProto.INT64, outputs=names)
    found = evaluated(read(save(model, tmp_path)), [row["x"]])["places"]
    np.testing.assert_array_equal(found[0], ort(model, row))


def test_softmax_before_and_after_opset_13(tmp_path: Path) -> None:
    """As the last node of a graph, in float64: near what onnxruntime computes in float32."""
    feeds = {"x": integers(1, 3, 4, most=3)}
    for opset in (11, 13):
        node = one_node("Softmax", "x", feeds, opset=opset, axis=1)
        quantized = one_node("Round", "x", feeds)  # an exporter's quantizer, so that it is read
        node.graph.node.insert(0, quantized.graph.node[0])
        node.graph.node[0].name = "quantizer"
        node.graph.node[0].output[0] = node.graph.node[1].input[0] = "rounded"
        found = evaluated(read(save(node, tmp_path)), [feeds["x"]])["y"][0]
        np.testing.assert_allclose(found, ort(node, feeds), rtol=1e-5, atol=1e-7)


# Integer types: onnxruntime's arithmetic wraps and truncates.


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("dtype", [np.int32, np.int8, np.uint8])
def test_integer_arithmetic(op: str, dtype: Any, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    random = np.random.default_rng(3)
    x = random.integers(info.min, info.max, (1, 500), dtype=dtype, endpoint=True)
    y = random.integers(info.min, info.max, (1, 500), dtype=dtype, endpoint=True)
    y[(y == 0) | (y == dtype(-1 if info.min else 1))] = 7
    model = one_node(op, "x c", {"x": x}, {"c": y}, TYPES[np.dtype(dtype)])
    found = evaluated(read(save(model, tmp_path)), [x])["y"]
    np.testing.assert_array_equal(found[0], ort(model, {"x": x}))


def test_cast_truncates(tmp_path: Path) -> None:
    x = {"x": np.array([[-2.75, -0.5, 0.5, 1.999, 127.0]], F32)}
    model = one_node("Cast", "x", x, {}, TensorProto.INT8, to=TensorProto.INT8)
    source = read(save(model, tmp_path), inputs={"x": "fixed<32,16>"})
    np.testing.assert_array_equal(evaluated(source, [x["x"]])["y"][0], ort(model, x))
    assert source.outputs[0].dtype == np.int8
