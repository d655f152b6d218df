"""From the graph as read to the integer graph: every pass, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qcompile.model import IntegerModel
from qcompile.passes.fold_constants import fold_constants
from qcompile.passes.integerize import integerize
from qcompile.passes.layout import absorb_flatten, absorb_input_order, drop_idle_movement
from qcompile.passes.narrow_joins import narrow_joins
from qcompile.passes.order_channels import order_channels
from qcompile.passes.requant_first import requant_first
from qcompile.source import Source

Pass = Callable[[IntegerModel], IntegerModel]

PASSES: tuple[Pass, ...] = (
    requant_first,
    absorb_input_order,
    absorb_flatten,
    drop_idle_movement,
    narrow_joins,
    order_channels,
)
"""On the integer graph, after `fold_constants` and `integerize`."""


def lower(source: Source) -> IntegerModel:
    """The integer graph that computes what `source` means.

    Raises CompileError, or CompileErrors naming every node that cannot be compiled.
    """
    model = integerize(replace(source, graph=fold_constants(source.graph)))
    for step in PASSES:
        model = step(model)
    return model
