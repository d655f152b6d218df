"""What comes out of the passes: an integer graph, its ports, and what was proved of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.graph import Graph
from qcompile.qtype import Ints, QType, Shape
from qcompile.semantics.arithmetic import Add, Div, Mul
from qcompile.semantics.interval import Exact
from qcompile.semantics.movement import Transpose
from qcompile.semantics.number import Bounded, Grid, Number
from qcompile.semantics.units import ROUNDING, whole, without_zeros


@dataclass(frozen=True, eq=False)
class Link:
    """What the codes of an integer tensor mean: real = unit·code + offset, exactly.

    `real` names the node of the graph as read that has this value. `axes` is the stored order:
    stored axis i is ONNX axis `axes[i]`. `unit` and `offset` are arrays of Fractions that
    broadcast to the stored shape: one number, or one for each channel of the last stored axis.
    """

    node: str  # in the integer graph
    real: str
    shape: Shape  # of the ONNX tensor, one sample
    axes: tuple[int, ...]
    unit: Exact
    offset: Exact
    order: tuple[int, ...] = field(default=(), kw_only=True)
    """Stored channel i is channel `order[i]`; empty where channels are in their own order."""

    def codes(self, number: Number) -> Ints:
        """The codes that a value of `real` stands for: int64 [samples, *stored shape].

        Raises ValueError where the value is not exactly on the grid.
        """
        if not isinstance(number, Grid):
            return self._nearest(number.bounded())
        moved = Transpose(self.axes).run(number)
        assert isinstance(moved, Grid)
        codes = Add().run(moved, as_number(-self.offset)) if any(self.offset.flat) else moved
        codes = Div().run(codes, as_number(self.unit))
        if not isinstance(codes, Grid):
            return self._nearest(number.bounded())
        top = np.vectorize(lambda f: f.numerator, otypes=[np.float64])(codes.unit)
        bottom = np.vectorize(lambda f: f.denominator, otypes=[np.float64])(codes.unit)
        exact = codes.codes * top / bottom
        if np.any(exact != np.rint(exact)) or np.any(np.rint(exact) * bottom != codes.codes * top):
            raise ValueError(f"{self.real!r} is not on the grid")
        out: Ints = exact.astype(np.int64)
        return out[..., list(self.order)] if self.order else out

    def _nearest(self, number: Bounded) -> Ints:
        """The codes of a value that is only known within a bound, far below half a unit."""
        order = (0, *(a + 1 for a in self.axes))
        unit, offset = (a.astype(np.float64)[np.newaxis] for a in (self.unit, self.offset))
        place = (number.value.transpose(order) - offset) / unit
        error = np.broadcast_to(number.error, number.shape).transpose(order) / np.abs(unit)
        error = error + ROUNDING * 4 * (np.abs(place) + np.abs(offset / unit))
        codes = np.rint(place)
        if np.any(error > 0.25) or np.any(np.abs(place - codes) > error):
            raise ValueError(f"{self.real!r} is not on the grid")
        out: Ints = codes.astype(np.int64)
        return out[..., list(self.order)] if self.order else out

    def number(self, codes: Ints) -> Number:
        """The exact reals behind codes [samples, *stored shape], in ONNX's order of axes."""
        if self.order:
            codes = codes[..., np.argsort(self.order)]
        number: Number = Mul().run(
            Grid(codes.astype(np.float64), whole(Fraction(1), codes.ndim)), as_number(self.unit)
        )
        if any(self.offset.flat):
            number = Add().run(number, as_number(self.offset))
        return Transpose(tuple(int(a) for a in np.argsort(self.axes))).run(number)

    def stored(self, x: NDArray[Any]) -> NDArray[Any]:
        """[samples, *shape] in the stored order."""
        return x.transpose(0, *(a + 1 for a in self.axes))

    def restored(self, x: NDArray[Any]) -> NDArray[Any]:
        """The inverse of `stored`."""
        return x.transpose(0, *(int(a) + 1 for a in np.argsort(self.axes)))


@dataclass(frozen=True, eq=False)
class Port(Link):
    """An input or output of the network: a link with the name that ONNX gives it."""

    name: str


def as_number(array: Exact) -> Grid:
    """Fractions as a constant number with a sample axis."""
    shaped = array[np.newaxis]
    return Grid(np.where(shaped == 0, 0.0, 1.0), without_zeros(shaped))


@dataclass(frozen=True)
class Proof:
    """What is proved of one function that a Requant or a join computes."""

    node: str  # in the integer graph
    origin: str  # the ONNX nodes that it stands for
    forms: dict[str, int]  # how many channels have which form
    constants: tuple[dict[str, Any], ...]  # per channel group: the form, its interval
    method: str  # how it was proved
    differences: tuple[dict[str, Any], ...] = ()  # input classes on which the result may differ


@dataclass(frozen=True)
class IntegerModel:
    """A network in integers, from input codes to the last integer tensors."""

    name: str
    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    proofs: tuple[Proof, ...] = ()
    links: dict[str, Link] = field(default_factory=dict)
    """What each integer tensor means, by its node's name."""

    def type_of(self, port: Port) -> QType:
        """The integer type behind a port."""
        found = self.graph[port.node].type
        assert isinstance(found, QType)
        return found

    def run(self, codes: dict[str, Ints], trace: bool = False) -> dict[str, Ints]:
        """Evaluate on input codes by port name, each int64 [samples, *stored shape].

        Returns the outputs by port name, or with `trace` every node's value by node name.
        """
        feeds = {port.node: codes[port.name] for port in self.inputs}
        values: dict[str, Ints] = {}
        last = {name: node.name for node in self.graph for name in node.inputs}
        kept = set(self.graph.outputs)
        for node in self.graph:
            if node.name in feeds:
                values[node.name] = feeds[node.name]
            else:
                values[node.name] = node.op.run(*(values[i] for i in node.inputs))  # type: ignore[attr-defined]
            if not trace:
                for name in set(node.inputs):
                    if last[name] == node.name and name not in kept:
                        del values[name]
        if trace:
            return values
        samples = next(iter(feeds.values())).shape[0] if feeds else 1
        return {
            p.name: np.broadcast_to(values[p.node], (samples, *values[p.node].shape[1:]))
            for p in self.outputs
        }
