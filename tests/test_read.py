"""Real models of every dialect: what they were read as gives their stored outputs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from one_node import one_node, save
from qcompile import semantics as real
from qcompile.read import read
from qcompile.read.inputs import parse_grid
from qcompile.semantics import InputGrid
from qcompile.source import Dialect, Semantics, Source
from zoo import MODELS, evaluated, needs_models

Array = Any
F32 = np.float32

DORY = """PenguiNet_32/model_int Residual_connection_test_1/model_int SmartAgri-net/model_int
    TCN_T/TCN dronet_2.0/model_int dronet_complete/model_int dronet_complete_2/model_int
    dscnn_test/model_int eegnetDW_1d_8b_Hx1/eegnet_id_8b eegnet_1d_8b_1xW/eegnet_id_8b
    eegnet_1d_8b_Hx1/eegnet_id_8b proxylessnas_pulp_dronet/proxyless_id""".split()

DEEPLOY = """Add/Large Add/MultIO Add/Regular Conv/DW_2D Conv/DW_2D_RQ Conv/DW_3x3 Conv/DW_3x3_RQ
    Conv/PW_2D Conv/PW_2D_RQ/Regular_RQ Conv/Regular_1D Conv/Regular_1D_RQ Conv/Regular_2D
    Conv/Regular_3x3_RQ Conv/StriddedPadded_2D_RQ GEMM/Regular_RQPerColumn GEMM/Regular_RQPerRow
    GEMM/TransB_RQ Identity/OutputIdentity MatMul/Batch MatMul/Regular MatMul/Regular_RQ
    MaxPool/Regular_1D Pad/Regular_1D Pad/Regular_2D ReduceSum Sub""".split()

DEEPLOY_MODELS = """CNN_Linear1 EEGFormer MLPerf/ImageClassification MLPerf/KeywordSpotting
    miniMobileNet""".split()

# Equal in every element: (model, stored output).
EXACT = """finn/tfc_w1a1_build_dataflow qonnx
    hls4ml_example_models/bnn_model_fc_1layer qonnx
    hls4ml_example_models/keras/hgq_mnist_heterogeneous__qonnx keras
    hls4ml_example_models/keras/hgq_mnist_homogeneous__qonnx keras
    mlperf_tiny_hls4ml_finn/ic_cifar10_tiny_qkeras__qonnx keras
    match/7c2aaef__app__quant__projector__GraphModule float64
    match/bc42623__examples__integerized_conv ort_stripped_attrs
    match/examples__targets__arcane__model__mnist float64
    degenerate/0cbc312__test__models__image_classification float64
    degenerate/e373a91__examples__mobilenetV1-imagenet-m0-25-in-3-128-128 float64
    degenerate/test__models__keyword_spotting float64""".split()

# Ending in floating point (or, match/d04cb60, in a product with 42.49...): near in every element.
NEAR = """qonnx_zoo/TFC_1W1A qonnx qonnx_zoo/TFC_2W2A qonnx qonnx_zoo/kwsmlp_w3a3 qonnx
    qonnx_zoo/qkeras_jettagging qonnx qonnx2mdc/mnist_qonnx_model qonnx
    match/d04cb60__test__models__image_classification float64
    match/e373a91__examples__dscnn-kws float64
    mlperf_tiny_v13_k1/k1_ad_autoencoder__qoperator ort_disable_all
    mlperf_tiny_v13_k1/k1_kws_dscnn__qoperator ort_disable_all""".split()


def pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def grid_of(array: Array) -> str:
    """A declaration that holds the numbers of a stored input."""
    if np.any(array != np.rint(array)):
        return "fixed<32,16>"
    fits = ((0, 255, "uint8"), (-128, 127, "int8"), (-(2**15), 2**15 - 1, "int16"))
    low, high = array.min(), array.max()
    return next((name for a, b, name in fits if a <= low and high <= b), "int32")


def opened(path: Path, arrays: list[Array]) -> Source:
    """The model, its real inputs declared by what is stored for them."""
    names = [v.name for v in helper_inputs(path)]
    declared = {n: grid_of(a) for n, a in zip(names, arrays, strict=True)}
    return read(path, inputs=declared)


def helper_inputs(path: Path) -> list[Any]:
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    stored = {t.name for t in graph.initializer}
    return [v for v in graph.input if v.name not in stored]


@needs_models
@pytest.mark.parametrize("name", DORY)
def test_dory_layer_by_layer(name: str) -> None:
    """The project's own golden values of every layer."""
    path = MODELS / "dory" / f"{name}.onnx"
    stored = np.load(path.with_name(f"{path.stem}__io.npz"))
    source = opened(path, [stored["input"]])
    assert source.dialect is Dialect.INTEGER
    layers = [str(t) for t in stored["expected_layer_tensor"]]
    found = evaluated(source, [stored["input"]], set(layers))
    golden = [stored[f"expected_layer{i}"] for i in range(len(layers))]
    first = [found[layer].reshape(-1) for layer in layers]
    last = [np.moveaxis(found[layer][0, 0], 0, -1).reshape(-1) for layer in layers]
    # One project writes all its layers channels first, or all channels last.
    chosen = first if np.array_equal(first[0], golden[0]) else last
    for layer, values, wanted in zip(layers, chosen, golden, strict=True):
        np.testing.assert_array_equal(values, wanted, layer)


