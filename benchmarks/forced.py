"""The oracle, layer by layer: what follows a quantizer reads the codes of the reference.

Roundings that fall differently then stay in the layer where they happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.graph import Graph
from qcompile.semantics import Bounded, Grid, Input, Number, RealOp, constant
from qcompile.semantics.interval import fractions
from qcompile.semantics.units import whole

Floats = NDArray[np.float64]


def evaluate_forced(
    graph: Graph, feeds: Mapping[str, Number], given: Mapping[str, Number], keep: set[str]
) -> dict[str, Number]:
    """The values of `keep` as computed. Other nodes read those of `given` instead, where there."""
    values: dict[str, Number] = {}
    found: dict[str, Number] = {}
    last = {name: node.name for node in graph for name in node.inputs}
    for node in graph:
        op = node.op
        assert isinstance(op, RealOp)
        with np.errstate(all="ignore"):
            isin = isinstance(op, Input)
            value = feeds[node.name] if isin else op.run(*(values[i] for i in node.inputs))
        if node.name in keep:
            found[node.name] = value
        values[node.name] = given.get(node.name, value)
        for name in set(node.inputs):
            if last[name] == node.name:
                del values[name]
    return found


def integers(codes: NDArray[Any]) -> Grid:
    """Codes [samples, ...] as the exact numbers that they are."""
    return Grid(codes.astype(np.float64), whole(Fraction(1), codes.ndim))


def floats(values: Floats) -> Bounded:
    """Float64 numbers, each meant exactly."""
    flat = values.reshape(-1)
    return Bounded(values, np.zeros((1,) * values.ndim), lambda i, _: fractions(flat[i]))


def parameter(array: NDArray[Any]) -> Grid:
    """A scale or zero point, to broadcast against numbers with a sample axis."""
    return constant(np.asarray(array))


def nearest(number: Number) -> Floats:
    """The float64 nearest to each element."""
    if isinstance(number, Grid):
        return number.codes * number.unit.astype(np.float64)
    return number.value
