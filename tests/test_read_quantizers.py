"""Quantizers: QONNX as the qonnx package rounds, QDQ and QOperator as onnxruntime does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant
from qonnx.custom_op.general.multithreshold import multithreshold
from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

from one_node import TYPES, one_node, ort, save
from qcompile.read import read
from qcompile.source import Semantics
from zoo import evaluated

Array = Any
F32 = np.float32
MODES = ["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "half_down"]
DOMAINS = ["", "onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"]
SWEEP = (np.arange(-400, 401) / 32).astype(F32).reshape(1, -1)  # ties of every kind among them


def quantized(tmp_path: Path, stored: dict[str, Array], op: str = "Quant", **how: Any) -> Array:
    """A QONNX node on SWEEP; its other inputs are `stored`, in that order."""
    domain = how.pop("domain", "qonnx.custom_op.general")
    order = " ".join(["x", *stored])
    model = one_node(op, order, {"x": SWEEP}, stored, domain=domain, **how)
    source = read(save(model, tmp_path))
    return evaluated(source, [SWEEP])["y"][0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("zero", [0, 3])
def test_quant_rounds_like_qonnx(mode: str, zero: int, tmp_path: Path) -> None:
    """Power-of-two scales, so that the reference's floats are exact."""
    for bits, signed, narrow in [(1, 0, 0), (1, 1, 1), (2, 1, 1), (3, 1, 0), (5, 0, 1), (8, 1, 0)]:
        stored = {"s": F32(0.25), "z": F32(zero), "b": F32(bits)}
        found = quantized(tmp_path, stored, signed=signed, narrow=narrow, rounding_mode=mode)
        wanted = int_quant(SWEEP, F32(0.25), F32(zero), np.array(bits), signed, narrow, mode)
        np.testing.assert_array_equal(found, wanted, f"{bits} bits, signed {signed}")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_quant_under_every_domain(domain: str, op: str, tmp_path: Path) -> None:
    stored = {"s": F32(0.5), "z": np.int64(0), "b": np.int64(4)}
    found = quantized(tmp_path, stored, op, domain=domain, signed=1, narrow=0)
    wanted = int_quant(SWEEP, F32(0.5), F32(0), np.array(4), 1, 0, "ROUND")
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("signed", [0, 1])
def test_quant_with_a_width_for_each_channel(signed: int, tmp_path: Path) -> None:
    """0-bit channels are 0, signed 1-bit ones bipolar, whatever their neighbours are."""
    bits = np.arange(SWEEP.size, dtype=np.int64).reshape(1, -1) % 9
    scale = (2.0 ** (bits % 4 - 3)).astype(F32)
    stored = {"s": scale, "z": F32(0), "b": bits.astype(F32)}
    found = quantized(tmp_path, stored, signed=signed, narrow=0, rounding_mode="FLOOR")
    for width in range(9):
        here = bits == width
        wanted = 0 * SWEEP[here]
        if width:
            zero = F32(0)
            args = (SWEEP[here], scale[here], zero, np.array(width), signed, 0, "FLOOR")
            wanted = int_quant(*args)
        np.testing.assert_array_equal(found[here], wanted, f"{width} bits")


def test_bipolar_quant(tmp_path: Path) -> None:
    found = quantized(tmp_path, {"s": F32(0.75)}, "BipolarQuant")
    np.testing.assert_array_equal(found, binary_quant(SWEEP, F32(0.75)))


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
def test_trunc_of_both_versions(mode: str, tmp_path: Path) -> None:
    scale, zero = F32(0.25), F32(4)
    first = {"s": scale, "z": zero, "i": F32(8), "o": F32(6)}
    found = quantized(tmp_path, first, "Trunc", rounding_mode=mode)
    wanted = trunc_v1(SWEEP, scale, zero, F32(8), F32(6), mode)
    np.testing.assert_array_equal(found, wanted)
    second = {"s": scale, "z": zero, "i": F32(8), "os": F32(1), "o": F32(4)}
    found = quantized(tmp_path, second, "Trunc", rounding_mode=mode, narrow=0, signed=1)
    wanted = trunc_v2(SWEEP, scale, zero, 8, 0, 1, F32(1), np.array(4), mode)
    np.testing.assert_array_equal(found, wanted)


