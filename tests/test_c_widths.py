"""Which widths of weights get kernels of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

import qcompile
from qcompile.passes import lower
from qcompile.plan.c_widths import executed
from qcompile.plan.tiles import EXECUTED
from qcompile.rtl import Isa

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(("name", "widths"), [("digits_mlp", (8,)), ("digits_cnn", EXECUTED)])
def test_few_products_get_no_kernels_on_rv32imc(name: str, widths: tuple[int, ...]) -> None:
    model = lower(qcompile.read(EXAMPLES / name / "model.onnx"))
    assert executed(model.graph, Isa.RV32IMC) == widths
    assert executed(model.graph, Isa.CV32E40P) == EXECUTED
