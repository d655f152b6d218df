"""Adder graphs are exact, their intervals are met and never left, and they share what they can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qcompile.plan import adder_search
from qcompile.plan.adder_graph import (
    NONE,
    Adder,
    AdderGraph,
    Interval,
    Output,
    adder_luts,
    output_luts,
)
from qcompile.plan.adder_search import Options, adders, naive_adders

Ints = NDArray[np.int64]
QUICK = Options(effort=300)
BYTE = Interval(-128, 127)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Ints, list[int], list[int], list[int], Options]:
    n_out, n_in = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    largest = draw(st.sampled_from([1, 3, 8, 100, 5000]))
    numbers = st.integers(-largest, largest)
    weights = draw(st.lists(numbers, min_size=n_out * n_in, max_size=n_out * n_in))
    ends = [sorted(draw(st.tuples(*[st.integers(-300, 300)] * 2))) for _ in range(n_in)]
    bias = draw(st.lists(st.sampled_from([0, 0, 1, -8, 77]), min_size=n_out, max_size=n_out))
    extra = draw(st.sampled_from([None, 0, 1, 3]))
    options = Options(effort=draw(st.sampled_from([0, 300])), extra_depth=extra)
    matrix = np.array(weights).reshape(n_out, n_in)
    return matrix, [e[0] for e in ends], [e[1] for e in ends], bias, options


def vectors(lows: list[int], highs: list[int]) -> Ints:
    """All corners, and as many random vectors."""
    corners = np.array(np.meshgrid(*zip(lows, highs, strict=True))).reshape(len(lows), -1).T
    inside = np.random.default_rng(1).integers(lows, np.array(highs) + 1, corners.shape)
    return np.concatenate([corners, inside])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layers())
def test_results_and_intervals_are_exact(
    layer: tuple[Ints, list[int], list[int], list[int], Options],
) -> None:
    weights, lows, highs, bias, options = layer
    graph = adders(weights, lows, highs, options, bias)
    x = vectors(lows, highs)
    results = graph.evaluate(x)
    np.testing.assert_array_equal(results, x @ weights.T + bias)
    # The corners are among the vectors, so the ends of exact intervals are among the values.
    for node, wire in enumerate(graph.wires(x)):
        assert graph.interval(node) == Interval(int(wire.min()), int(wire.max()))
    for output, result in zip(graph.outputs, results.T, strict=True):
        assert output.interval == Interval(int(result.min()), int(result.max()))
    assert len(graph.ops) <= naive_adders(weights)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layers())
def test_graphs_are_well_formed(
    layer: tuple[Ints, list[int], list[int], list[int], Options],
) -> None:
    weights, lows, highs, bias, options = layer
    graph = adders(weights, lows, highs, options, bias)
    for node, op in enumerate(graph.ops, start=len(lows)):
        assert 0 <= op.a < node
        assert 0 <= op.b < node
        assert op.shift >= 0
        assert not (op.a_negated and op.b_negated)
    assert graph == graph.pruned() == graph.merged()
    assert graph == adders(weights, lows, highs, options, bias)


def least_depth(weights: Ints) -> int:
    return max((naive_adders(row[None])).bit_length() for row in weights)


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_depth_limit(extra: int, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(-128, 128, (10, 10))
    graph = adders(weights, [0] * 10, [255] * 10, Options(1000, extra_depth=extra))
    assert graph.depth <= least_depth(weights) + extra
    x = vectors([0] * 10, [255] * 10)
    np.testing.assert_array_equal(graph.evaluate(x), x @ weights.T)


@pytest.mark.parametrize(
    ("weights", "ops"),
    [
        ([[0, 0], [4, 0], [0, 1]], 0),
        ([[3, 5], [6, 10], [-3, -5], [-12, -20]], 3),  # 3x + 5y = ((x + y) << 2) + y - x
        ([[1, 1], [1, -1], [-1, 1]], 2),
        ([[7, 0], [0, 7]], 2),
        ([[45]], 2),  # 45 = 9 * 5
        ([[1, 2, 4, 8], [1, 2, 4, 8], [1, 2, 4, 9]], 4),
    ],
)
def test_least_adders_of_small_matrices(weights: list[list[int]], ops: int) -> None:
    matrix = np.array(weights)
    n = matrix.shape[1]
    graph = adders(matrix, [-8] * n, [7] * n)
    assert len(graph.ops) == ops
    np.testing.assert_array_equal(graph.evaluate(np.eye(n, dtype=np.int64)), matrix.T)


def test_signs_cost_an_adder_only_where_no_difference_can_be_turned() -> None:
    assert adders(np.array([[-1, -1]]), [0, 0], [1, 1]).adders == 2
    assert adders(np.array([[-1, -1]]), [0, 0], [1, 1], bias=[5]).adders == 2
    assert adders(np.array([[-1, 1], [1, 1]]), [0, 0], [1, 1]).adders == 2
    assert adders(np.array([[-1, -1, 1]]), [0] * 3, [1] * 3).adders == 2
    assert adders(np.array([[-4]]), [0], [1]).adders == 1


def test_constant_inputs_are_bias() -> None:
    graph = adders(np.array([[3, 5]]), [2, 0], [2, 9], bias=[-6])
    assert graph.ops == adders(np.array([[0, 5]]), [2, 0], [2, 9]).ops
    assert graph.outputs[0].bias == 0
    assert graph.evaluate(np.array([2, 9])).tolist() == [45]


def test_no_inputs_reach_an_output() -> None:
    graph = adders(np.zeros((2, 3), np.int64), [0] * 3, [1] * 3, bias=[0, -7])
    assert [o.node for o in graph.outputs] == [NONE, NONE]
    assert graph.adders == graph.luts == graph.depth == 0
    assert graph.evaluate(np.ones((4, 3), np.int64)).tolist() == [[0, -7]] * 4


def test_blocks_of_a_large_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adder_search, "MOST_PAIRS", 1000)
    weights = np.random.default_rng(5).integers(-128, 128, (9, 9))
    graph = adders(weights, [-8] * 9, [7] * 9, QUICK)
    np.testing.assert_array_equal(graph.evaluate(np.eye(9, dtype=np.int64)), weights.T)
    assert len(graph.ops) < naive_adders(weights)


def test_large_weights() -> None:
    weights = np.array([[2**39 + 12345, -(2**38) + 1], [2**39 - 1, 987654321987]])
    graph = adders(weights, [-1, -1], [1, 1], QUICK)
    np.testing.assert_array_equal(graph.evaluate(np.eye(2, dtype=np.int64)), weights.T)


def test_a_short_search_beats_one_pass() -> None:
    weights = np.random.default_rng(7).integers(-128, 128, (12, 12))
    once = adders(weights, [-8] * 12, [7] * 12, Options(effort=0))
    searched = adders(weights, [-8] * 12, [7] * 12, Options(effort=2000))
    assert searched.adders < once.adders < naive_adders(weights)


def test_dead_and_equal_nodes_go() -> None:
    total = Adder(0, 1, 0, False, False, Interval(0, 2))
    dead = Adder(0, 1, 1, False, False, Interval(0, 3))
    inputs = (Interval(0, 1), Interval(0, 1))
    twice = Adder(2, 4, 1, False, False, Interval(0, 6))  # total + 2 * (total again)
    output = Output(5, 0, False, 0, Interval(0, 6))
    graph = AdderGraph(inputs, (total, dead, total, twice), (output,))
    clean = graph.pruned().merged()
    assert clean.ops == (total, Adder(2, 2, 1, False, False, Interval(0, 6)))
    assert clean.outputs[0].node == 3
    x = vectors([0, 0], [1, 1])
    np.testing.assert_array_equal(clean.evaluate(x), graph.evaluate(x))


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(0, 0, 0), (0, 1, 1), (0, 255, 8), (-1, 0, 1), (-1, 1, 2), (-128, 127, 8), (-129, -3, 9)],
)
def test_widths(low: int, high: int, width: int) -> None:
    assert Interval(low, high).width == width


def test_luts_are_the_bits_that_carry() -> None:
    nibble = Interval(0, 15)
    assert adder_luts(Adder(0, 1, 0, False, False, Interval(0, 30)), nibble) == 5
    assert adder_luts(Adder(0, 1, 2, False, False, Interval(0, 75)), nibble) == 5
    assert adder_luts(Adder(0, 1, 4, False, False, Interval(0, 255)), nibble) == 0
    assert adder_luts(Adder(0, 1, 2, True, False, Interval(-15, 60)), nibble) == 7
    assert adder_luts(Adder(0, 1, 2, False, True, Interval(-60, 15)), nibble) == 5
    assert output_luts(Output(0, 2, False, 4, Interval(4, 64))) == 5
    assert output_luts(Output(0, 0, True, 0, Interval(-15, 0))) == 5
    assert output_luts(Output(0, 3, False, 0, Interval(0, 120))) == 0
