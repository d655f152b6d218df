"""The generated networks of the benchmarks: shapes, widths, and that all codes occur."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.riscv_bounds import dense_rate, executed, products
from benchmarks.riscv_figures import Figures, Kind, Layer, Sizes, load, save
from benchmarks.riscv_kept import ERROR, Kept
from benchmarks.riscv_layers import BARE
from benchmarks.riscv_tables import Goal, Part, overview
from benchmarks.shapes import MEASURED, MIX, Shape, Single, Widths, network, single
from qcompile.export import Model
from qcompile.model import IntegerModel
from qcompile.ops import Conv, Dense
from qcompile.passes import lower
from qcompile.plan.layers import layers
from qcompile.read import read
from qcompile.report.figures import layer_rows
from qcompile.rtl import Isa
from qcompile.verify.host import HostLibrary
from qcompile.verify.run import check
from qcompile.verify.vectors import CORNERS, vectors

MACS = {  # of the trained networks of these shapes
    Shape.RESNET8: 12_501_632,
    Shape.DSCNN: 2_656_768,
    Shape.AUTOENCODER: 264_192,
    Shape.MOBILENET: 7_157_888,
}
ALONE = {
    Single.CONV: 9_437_184,
    Single.SMALL_CONV: 2_359_296,
    Single.POINTWISE: 512_000,
    Single.DEPTHWISE: 72_000,
    Single.DENSE: 81_920,
}


def lowered(model: Model, folder: Path) -> IntegerModel:
    path = folder / "network.onnx"
    model.save(path)
    return lower(read(path))


@pytest.mark.parametrize("shape", [Shape.RESNET8, Shape.DSCNN])
def test_networks_have_the_shapes_that_they_are_named_for(shape: Shape, tmp_path: Path) -> None:
    model = lowered(network(shape, Widths(4, None)), tmp_path)
    rows = layer_rows(model)
    assert sum(row["macs"] for row in rows) == MACS[shape]
    inner = [row for row in rows if row["macs"]]
    assert {row["input_bits"] for row in inner} == {4}
    drawn = Counter[int]()
    for node in model.graph:
        if isinstance(node.op, Conv | Dense):
            drawn.update(node.op.weight_bits)
    assert set(drawn) == set(MIX)
    assert min(drawn.values()) > sum(drawn.values()) / 5


@pytest.mark.parametrize("layer", Single)
def test_single_layers_are_the_second_product(layer: Single, tmp_path: Path) -> None:
    rows = layer_rows(lowered(single(layer, Widths(2, 4)), tmp_path))
    products = [row for row in rows if row["macs"]]
    assert len(products) == 3
    assert products[MEASURED]["macs"] == ALONE[layer]
    assert products[MEASURED]["input_bits"] == products[MEASURED]["output_bits"] == 2
    assert products[MEASURED]["weight_bits"].keys() == {"4"}


@pytest.mark.parametrize("widths", [Widths(8, 8), Widths(2, 2), Widths(4, None)], ids=str)
def test_every_layer_uses_its_codes_and_the_code_is_exact(widths: Widths, tmp_path: Path) -> None:
    model = lowered(network(Shape.DSCNN, widths), tmp_path)
    count = len(CORNERS) + 2
    given = vectors(model, count)
    check(model, HostLibrary.of(model), "host", given)
    values = model.run(given, trace=True)
    for layer in layers(model.graph):
        if isinstance(layer.main.op, Conv):
            codes = values[layer.last.name][len(CORNERS) :]
            most = 1 << widths.activations
            assert len(np.unique(codes)) >= 0.9 * most, layer.name


def test_the_same_calls_give_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        network(Shape.AUTOENCODER, Widths(8, None)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_widths_are_executed_by_the_next_of_the_unit() -> None:
    assert [executed(bits) for bits in range(1, 9)] == [2, 2, 4, 4, 8, 8, 8, 8]


def product(a: int, w: int) -> Layer:
    """A layer of 64 channels and 16 pixels, with the work of one of 64 channels."""
    widths = {w: 64}
    return Layer("layer", Kind.PRODUCT, 64 * 64 * 16, 16, 64, 64, 1024, a, widths, 3, cycles=9)


@pytest.mark.parametrize("pair", BARE, ids=str)
def test_the_bound_of_products_is_the_bare_loop(pair: tuple[int, int]) -> None:
    """The measured loops take besides only what starts them, once in 1024 weights."""
    layer = product(*pair)
    bound = layer.macs / products(layer)
    assert 0.99 * bound < BARE[pair] <= round(bound, 2)


def test_figures_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    old = Figures("network", Isa.MPIC_Q, "1", error="it was not there")
    new = Figures("network", Isa.MPIC_Q, "2", (product(8, 4),), Sizes(flash=5, stack=7), "proved")
    for found in (old, new):
        save(path, found)
    assert load(path) == {("network", Isa.MPIC_Q): new}


def test_dense_layers_of_bytes_are_bound_by_loads_and_shifts() -> None:
    """Of each word: a load, a dot product for four codes, a shift for each channel but one."""
    words = {8: 1 + 1, 4: 1 + 2 + 1, 2: 1 + 4 + 3}
    assert [dense_rate(bits) for bits in words] == [32 / b / n for b, n in words.items()]


def test_tables_are_kept_until_the_code_changes(tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    made = iter(range(9))
    kept = Kept.load(path, keep=False)
    assert kept.table("a", lambda: {"n": next(made)}, "1") == {"n": 0}
    again = Kept.load(path, keep=False)
    assert again.table("a", lambda: {"n": next(made)}, "1") == {"n": 0}
    assert again.table("a", lambda: {"n": next(made)}, "2") == {"n": 1}
    assert Kept.load(path, keep=True).table("a", dict, "3") == {"n": 1}


def test_what_goes_wrong_is_kept_as_words(tmp_path: Path) -> None:
    found = Kept.load(tmp_path / "x", keep=False).table("a", lambda: {"n": 1 // 0}, "1")
    assert found[ERROR].startswith("ZeroDivisionError")


def test_goals_say_how_far_they_are_and_whether_a_bound_stands_against_them() -> None:
    goals = (
        Goal("fast", 2.0, 2.1),
        Goal("faster", 2.0, 1.5, best=1.6),
        Goal("small", 100, 110, most=True, digits=0, best=90),
    )
    assert [g.verdict for g in goals] == ["yes", "no: 25.0% below; bound 1.600", "no: 10.0% above"]
    rows = overview([Part("Part", "", goals), Part("without goals", "")]).splitlines()
    assert rows[2:4] == ["| Part | 3 | 1 | 2 | 1 |", "| all | 3 | 1 | 2 | 1 |"]
