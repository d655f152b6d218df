"""Emitted C: every op, bit for bit, with sanitizers."""

from __future__ import annotations

import numpy as np
import pytest

from builder import Builder, Case, channel
from c_runner import Runner
from cases import CASES, dense
from qcompile.errors import CompileError
from qcompile.ops import OPS, Constant, Conv, Dense, Input, Reshape
from qcompile.plan.c_drafts import BUILDERS
from qcompile.plan.c_types import accumulator
from qcompile.qtype import QType
from qcompile.resources import folder


def every_width(b: Builder) -> Case:
    """Weights of each width from 0 to 32 bits: the packed rows start at every place in a byte."""
    bits = tuple(range(33))
    weight = np.stack([channel(b.random, (7,), w) for w in bits])
    return b.case(b.add(Dense(weight, b.bias(33), bits), b.input((7,), 4)))


def every_byte_width(b: Builder) -> Case:
    """The same where unpacked weights are bytes, and where they are half words."""
    x = b.input((9,), 8)
    return b.case(dense(b, x, 9, tuple(range(9))), dense(b, x, 17, tuple(range(17))))


def sparse_codes(b: Builder) -> Case:
    """Weights that fit their width only less an offset or by a step, and those that do not."""
    rows = [
        [5, 6, 5, 6],
        [-7, -4, -1, -7],
        [0, 1, 0, 1],
        [9, 9, 9, 9],
        [-1, 0, 1, 2],
        [40, -3, 7, 0],
    ]
    return b.case(b.add(Dense(np.array(rows), b.bias(6), (1, 2, 1, 1, 1, 2)), b.input((4,), 8)))


def wide_padding(b: Builder) -> Case:
    """Sums of 64 bits with a pad value: the border sums lie before the filter."""
    weight, bits = b.weights((3, 3, 3, 2), (16, 13))
    op = Conv(weight, b.bias(3), bits, pads=(1, 1, 1, 1), pad_value=-30000)
    return b.case(b.requant(b.add(op, b.input((1, 4, 5, 2), 17)), 11))


OWN = (every_width, every_byte_width, sparse_codes, wide_padding)
BUILT = {make.__name__: make(Builder(make.__name__, s)) for s, make in enumerate((*CASES, *OWN))}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("cases"), BUILT.values())


@pytest.mark.parametrize("name", BUILT)
def test_every_bit(runner: Runner, name: str) -> None:
    """Outputs, and the value of every layer, equal the ops' own definition."""
    case = BUILT[name]
    outputs, values = runner.run(case)
    wanted = case.model.run(case.inputs)
    traced = case.model.run(case.inputs, trace=True)
    for port, made in outputs.items():
        np.testing.assert_array_equal(made, wanted[port], err_msg=port)
    for node, made in values.items():
        np.testing.assert_array_equal(made, np.broadcast_to(traced[node], made.shape), node)


def test_every_op_has_code_and_a_template() -> None:
    covered = {type(node.op) for case in BUILT.values() for node in case.model.graph}
    assert covered == set(OPS)
    assert {*BUILDERS, Input, Constant, Reshape} == set(OPS)
    for op in BUILDERS:
        assert (
            folder("templates") / "c" / "ops" / f"{op.__module__.split('.')[-1]}.c.j2"
        ).is_file()


def test_too_wide_for_c() -> None:
    with pytest.raises(CompileError, match="sums of more than 64 bits"):
        accumulator(2**63)


def test_an_accumulator_is_as_wide_as_its_partial_sums() -> None:
    """Sums that end within 32 bits but pass 2^31 on the way are of 64 bits."""
    weight = np.array([[2**15, -(2**15)]])
    x = QType.of((2,), 2**16 - 1, 2**16 - 1)
    assert Dense(weight, np.array([0]), (17,)).reach(x) == 2**16 * (2**16 - 1)
    assert accumulator(2**31 - 1).bits == 32
    assert accumulator(2**31).bits == 64