def test_multi_threshold(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(-20, 20, (1, 3, 4, 4)).astype(F32)
    table = np.sort(random.integers(-20, 20, (3, 7)), axis=1).astype(F32)
    how = {"out_scale": 0.5, "out_bias": -2.0, "domain": "finn.custom_op.general"}
    for layout, axis in (("", 1), ("NHWC", 3)):
        thresholds = table if axis == 1 else table[[0, 1, 2, 0]]
        stored = {"t": thresholds}
        extra = {"data_layout": layout} if layout else {}
        model = one_node("MultiThreshold", "x t", {"x": x}, stored, **how, **extra)
        found = evaluated(read(save(model, tmp_path)), [x])["y"][0]
        wanted = multithreshold(x.swapaxes(1, axis), thresholds, 0.5, -2.0).swapaxes(1, axis)
        np.testing.assert_array_equal(found, wanted)


# QDQ


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_quantize_linear(dtype: Any, tmp_path: Path) -> None:
    zero = np.array(3, dtype)
    stored = {"s": F32(0.25), "z": zero}
    x = {"x": SWEEP * 30}
    model = one_node("QuantizeLinear", "x s z", x, stored, TYPES[zero.dtype], opset=21)
    found = evaluated(read(save(model, tmp_path)), [x["x"]])["y"][0]
    np.testing.assert_array_equal(found, ort(model, x))


def test_omitted_zero_point_is_uint8(tmp_path: Path) -> None:
    x = {"x": SWEEP}
    model = one_node("QuantizeLinear", "x s", x, {"s": F32(0.125)}, TensorProto.UINT8)
    found = evaluated(read(save(model, tmp_path)), [SWEEP])["y"][0]
    np.testing.assert_array_equal(found, ort(model, x))


@pytest.mark.parametrize("axis", [None, -3, 0, 2])
def test_dequantize_along_an_axis(axis: int | None, tmp_path: Path) -> None:
    """The default axis is 1."""
    x = {"x": np.arange(-60, 60, dtype=np.int8).reshape(3, 4, 10)[:, :, :8].copy()}
    size = x["x"].shape[1 if axis is None else axis]
    stored = {"s": (2.0 ** -np.arange(size)).astype(F32), "z": np.arange(size, dtype=np.int8)}
    how = {} if axis is None else {"axis": axis}
    model = one_node("DequantizeLinear", "x s z", x, stored, **how)
    found = evaluated(read(save(model, tmp_path)), [x["x"]])["y"][0]
    np.testing.assert_array_equal(found, ort(model, x))


def test_blocked_quantization(tmp_path: Path) -> None:
    x = {"x": SWEEP[:, :60].reshape(2, 6, 5).copy()}
    scales = (2.0 ** -np.arange(20)).astype(F32).reshape(2, 2, 5) * 8
    stored = {"s": scales, "z": np.ones(scales.shape, np.int8)}
    how = {"axis": 1, "block_size": 3, "opset": 21}
    model = one_node("QuantizeLinear", "x s z", x, stored, TensorProto.INT8, **how)
    found = evaluated(read(save(model, tmp_path)), [x["x"]])["y"][0]
    np.testing.assert_array_equal(found, ort(model, x))


# QOperator: onnxruntime's kernels, on all codes and on random accumulators.

CODES = [np.uint8, np.int8]


def random_grids(random: Any, dtype: Any, *names: str) -> dict[str, Array]:
    """A scale `s<name>` and a zero point `z<name>` for each name."""
    info = np.iinfo(dtype)
    found: dict[str, Array] = {}
    for name in names:
        found[f"s{name}"] = F32(np.exp(random.uniform(-5, 0)))
        found[f"z{name}"] = np.array(random.integers(info.min, info.max, endpoint=True), dtype)
    return found


def all_codes(dtype: Any) -> Array:
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1).astype(dtype)


