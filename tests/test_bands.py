"""The first layers in bands of rows: the same bits, no row twice, less memory, constants once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import Builder, Case
from c_runner import Runner
from qcompile.compile import compile
from qcompile.emit.c import emit_plan
from qcompile.errors import CompileError
from qcompile.export import Model, Quantizer
from qcompile.model import IntegerModel
from qcompile.ops import (
    Add,
    Concat,
    Constant,
    Conv,
    Dense,
    Gather,
    MaxPool,
    Mul,
    Pad,
    Requant,
    Reshape,
    RoundedSumPool,
    SumPool,
)
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.passes import lower
from qcompile.passes.bands import Banded, banded
from qcompile.passes.rows import height
from qcompile.plan.bands import Mode, Wish, plan_in_bands, regions
from qcompile.plan.c_plan import CPlan, plan_c
from qcompile.read import read
from qcompile.rtl import Isa
from qcompile.verify.host import HostLibrary
from qcompile.verify.vectors import vectors
from zoo import MODELS, needs_models


def conv(b: Builder, x: str, outputs: int, kernel: int, **more: object) -> str:
    """A convolution to codes of 8 bits; `kernel` rows and columns."""
    channels = b.type(x).channels
    weight, bits = b.weights((outputs, kernel, kernel, channels), (8, 5))
    op = Conv(weight, b.bias(outputs), bits, pad_value=int(b.type(x).minimum), **more)  # type: ignore[arg-type]
    return b.requant(b.add(op, x), 8)


def depthwise(b: Builder, x: str, stride: int) -> str:
    channels = b.type(x).channels
    weight, bits = b.weights((channels, 3, 3, 1), (8,))
    op = Conv(weight, b.bias(channels), bits, (stride, stride), pads=(1, 1, 1, 1), groups=channels)
    return b.requant(b.add(op, x), 8)


def residual(b: Builder) -> Case:
    """Two blocks with a skip and a projection, then a classifier: the shape of a ResNet."""
    x = conv(b, b.input((1, 16, 6, 3), 8), 4, 3, pads=(1, 1, 1, 1))
    y = conv(b, conv(b, x, 4, 3, pads=(1, 1, 1, 1)), 4, 3, pads=(1, 1, 1, 1))
    x = b.requant(b.add(Add((3, 5)), x, y), 8, per_channel=False)
    side = conv(b, x, 6, 1, strides=(2, 2))
    y = conv(b, conv(b, x, 6, 3, strides=(2, 2), pads=(0, 0, 1, 1)), 6, 3, pads=(1, 1, 1, 1))
    x = b.requant(b.add(Add((2, -3), 7), side, y), 8, per_channel=False)
    x = b.requant(b.add(SumPool((8, 3), (8, 3)), x), 8, per_channel=False)
    weight, bits = b.weights((5, 6), (8,))
    return b.case(b.add(Dense(weight, b.bias(5), bits), b.add(Reshape((6,)), x)))


def separable(b: Builder) -> Case:
    """Depthwise and pointwise layers in turn, with strides: the shape of a MobileNet."""
    x = conv(b, b.input((1, 21, 9, 1), 8), 4, 3, strides=(2, 2), pads=(0, 0, 1, 1))
    for stride, outputs in ((1, 6), (2, 8), (1, 8)):
        x = conv(b, depthwise(b, x, stride), outputs, 1)
    return b.case(x)


def branches(b: Builder) -> Case:
    """Windows of different reach joined by channels, with pools, shifts and two results."""
    x = b.input((1, 17, 7, 2), 6)
    wide = conv(b, x, 3, 3, dilations=(2, 1), pads=(4, 0, 0, 2))
    high = b.add(MaxPool((4, 2), (1, 1), pads=(1, 0, 2, 1)), x)
    low = b.add(Gather(3, (1, 0, 1)), b.add(SumPool((3, 3), (1, 1), pads=(1, 1, 1, 1)), x))
    joined = b.add(Concat(3), wide, high, low)
    framed = b.add(Pad(((0, 0), (2, 1), (0, 1), (0, 0)), 3), joined)
    return b.case(b.add(MaxPool((3, 3), (2, 2)), framed), b.requant(low, 7))


def with_constants(b: Builder) -> Case:
    """Operands that are constant, for each row or for all, and factors of places."""
    x = b.input((1, 12, 5, 3), 7)
    each = b.add(Constant(b.random.integers(-9, 9, (1, 12, 5, 3))))
    one = b.add(Constant(b.random.integers(-9, 9, (3,))))
    factors = b.random.integers(1, 5, (6, 3))
    y = b.add(Mul((1, 0)), b.requant(b.add(Add((1, 2)), x, each), 8), one)
    y = b.add(SumPool((2, 2), (2, 2), pads=(0, 0, 0, 1), place_factors=factors), b.requant(y, 8))
    return b.case(b.add(RoundedSumPool(9 << 20, 3, (2, 1), (1, 1)), b.requant(y, 8)))


CASES = (residual, separable, branches, with_constants)
BUILT = {make.__name__: make(Builder(make.__name__, seed)) for seed, make in enumerate(CASES)}


def every_way(model: IntegerModel, counts: tuple[int, ...]) -> list[Banded]:
    tried = (banded(model, r, count) for r in regions(model.graph) for count in counts)
    return [made for made in tried if made is not None]


def check_parts(plain: IntegerModel, made: Banded, case: Case) -> None:
    """Outputs, and every row of every split tensor, made once."""
    wanted, found = (m.run(case.inputs, trace=True) for m in (plain, made.model))
    for name in plain.graph.outputs:
        np.testing.assert_array_equal(found[name], wanted[name])
    for name, parts in made.parts.items():
        rows = np.concatenate([found[part] for part in parts], axis=2)
        assert rows.shape[2] <= height(plain.graph[name].type.shape), "a row is made twice"
        np.testing.assert_array_equal(rows, wanted[name][:, :, : rows.shape[2]])


@pytest.mark.parametrize("name", BUILT)
def test_every_region_in_any_number_of_bands(name: str) -> None:
    case = BUILT[name]
    ways = every_way(case.model, (1, 2, 3, 5, 8, 21))
    assert len(ways) > 6
    for made in ways:
        check_parts(case.model, made, case)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_window(data: st.DataObject) -> None:
    """Two windows one after the other, and a join of what is before them."""
    b = Builder("windows", data.draw(st.integers(0, 99)))
    x = source = b.input((1, data.draw(st.integers(4, 20)), 3, 2), 5)
    for _ in range(data.draw(st.integers(1, 3))):
        kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
        dilation = data.draw(st.integers(1, 2))
        pads = (data.draw(st.integers(0, kernel)), 0, data.draw(st.integers(0, kernel)), 0)
        reach = (kernel - 1) * dilation + 1
        if b.type(x).shape[1] + pads[0] + pads[2] < reach:
            break
        op = SumPool((kernel, 1), (stride, 1), (dilation, 1), pads, pad_value=1)
        x = b.requant(b.add(op, x), 6)
        if b.type(x).shape == b.type(source).shape:
            x = b.requant(b.add(Add((1, 1)), x, source), 6)
    case = b.case(x)
    for made in every_way(case.model, (2, data.draw(st.integers(2, 20)))):
        check_parts(case.model, made, case)


def split(name: str, region: int, count: int) -> Case:
    """A case whose region of that number runs in bands."""
    case = BUILT[name]
    made = banded(case.model, list(regions(case.model.graph))[region], count)
    assert made is not None
    return Case(f"{name}_{region}_{count}".replace("-", "m"), made.model, case.inputs)


SPLIT = [
    *(split("residual", region, count) for region in (-1, 4, 7) for count in (2, 3, 8)),
    *(split("separable", region, count) for region in (-1, 3) for count in (2, 6)),
    *(split("branches", region, count) for region in (-1, 2) for count in (2, 7)),
    *(split("with_constants", region, count) for region in (-1, 1) for count in (2, 5)),
]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("bands"), SPLIT)


@pytest.mark.parametrize("case", SPLIT, ids=lambda case: case.name)
def test_emitted_bands(runner: Runner, case: Case) -> None:
    """Outputs and the value of every step, with sanitizers."""
    outputs, values = runner.run(case)
    wanted = case.model.run(case.inputs, trace=True)
    for port, made in zip(case.model.outputs, outputs.values(), strict=True):
        np.testing.assert_array_equal(made, wanted[port.node])
    for node, found in values.items():
        np.testing.assert_array_equal(found, np.broadcast_to(wanted[node], found.shape), node)


def narrow(b: Builder) -> Case:
    """Codes of 4 bits between layers, which the mixed-precision unit takes two to a byte."""
    x = b.input((1, 16, 6, 4), 8)
    for outputs, stride in ((8, 1), (8, 2), (8, 1)):
        weight, bits = b.weights((outputs, 3, 3, b.type(x).channels), (4,))
        op = Conv(weight, b.bias(outputs), bits, (stride, stride), pads=(1, 1, 1, 1))
        x = b.add(op, x)
        shift = max(b.type(x).magnitude.bit_length() - 4, 1)
        form = Scale(Arithmetic.SHIFT, 1, 0, shift, 0, 15)
        x = b.add(Requant((form,) * outputs, np.zeros(1, np.int64), np.full(1, 15)), x)
    return b.case(b.requant(b.add(SumPool((8, 3), (8, 3)), x), 8, per_channel=False))


def test_codes_that_share_bytes_are_kept_so() -> None:
    """Where the plain plan packs codes, parts are packed, and copied as they are."""
    case = narrow(Builder("narrow", 3))
    plan = plan_in_bands(case.model, "net", Isa.MPIC, Wish(Mode.COUNT, 4))
    assert plan.bands is not None
    bits = {s.draft.node: s.output.packed for s in plan.bands.plain.steps}
    assert 4 in bits.values()
    assert all(s.output.packed == bits.get(plan.layer_of(s) or "", 4) for s in plan.steps)
    runner = HostLibrary(plan, emit_plan(plan, {}))
    wanted = plan.model.run(case.inputs, trace=True)
    for port, made in runner.run(case.inputs).items():
        np.testing.assert_array_equal(made, case.model.run(case.inputs)[port])
    for node, found in runner.trace(case.inputs).items():
        if node in wanted:
            np.testing.assert_array_equal(found, wanted[node], node)


def constants(plan: CPlan) -> int:
    return sum(array.bytes for array in plan.arrays)


@pytest.mark.parametrize("isa", [Isa.RV32IMC, Isa.CV32E40P, Isa.MPIC])
def test_constants_are_there_once(isa: Isa) -> None:
    plain = plan_c(BUILT["residual"].model, "net", isa)
    for case in SPLIT:
        if case.name.startswith("residual"):
            assert constants(plan_c(case.model, "net", isa)) == constants(plain)


@needs_models
@pytest.mark.parametrize(
    ("path", "half"),
    [
        ("mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx", 49_152 // 2),
        ("tflm/person_detect__tf2onnx17_axisfix.onnx", 55_296 // 2),
    ],
)
def test_half_the_memory_of_real_networks(path: str, half: int) -> None:
    """Half of what input and result of the largest layers take, however they are placed."""
    model = lower(read(MODELS / path))
    ports = plan_c(model, "net", Isa.CV32E40P).port_bytes
    plan = plan_in_bands(model, "net", Isa.CV32E40P, Wish(), half + ports)
    assert plan.memory.size <= half
    assert plan.bands is not None
    assert constants(plan) < constants(plan.bands.plain) * 1.01  # other layouts of a few channels
    codes = vectors(model, 1)
    wanted, found = model.run(codes), plan.model.run(codes)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value)


def test_bands_are_chosen_where_they_are_needed() -> None:
    model = BUILT["residual"].model
    plain = plan_in_bands(model, "net", Isa.CV32E40P, Wish())
    enough = plain.memory.size + plain.port_bytes
    assert plain.bands is None
    assert plan_in_bands(model, "net", Isa.CV32E40P, Wish(), enough).bands is None
    assert plan_in_bands(model, "net", Isa.CV32E40P, Wish(Mode.NO), enough - 1).bands is None
    fitting = plan_in_bands(model, "net", Isa.CV32E40P, Wish(), enough - 1)
    least = plan_in_bands(model, "net", Isa.CV32E40P, Wish(Mode.LEAST))
    assert least.memory.size <= fitting.memory.size < plain.memory.size
    four = plan_in_bands(model, "net", Isa.CV32E40P, Wish(Mode.COUNT, 4))
    assert four.bands is not None
    assert four.bands.count == 4


def test_what_bands_may_be_asked_for() -> None:
    assert [Wish.of(word).text for word in ("auto", "no", "least", "12")] == [
        "auto",
        "no",
        "least",
        "12",
    ]
    for word in ("1", "0", "-3", "many", "", "4.0", "\u0664"):
        with pytest.raises(CompileError, match="no number of bands"):
            Wish.of(word)
    dense = Builder("dense", 0)
    x = dense.input((8,), 8)
    weight, bits = dense.weights((4, 8), (8,))
    model = dense.case(dense.add(Dense(weight, dense.bias(4), bits), x)).model
    with pytest.raises(CompileError, match="need less memory in 3 bands"):
        plan_in_bands(model, "net", Isa.CV32E40P, Wish(Mode.COUNT, 3))


def test_a_difference_is_found_in_the_layer_that_was_split() -> None:
    """Traces have the split tensors as wholes, by the names of the model as it was."""
    case = BUILT["separable"]
    plan = plan_in_bands(case.model, "net", Isa.RV32IMC, Wish(Mode.COUNT, 3))
    assert plan.bands is not None
    runner = HostLibrary(plan, emit_plan(plan, {}))
    traced, wanted = runner.trace(case.inputs), case.model.run(case.inputs, trace=True)
    split_whole = [name for name in plan.bands.parts if name in traced]
    assert split_whole
    for name in split_whole:
        np.testing.assert_array_equal(traced[name], wanted[name])


def test_the_report_states_the_price(tmp_path: Path) -> None:
    export_residual(tmp_path / "net.onnx")
    build = compile(
        tmp_path / "net.onnx", "cv32e40p", output=tmp_path / "out", bands="least", verify="no"
    )
    totals = build.report["totals"]
    row = totals["bands"]
    assert totals["arena_bytes"] < totals["arena_bytes_without_bands"]
    assert row["macs_more"] <= 0
    assert row["copied_bytes"] > 0
    assert "--bands least" in build.report["tools"]["command"]
    plain = compile(tmp_path / "net.onnx", "cv32e40p", output=tmp_path / "plain", verify="no")
    names = [layer["name"] for layer in plain.report["layers"]]
    assert [layer["name"] for layer in build.report["layers"]] == names
    assert build.report["totals"]["weight_bytes"] == plain.report["totals"]["weight_bytes"]
    assert "bands" not in plain.report["totals"]
    with pytest.raises(CompileError, match="streams"):
        compile(tmp_path / "net.onnx", "fpga", output=tmp_path / "f", bands="4", verify="no")


def export_residual(path: Path) -> None:
    """A small network with a skip, as an ONNX file."""
    rng = np.random.default_rng(5)
    model = Model("net")
    codes, weights = Quantizer(0.5, 8), Quantizer(0.25, 8)
    x = model.quantize(model.input("image", (1, 2, 16, 8)), codes)
    x = model.conv(x, rng.normal(0, 1, (4, 2, 3, 3)), weights, pads=(1, 1, 1, 1))
    x = model.quantize(model.relu(x), codes)
    y = model.conv(x, rng.normal(0, 1, (4, 4, 3, 3)), weights, pads=(1, 1, 1, 1))
    y = model.quantize(model.add(model.quantize(y, codes), x), codes)
    z = model.conv(y, rng.normal(0, 1, (4, 4, 3, 3)), weights, strides=(4, 4))
    model.output(model.quantize(z, codes))
    model.save(path)
