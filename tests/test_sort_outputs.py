"""Last layers whose channels are sorted by width, and put back in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from builder import Builder, Case
from c_runner import Runner
from cases import conv, dense
from qcompile.ops import Conv, Dense, Gather
from qcompile.passes.sort_outputs import mixed, sort_outputs
from qcompile.plan.c_plan import plan_c

WIDTHS = (2, 8, 4, 8, 2)  # channel after channel

Made = Callable[[Builder], Case]


def last_dense(b: Builder) -> Case:
    x = b.input((64,), 8, signed=False)
    return b.case(b.requant(dense(b, x, 50, WIDTHS), 8, signed=False))


def bare_dense(b: Builder) -> Case:
    return b.case(dense(b, b.input((64,), 8), 50, WIDTHS))


def one_pixel(b: Builder) -> Case:
    x = b.input((1, 3, 3, 16), 8)
    return b.case(b.requant(conv(b, x, (3, 3), 30, WIDTHS), 8))


def many_pixels(b: Builder) -> Case:
    """Putting these in order would take longer."""
    x = b.input((1, 20, 20, 2), 8)
    return b.case(b.requant(conv(b, x, (1, 1), 30, WIDTHS), 8))


def one_width(b: Builder) -> Case:
    return b.case(dense(b, b.input((64,), 8), 48, (8,)))


def read_again(b: Builder) -> Case:
    """An output that another layer reads."""
    x = b.requant(dense(b, b.input((64,), 8), 50, WIDTHS), 8)
    return b.case(x, dense(b, x, 8, (8,)))


SORTED: tuple[Made, ...] = (last_dense, bare_dense, one_pixel)
LEFT: tuple[Made, ...] = (many_pixels, one_width, read_again)


def made(case: Made) -> Case:
    return case(Builder(case.__name__, 5))


@pytest.mark.parametrize("case", SORTED)
def test_channels_are_sorted_and_results_are_not(case: Made) -> None:
    before = made(case)
    model = before.model
    after = sort_outputs(model)
    assert isinstance(after.graph[model.outputs[0].node].op, Gather)
    (op,) = (n.op for n in after.graph if isinstance(n.op, Conv | Dense))
    (old,) = (n.op for n in model.graph if isinstance(n.op, Conv | Dense))
    assert isinstance(op, Conv | Dense)
    assert isinstance(old, Conv | Dense)
    assert mixed(op.weight_bits) <= 2 < mixed(old.weight_bits)
    wanted, found = model.run(before.inputs), after.run(before.inputs)
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name])


@pytest.mark.parametrize("case", LEFT)
def test_what_does_not_gain_stays(case: Made) -> None:
    model = made(case).model
    assert sort_outputs(model) is model


def test_the_code_computes_the_same(tmp_path: Path) -> None:
    before = [made(case) for case in SORTED]
    after = [Case(c.name, sort_outputs(c.model), c.inputs) for c in before]
    runner = Runner(tmp_path, after)
    for old, new in zip(before, after, strict=True):
        wanted = old.model.run(old.inputs)
        found, _ = runner.run(new)
        for name in wanted:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=old.name)


def test_the_cycles_of_a_sorted_layer_are_all_its_own() -> None:
    """What puts its results in order counts as part of it."""
    model = made(last_dense).model
    plan = plan_c(sort_outputs(model), "net")
    assert len(plan.steps) == 2
    assert {plan.layer_of(step) for step in plan.steps} == {model.outputs[0].node}