def deeploy(path: Path) -> None:
    arrays, golden = (
        [z[k] for k in z.files] for z in map(np.load, (path / "inputs.npz", path / "outputs.npz"))
    )
    model = path / "network.onnx"
    arrays = arrays[: len(helper_inputs(model))]  # some list their weights as well
    source = opened(model, arrays)
    for output, wanted in zip(source.outputs, golden, strict=True):
        found = evaluated(source, arrays)[output.name]
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


@needs_models
@pytest.mark.parametrize("name", DEEPLOY)
def test_deeploy_kernels(name: str) -> None:
    deeploy(MODELS / "deeploy" / "Kernels" / "Integer" / name)


@needs_models
@pytest.mark.parametrize("name", DEEPLOY_MODELS)
def test_deeploy_models(name: str) -> None:
    deeploy(MODELS / "deeploy" / "Models" / name)


def outputs(name: str, which: str) -> tuple[Array, Array]:
    """What the model gives on the first stored samples, and what is stored for it."""
    path = MODELS / f"{name}.onnx"
    stored = np.load(path.with_name(f"{path.stem}__io.npz"))
    x = stored["input"][:8]
    source = opened(path, [x])
    (output,) = source.outputs
    wanted = stored[f"output0_{which}"][:8]
    return evaluated(source, [x])[output.name].reshape(wanted.shape), wanted


@needs_models
@pytest.mark.parametrize(("name", "which"), pairs(EXACT))
def test_equal_to_the_stored_outputs(name: str, which: str) -> None:
    np.testing.assert_array_equal(*outputs(name, which))


@needs_models
@pytest.mark.parametrize(("name", "which"), pairs(NEAR))
def test_near_the_stored_outputs(name: str, which: str) -> None:
    found, wanted = outputs(name, which)
    bound = 1e-5 * np.maximum(1, np.abs(wanted))
    assert np.all(np.abs(found - wanted) <= bound)


@needs_models
def test_per_channel_widths_of_hgq() -> None:
    """0-bit channels are there, and constant 0."""
    source = read(MODELS / "hls4ml_example_models/keras/hgq_mnist_heterogeneous__qonnx.onnx")
    assert (source.dialect, source.semantics) == (Dialect.QONNX, Semantics.EXACT)
    random = np.random.default_rng(0).uniform(0, 255, (4, 1, 28, 28)).astype(F32)
    codes = evaluated(source, [random], {"quant_2"})["quant_2"]
    assert not codes[..., 0].any()
    assert codes[..., 5].any()


