"""The level `rtl` of a design: its times are checked, and what is left unread is no fault."""

from __future__ import annotations

import numpy as np
import pytest

from builder import Builder
from cases import conv
from qcompile.errors import CompileError
from qcompile.plan.dataflow import plan_dataflow
from qcompile.verify.design_bench import DesignRunner, same_times


def test_rows_that_no_window_needs() -> None:
    """The last output leaves while rows of the image still wait at the port."""
    b = Builder("tail", 3)
    x = b.input((1, 14, 9, 2), 4)
    case = b.case(conv(b, x, (1, 1), 2, (3, 4), strides=(5, 5)))
    runner = DesignRunner(case.model, plan_dataflow(case.model, 20))
    found, wanted = runner.run(case.inputs), case.model.run(case.inputs)
    for port, codes in wanted.items():
        np.testing.assert_array_equal(found[port], codes)


def test_a_word_in_another_cycle_is_a_fault() -> None:
    with pytest.raises(CompileError, match="word 1 of 'x' in cycle 4, the plan says 3"):
        same_times("x", np.array([2, 3, -1]), np.array([2, 4]))