def compare(
    op: str, order: str, feeds: dict[str, Array], stored: dict[str, Array], folder: Path,
    domain: str = "com.microsoft", **how: Any,
) -> None:  # fmt: skip
    """The op under onnxruntime's meaning equals onnxruntime, in every code."""
    out = TYPES[next(iter(feeds.values())).dtype]
    model = one_node(op, order, feeds, stored, out, domain=domain, **how)
    source = read(save(model, folder))
    assert source.semantics is Semantics.ORT
    found = evaluated(source, list(feeds.values()))["y"]
    wanted = ort(model, feeds)
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_all_pairs_of_codes(op: str, dtype: Any, tmp_path: Path) -> None:
    codes = all_codes(dtype)
    feeds = {"a": np.repeat(codes, 256)[None], "b": np.tile(codes, 256)[None]}
    for seed in range(8):
        stored = random_grids(np.random.default_rng(seed), dtype, "a", "b", "y")
        if op == "QLinearMul":
            stored["sy"] = F32(stored["sa"] * stored["sb"] * 100)
        compare(op, "a sa za b sb zb sy zy", feeds, stored, tmp_path)


@pytest.mark.parametrize("dtype", CODES)
def test_add_of_what_repeats(dtype: Any, tmp_path: Path) -> None:
    """A number, and one number a channel: the kernel takes it as its second operand."""
    codes = all_codes(dtype)
    for seed in range(40):
        random = np.random.default_rng(seed)
        stored = random_grids(random, dtype, "a", "b", "y")
        one = random.choice(codes, (1, 8, 1)).astype(dtype)
        full = np.broadcast_to(codes, (1, 8, 256)).copy()
        for feeds in ({"a": one, "b": full}, {"a": full, "b": one}):
            compare("QLinearAdd", "a sa za b sb zb sy zy", feeds, stored, tmp_path)


@pytest.mark.parametrize("dtype", CODES)
def test_functions_of_one_tensor(dtype: Any, tmp_path: Path) -> None:
    x = {"x": all_codes(dtype)[None]}
    for seed in range(20):
        random = np.random.default_rng(seed)
        stored = random_grids(random, dtype, "x", "y", "w")
        order = "x sx zx sy zy"
        alpha = float(F32(random.uniform(0, 0.5)))
        compare("QLinearLeakyRelu", order, x, without(stored, "w"), tmp_path, alpha=alpha)
        compare("QLinearSigmoid", order, x, without(stored, "w") | {"sy": F32(1 / 256)}, tmp_path)
        both = {"x": x["x"], "w": x["x"][:, ::-1].copy()}
        compare("QLinearConcat", "sy zy x sx zx w sw zw", both, stored, tmp_path, axis=0)


def without(stored: dict[str, Array], name: str) -> dict[str, Array]:
    return {k: v for k, v in stored.items() if k[1:] != name}