# Names, inputs, notes.


def test_names_and_origins(tmp_path: Path) -> None:
    """Nodes are called after ONNX tensors, helpers after those; a helper never takes a name."""
    nodes = [
        helper.make_node(
            "Quant", ["x", "s", "z", "b"], ["q"], name="first", domain="onnx.brevitas"
        ),
        helper.make_node("Identity", ["q"], ["alias"]),
        helper.make_node("Relu", ["alias"], ["q/scaled"]),
    ]
    graph = helper.make_graph(
        nodes, "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("q/scaled", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(v, F32), n) for n, v in (("s", 0.5), ("z", 0), ("b", 4))],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    source = read(save(model, tmp_path, "tiny.onnx"))
    assert source.name == "tiny"
    assert source.tensors == {
        "x": "x", "s": "s", "q": "q", "alias": "q", "q/scaled": "q/scaled",
    }  # fmt: skip
    assert source.graph["q/scaled_1"].origin == "first"
    assert source.graph["q/scaled"].origin == "Relu q/scaled"
    x = source.graph["x"].op
    assert isinstance(x, real.Input)
    assert (x.declared, x.batched, x.grid) == ((1, 3), True, None)


def test_integer_inputs_hold_what_their_type_holds(tmp_path: Path) -> None:
    x = {"x": np.zeros((2, 3), np.int8)}
    source = read(save(one_node("Relu", "x", x), tmp_path))
    op = source.graph["x"].op
    assert isinstance(op, real.Input)
    assert (op.grid, op.batched) == (InputGrid(Fraction(1), Fraction(0), -128, 127), False)


def test_integer_dialects_assume_bytes_and_say_so(tmp_path: Path) -> None:
    x = {"x": np.zeros((1, 3), F32)}
    path = save(one_node("Relu", "x", x), tmp_path)
    source = read(path)
    assert source.notes == ("input x: unsigned 8 bits assumed (--input x=int8 says otherwise)",)
    op = read(path, inputs={"x": "int4"}).graph["x"].op
    assert isinstance(op, real.Input)
    assert op.grid == InputGrid(Fraction(1), Fraction(0), -8, 7)


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("uint8", (1, 0, 0, 255)),
        ("int3", (1, 0, -4, 3)),
        ("fixed<16,6>", (Fraction(1, 1024), 0, -(2**15), 2**15 - 1)),
        ("ufixed<4, 6>", (4, 0, 0, 15)),
        ("uint8,scale=1/255,zero_point=128", (Fraction(1, 255), 128, 0, 255)),
        ("int8,scale=0.1", (Fraction(1, 10), 0, -128, 127)),
    ],
)
def test_declarations(text: str, grid: tuple[Any, ...]) -> None:
    unit, zero_point, low, high = grid
    assert parse_grid(text, "x") == InputGrid(Fraction(unit), Fraction(zero_point), low, high)


def test_add_that_requantizes(tmp_path: Path) -> None:
    """Attributes of the Add that Quantlab writes for DORY: floor, no rounding."""
    x = {"x": np.arange(-128, 128, dtype=F32).reshape(1, -1)}
    how = {
        "in1_mul": 3, "in1_add": 5, "in1_shift": 2, "in1_n_levels": 256, "in1_rq": 1,
        "in1_signed": 1, "in2_mul": 1, "in2_rq": 0, "in2_n_levels": 256,
        "out_mul": 7, "out_add": -9, "out_shift": 3, "out_n_levels": 128, "out_rq": 1,
        "out_signed": 0,
    }  # fmt: skip
    source = read(save(one_node("Add", "x x", x, **how), tmp_path), inputs={"x": "int8"})
    first = np.clip((3 * x["x"] + 5) // 4, -128, 127)
    wanted = np.clip((7 * (first + x["x"]) - 9) // 8, 0, 127)
    np.testing.assert_array_equal(evaluated(source, [x["x"]])["y"][0], wanted)
