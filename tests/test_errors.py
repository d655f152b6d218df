"""What the user reads when a file cannot be compiled: three lines, every node, no traceback."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from one_node import one_node, save
from qcompile.errors import CompileError, CompileErrors
from qcompile.read import read
from zoo import MODELS, needs_models

Array = Any
F32 = np.float32
X = {"x": np.zeros((1, 4), F32)}


def complaint(path: Path, **how: Any) -> str:
    """The text of the error, without the folder; it must come in time."""
    start = time.monotonic()
    with pytest.raises(CompileError) as caught:
        read(path, **how)
    assert time.monotonic() - start < 5
    return str(caught.value).replace(f"{path.parent}/", "")


def quantizer(scale: Any = 0.5, bits: Any = 4, **how: Any) -> onnx.ModelProto:
    stored = {"s": np.array(scale, F32), "z": F32(0), "b": np.array(bits, F32)}
    return one_node("Quant", "x s z b", X, stored, domain="onnx.brevitas", **how)


def chain(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    """A graph of `nodes` from x to y."""
    model = one_node("Relu", "x", X)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


AGAIN = "export or download it again"

# Files that are not ONNX


@pytest.mark.parametrize(
    ("name", "content", "what", "help"),
    [
        ("a.onnx", b"", "the file is empty", AGAIN),
        ("a.onnx", b"hello, world" * 50, "the file is not ONNX, or cut off", AGAIN),
        (
            "m.tflite", b"\x1c\0\0\0TFL3", "a TensorFlow Lite model is not ONNX",
            "convert it: python -m tf2onnx.convert --tflite m.tflite "
            "--output model.onnx --opset 17",
        ),
        (
            "m.h5", b"\x89HDF\r\n", "a Keras model is not ONNX",
            "convert it: python -m tf2onnx.convert --keras m.h5 --output model.onnx --opset 17; "
            "QKeras: qonnx.converters.from_keras",
        ),
        (
            "m.pt", b"\x80\x02}q", "a PyTorch model is not ONNX",
            "export it: torch.onnx.export(model, example_input, 'model.onnx'); "
            "Brevitas: brevitas.export.export_qonnx(model, example_input, 'model.onnx')",
        ),
    ],
)  # fmt: skip
def test_other_files(name: str, content: bytes, what: str, help: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert complaint(path) == f"error: {what}\n   at: {name}\n help: {help}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert complaint(tmp_path / "none.onnx") == (
        "error: the file cannot be read (No such file or directory)\n"
        "   at: none.onnx\n help: check its name and permissions"
    )
    assert complaint(tmp_path).startswith("error: this is a folder\n")


def test_truncated(tmp_path: Path) -> None:
    whole = quantizer().SerializeToString()
    for length in range(1, len(whole) - 50):  # what is cut last may be an unused import
        path = tmp_path / "cut.onnx"
        path.write_bytes(whole[:length])
        text = complaint(path)
        assert text.startswith(("error: the file is not ONNX", "error: the file holds no ONNX"))


# Models that cannot be compiled


def test_every_unsupported_node_is_named(tmp_path: Path) -> None:
    model = chain(
        helper.make_node("LSTM", ["x"], ["a"], name="one"),
        helper.make_node("Odd", ["a"], ["b"], domain="my.ops"),
        helper.make_node("iSoftmax", ["b"], ["y"], name="attention"),
    )
    cut = "cut the graph before it, or write it with the supported operators (see README)"
    assert complaint(save(model, tmp_path)) == (
        f"error: LSTM is not supported\n   at: one\n help: {cut}\n"
        f"error: my.ops.Odd is not supported\n   at: Odd b\n help: {cut}\n"
        "error: iSoftmax is not supported\n   at: attention\n"
        " help: transformers are not supported yet; cut the graph before it"
    )


def test_float_models(tmp_path: Path) -> None:
    weights = {"w": np.random.default_rng(0).normal(size=(4, 3)).astype(F32)}
    assert complaint(save(one_node("MatMul", "x w", X, weights), tmp_path)) == (
        "error: the model computes in floating point: nothing in it is quantized\n"
        "   at: model.onnx\n"
        " help: quantize it first: onnxruntime.quantization.quantize_static(MODEL, ...), or train "
        "it quantized with Brevitas, QKeras or HGQ and export QONNX"
    )


def test_float_weights_among_quantizers(tmp_path: Path) -> None:
    model = quantizer()
    weights = np.random.default_rng(0).normal(size=(4, 3)).astype(F32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    model.graph.node.append(helper.make_node("MatMul", ["y", "w"], ["out"], name="dense"))
    model.graph.output[0].name = "out"
    assert complaint(save(model, tmp_path)) == (
        "error: the weights w are floating-point numbers\n   at: dense\n"
        " help: quantize the weights as well as the activations"
    )


SCALE_HELP = "scales must be positive, finite and of a sensible size: calibrate again"


@pytest.mark.parametrize("scale", [-0.5, 0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("op", ["Quant", "QuantizeLinear", "QLinearMatMul"])
def test_scales(op: str, scale: float, tmp_path: Path) -> None:
    if op == "Quant":
        model = quantizer(scale)
    elif op == "QuantizeLinear":
        model = one_node(op, "x s", X, {"s": F32(scale)}, TensorProto.UINT8)
    else:
        codes = {"x": np.zeros((1, 4), np.uint8)}
        stored = {"s": F32(scale), "z": np.uint8(0), "w": np.zeros((4, 2), np.uint8)}
        model = one_node(op, "x s z w s z s z", codes, stored, TensorProto.UINT8)
    assert complaint(save(model, tmp_path)) == (
        f"error: the scale of {op} is {scale}\n   at: node\n help: {SCALE_HELP}"
    )


@pytest.mark.parametrize("bits", [33, -1, 2.5, float("nan")])
def test_bit_widths(bits: float, tmp_path: Path) -> None:
    assert complaint(save(quantizer(bits=bits), tmp_path)) == (
        f"error: the bit-width of Quant is {float(bits)}\n   at: node\n"
        " help: bit-widths are whole numbers from 0 to 32"
    )


def test_unknown_rounding_mode(tmp_path: Path) -> None:
    assert complaint(save(quantizer(rounding_mode="STOCHASTIC"), tmp_path)).startswith(
        "error: the rounding mode STOCHASTIC\n   at: node\n help: the modes are CEIL, DOWN,"
    )


def test_run_time_scales(tmp_path: Path) -> None:
    feeds = {**X, "s": np.ones((), F32)}
    assert complaint(save(one_node("QuantizeLinear", "x s", feeds), tmp_path)) == (
        "error: the scale of QuantizeLinear is computed at run time\n   at: node\n"
        " help: only constants can be compiled there; fold or fix it when exporting"
    )
    text = complaint(save(one_node("DynamicQuantizeLinear", "x", X), tmp_path))
    assert text.startswith("error: DynamicQuantizeLinear chooses its scale at run time\n")


def test_cycles(tmp_path: Path) -> None:
    model = chain(
        helper.make_node("Add", ["x", "b"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="second"),
        helper.make_node("Relu", ["b"], ["y"], name="behind"),
    )
    text = complaint(save(model, tmp_path))
    places = [line for line in text.splitlines() if "at:" in line]
    assert places == ["   at: first", "   at: second"]
    assert text.startswith("error: the node depends on its own result\n")


def test_unsorted_graphs_are_sorted(tmp_path: Path) -> None:
    model = quantizer()
    relu = helper.make_node("Relu", ["y"], ["out"])
    model.graph.node.insert(0, relu)
    model.graph.output[0].name = "out"
    assert read(save(model, tmp_path)).outputs[0].name == "out"


def test_names_made_twice_and_by_nobody(tmp_path: Path) -> None:
    model = quantizer()
    model.graph.node.append(model.graph.node[0])
    assert complaint(save(model, tmp_path)).startswith(
        "error: 2 things are called y\n   at: node\n"
    )
    model = quantizer()
    model.graph.node[0].input[1] = "lost"
    assert complaint(save(model, tmp_path)) == (
        "error: nothing makes the tensor lost\n   at: node\n"
        " help: the file is damaged or was cut apart; export it again"
    )


def test_hostile_names(tmp_path: Path) -> None:
    name = 'a"; */\n#include <x>\x07'
    model = quantizer(-1)
    model.graph.node[0].name = name
    assert '   at: a"; */\\n#include <x>\\x07\n' in complaint(save(model, tmp_path))
    model = quantizer()
    model.graph.node[0].output[0] = model.graph.output[0].name = name
    source = read(save(model, tmp_path))
    assert source.tensors[name] == name


# Sizes and stored data


def test_huge_shapes(tmp_path: Path) -> None:
    model = quantizer()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2**31
    assert "elements; 134217728 are the most" in complaint(save(model, tmp_path))
    model = quantizer()
    model.graph.initializer[0].dims[:] = [2**31]
    assert "a tensor of shape [2147483648] has 2147483648" in complaint(save(model, tmp_path))
    sizes = {"n": np.array([2**20, 2**20])}
    model = one_node("Expand", "x n", {"x": np.zeros((1, 1), F32)}, sizes)
    assert "134217728 are the most" in complaint(save(model, tmp_path))
    model = one_node("ConstantOfShape", "n", {}, sizes)
    assert "16777216 are the most" in complaint(save(model, tmp_path))
    model = one_node("Pad", "x p", X, {"p": np.array([0, 2**40, 0, 0])})
    assert "134217728 are the most" in complaint(save(model, tmp_path))


def test_data_that_does_not_fill_its_shape(tmp_path: Path) -> None:
    model = one_node("MatMul", "x w", X, {"w": np.zeros((4, 4), F32)})
    model.graph.initializer[0].raw_data = b"\0" * 63
    assert complaint(save(model, tmp_path)) == (
        "error: its shape [4, 4] needs 64 bytes, and 63 are stored\n   at: model.onnx\n"
        " help: the file is damaged; export it again"
    )


def external(location: str, folder: Path, offset: int = 0, length: int = 64) -> Path:
    model = one_node("MatMul", "x w", X, {"w": np.zeros((4, 4), F32)})
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return save(model, folder)


def test_external_data(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    weights = np.arange(16, dtype=F32)
    for place in (inside / "w.bin", tmp_path / "outside.bin"):
        place.write_bytes(b"\0" * 8 + weights.tobytes())
    (inside / "link.bin").symlink_to(tmp_path / "outside.bin")
    source = read(external("w.bin", inside, 8))
    np.testing.assert_array_equal(source.graph["w"].op.value.ravel(), weights)  # type: ignore[attr-defined]
    folder_help = "keep the data file beside the model and write its bare name"
    for location, what in (
        ("../outside.bin", "external data outside the model's folder: '../outside.bin'"),
        (str(tmp_path / "outside.bin"), None),
        ("link.bin", "external data behind a symbolic link: 'link.bin'"),
    ):
        what = what or f"external data outside the model's folder: '{location}'"
        text = complaint(external(location, inside, 8)).replace(f"{inside}/", "")
        expected = f"error: {what}\n   at: w\n help: {folder_help}"
        assert text == expected.replace(f"{inside}/", "")
    assert complaint(external("lost.bin", inside)) == (
        "error: external data 'lost.bin' cannot be read (No such file or directory)\n"
        "   at: w\n help: put the data file beside the model"
    )
    for offset, length in ((16, 64), (-1, 64), (8, 60)):
        assert complaint(external("w.bin", inside, offset, length)).startswith(
            "error: external data 'w.bin' does not hold the 64 bytes of the tensor\n   at: w\n"
        )


# Inputs


KINDS = "uint8, int8, uintN, intN, fixed<W,I> or ufixed<W,I>, then ,scale=...,zero_point=..."


def unread_input(folder: Path) -> Path:
    """A dense layer on the raw input, then a quantizer."""
    model = quantizer()
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4), F32), "w"))
    model.graph.node.insert(0, helper.make_node("MatMul", ["x", "w"], ["dense"]))
    model.graph.node[1].input[0] = "dense"
    return save(model, folder)


def test_inputs_that_no_quantizer_reads(tmp_path: Path) -> None:
    path = unread_input(tmp_path)
    assert complaint(path) == (
        "error: no quantizer reads the input x\n   at: x\n"
        f" help: say what arrives there: --input x=uint8 (or {KINDS})"
    )
    read(path, inputs={"x": "fixed<16,6>"})


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("float", "the input type 'float'"),
        ("int", "the input type 'int'"),
        ("fixed8", "the input type 'fixed8'"),
        ("uint64", "an input of 64 bits"),
        ("uint8,scale=-1", "'scale=-1' in the input type"),
        ("uint8,scale=1/0", "'1/0' is no number"),
        ("uint8,offset=3", "'offset=3' in the input type"),
    ],
)
def test_declarations_that_make_no_sense(text: str, what: str, tmp_path: Path) -> None:
    path = unread_input(tmp_path)
    assert complaint(path, inputs={"x": text}).startswith(f"error: {what}\n   at: x\n help: ")


def test_declarations_of_other_inputs(tmp_path: Path) -> None:
    assert complaint(save(quantizer(), tmp_path), inputs={"y": "int8"}) == (
        "error: the model has no input y\n   at: y\n help: its inputs are: x"
    )
    codes = {"x": np.zeros((1, 4), np.int8)}
    path = save(one_node("Relu", "x", codes), tmp_path)
    assert complaint(path, inputs={"x": "uint8"}).startswith(
        "error: the model declares the input as int8, and the given type does not fit in\n"
    )


def test_axes_without_a_length(tmp_path: Path) -> None:
    model = quantizer()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"
    assert complaint(save(model, tmp_path)) == (
        "error: axis 1 of the input has no fixed length (width)\n   at: x\n"
        " help: fix it: python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name x "
        "--input_shape 1,... model.onnx fixed.onnx"
    )


# Real files, whole and broken


@needs_models
@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("tflm/person_detect__tf2onnx17.onnx", 14, "axis 3 of a tensor with 1 axes"),
        ("qonnx_tests/floatquant_act_weight_fp8.onnx", 2, "FloatQuant quantizes to small"),
        ("qonnx_tests/eltwise_chanlast_testcase.onnx", 1, "no quantizer reads the input"),
        ("deeploy/Models/CCT/Int/ICCT/network.onnx", 6, "iLayerNorm is not supported"),
        ("qonnx_tests/residual_block_clean.onnx", 1, "the model computes in floating point"),
        ("qonnx_tests/sdp.onnx", 1, "the model computes in floating point"),
    ],
)
def test_real_files_out_of_scope(name: str, count: int, first: str) -> None:
    with pytest.raises(CompileError) as caught:
        read(MODELS / name)
    errors = getattr(caught.value, "errors", (caught.value,))
    assert len(errors) == count
    assert str(caught.value).startswith(f"error: {first}")
    assert len(str(caught.value).splitlines()) == 3 * count


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_never_end_in_a_traceback(seed: int, tmp_path: Path) -> None:
    """Bytes changed at random, and nodes, attributes and constants changed at random."""
    choose = random.Random(seed)
    seeds = (quantizer(), quantizer([0.5, 1, 2, 4], [1, 0, 3, 8]), convolution())
    for _ in range(150):
        model = onnx.ModelProto()
        model.CopyFrom(choose.choice(seeds))
        for _ in range(choose.randrange(3)):
            choose.choice(MUTATIONS)(model, choose)
        data = bytearray(model.SerializeToString())
        for _ in range(choose.choice((0, 0, 1, 2))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        path = tmp_path / "damaged.onnx"
        path.write_bytes(data)
        assert len(problem(path).splitlines()) % 3 == 0


def problem(path: Path) -> str:
    """The text of the error, if reading ends in one."""
    try:
        read(path)
    except CompileError as error:
        return str(error)
    return ""


def convolution() -> onnx.ModelProto:
    stored = {"w": np.ones((3, 2, 3, 3), F32), "b": np.ones(3, F32)}
    image = {"x": np.zeros((1, 2, 6, 6), F32)}
    return one_node("Conv", "x w b", image, stored, pads=[1, 1, 1, 1], strides=[1, 2])


def change_attribute(model: onnx.ModelProto, choose: random.Random) -> None:
    node = choose.choice(model.graph.node)
    name = choose.choice("pads strides group auto_pad signed rounding_mode kernel_shape".split())
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    values: list[Any] = [-1, 0, 2**62, [1, 2], [2**40] * 4, 0.5, "SAME_LOWER", [1.5]]
    node.attribute.extend([*kept, helper.make_attribute(name, choose.choice(values))])


def change_input(model: onnx.ModelProto, choose: random.Random) -> None:
    node = choose.choice(model.graph.node)
    place = choose.randrange(len(node.input))
    node.input[place] = choose.choice(["", "x", "s", "w", "y", "nobody"])


def change_constant(model: onnx.ModelProto, choose: random.Random) -> None:
    tensor = choose.choice(model.graph.initializer)
    if tensor.dims and choose.random() < 0.5:
        tensor.dims[choose.randrange(len(tensor.dims))] = choose.choice([0, -1, 7, 2**33])
    else:
        tensor.data_type = choose.randrange(30)


def change_op(model: onnx.ModelProto, choose: random.Random) -> None:
    node = choose.choice(model.graph.node)
    ops = "Quant MatMul Conv Reshape Gather Softmax TopK QLinearConv MaxPool Resize Split".split()
    node.op_type, node.domain = choose.choice(ops), ""


MUTATIONS: tuple[Callable[[onnx.ModelProto, random.Random], None], ...] = (
    change_attribute,
    change_input,
    change_constant,
    change_op,
)


def test_reports_inside_reports_are_laid_flat() -> None:
    inner = CompileErrors([CompileError("a"), CompileError("b", at="there")])
    with pytest.raises(CompileErrors) as caught:
        CompileErrors.check([inner, CompileError("c")])
    assert [e.what for e in caught.value.errors] == ["a", "b", "c"]
    CompileErrors.check([])