POOLS: list[dict[str, Any]] = [
    {"kernel_shape": [5, 5]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
]


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("channels_last", [0, 1])
def test_average_pools(dtype: Any, channels_last: int, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    for seed in range(6):
        random = np.random.default_rng(seed)
        x = random.integers(info.min, info.max, (1, 6, 13, 9), dtype=dtype, endpoint=True)
        x = x.transpose(0, 2, 3, 1).copy() if channels_last else x
        stored = random_grids(random, dtype, "x", "y")
        stored["sy"] = F32(stored["sx"] * random.uniform(0.2, 1.2))
        args = ("x sx zx sy zy", {"x": x}, stored, tmp_path)
        for how in POOLS:
            compare("QLinearAveragePool", *args, channels_last=channels_last, **how)
        compare("QLinearGlobalAveragePool", *args, channels_last=channels_last)


@pytest.mark.parametrize("dtype", CODES)
def test_matrix_products(dtype: Any, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    for seed in range(12):
        random = np.random.default_rng(seed)
        a = {"a": random.integers(info.min, info.max, (5, 40), dtype=dtype, endpoint=True)}
        stored = random_grids(random, dtype, "a", "y")
        stored["sy"] = F32(stored["sy"] * 100)
        stored["b"] = random.integers(-128, 127, (40, 33), dtype=np.int8, endpoint=True)
        many = seed % 2
        stored["sb"] = np.exp(random.uniform(-6, 0, 33 if many else ())).astype(F32)
        stored["zb"] = np.zeros(33, np.int8) if many else np.array(3, np.int8)
        order = "a sa za b sb zb sy zy"
        compare("QLinearMatMul", order, a, stored, tmp_path, domain="")
        biased = stored | {"c": random.integers(-30000, 30000, 33).astype(np.int32)}
        order = "a sa za b sb zb c sy zy"
        compare("QGemm", order, a, biased, tmp_path, alpha=float(F32(random.uniform(0.5, 2))))


@pytest.mark.parametrize("dtype", CODES)
def test_convolutions(dtype: Any, tmp_path: Path) -> None:
    info = np.iinfo(dtype)
    for seed in range(12):
        random = np.random.default_rng(seed)
        x = {"x": random.integers(info.min, info.max, (1, 4, 9, 8), dtype=dtype, endpoint=True)}
        stored = random_grids(random, dtype, "x", "y")
        stored["sy"] = F32(stored["sy"] * 50)
        stored["w"] = random.integers(-128, 127, (6, 2, 3, 3), dtype=np.int8, endpoint=True)
        stored["sw"] = np.exp(random.uniform(-6, 0, 6)).astype(F32)
        stored["zw"] = np.zeros(6, np.int8)
        stored["c"] = random.integers(-9000, 9000, 6).astype(np.int32)
        how = {"group": 2, "pads": [1, 0, 1, 2], "strides": [2, 1]}
        compare("QLinearConv", "x sx zx w sw zw sy zy c", x, stored, tmp_path, domain="", **how)


def test_integer_sums(tmp_path: Path) -> None:
    """ConvInteger and MatMulInteger, padded with the zero point."""
    random = np.random.default_rng(0)
    x = {"x": random.integers(0, 255, (1, 3, 6, 6), dtype=np.uint8)}
    stored = {
        "w": random.integers(0, 255, (4, 3, 3, 3), dtype=np.uint8),
        "zx": np.uint8(17), "zw": np.uint8(101),
    }  # fmt: skip
    out = TensorProto.INT32
    model = one_node("ConvInteger", "x w zx zw", x, stored, out, pads=[1, 1, 1, 1])
    found = evaluated(read(save(model, tmp_path)), [x["x"]])["y"][0]
    np.testing.assert_array_equal(found, ort(model, x))
    a = {"x": random.integers(0, 255, (5, 7), dtype=np.uint8)}
    stored = {
        "w": random.integers(-99, 99, (7, 4), dtype=np.int8), "zx": np.uint8(17),
        "zw": random.integers(-99, 99, 4, dtype=np.int8),
    }  # fmt: skip
    model = one_node("MatMulInteger", "x w zx zw", a, stored, out)
    found = evaluated(read(save(model, tmp_path)), [a["x"]])["y"][0]
    np.testing.assert_array_equal(found, ort(model, a))


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul", "QLinearLeakyRelu"])
def test_exact_meaning_is_within_a_code_of_the_kernels(op: str, tmp_path: Path) -> None:
    """The two meanings may differ by float32 rounding only: rarely, and by one code."""
    codes = all_codes(np.uint8)
    feeds = {"a": np.repeat(codes, 256)[None], "b": np.tile(codes, 256)[None]}
    stored = random_grids(np.random.default_rng(1), np.uint8, "a", "b", "y")
    stored["sy"] = F32(0.5)
    order = "a sa za b sb zb sy zy"
    if op == "QLinearLeakyRelu":
        feeds, order = {"a": codes[None]}, "a sa za sy zy"
        stored = without(stored, "b")
    model = one_node(op, order, feeds, stored, TensorProto.UINT8, domain="com.microsoft")
    path = save(model, tmp_path)
    exact = evaluated(read(path, semantics=Semantics.EXACT), list(feeds.values()))["y"]
    kernel = evaluated(read(path, semantics=Semantics.ORT), list(feeds.values()))["y"]
    assert np.abs(exact - kernel).max() <= 1
    assert np.mean(exact != kernel) < 1e-3
