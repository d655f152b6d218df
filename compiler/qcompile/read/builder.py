"""The graph of reals while it is being built: values, expressions, names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Graph
from qcompile.qtype import Shape
from qcompile.read.elements import REAL, Element
from qcompile.read.tensors import check_size
from qcompile.semantics.number import Number
from qcompile.semantics.units import EXACT
from qcompile.source import Semantics


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the ONNX graph: a node of the graph of reals, or an array known at reading."""

    name: str
    element: Element
    shape: Shape
    node: str | None = None
    array: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Expr:
    """An op to be added, reading nodes that are there or further expressions."""

    op: real.RealOp
    inputs: tuple[Term, ...]
    label: str


Term = str | Expr


@dataclass(frozen=True, eq=False)
class Made:
    """What a handler returns for an output: an expression, a node, or an array."""

    what: Term | NDArray[Any]
    element: Element = REAL


Result = Made | list[Made | None]


def expr(op: real.RealOp, *inputs: Term, label: str = "") -> Expr:
    """An expression; in the graph it is called after the ONNX tensor and its label."""
    return Expr(op, inputs, label or op.title.lower())


def const(value: Any, label: str) -> Expr:
    """A constant that the ONNX graph has only as an attribute, or not at all."""
    return Expr(real.Constant(np.asarray(value)), (), label)


@dataclass(eq=False)
class Builder:
    """What is known so far."""

    opset: int
    semantics: Semantics
    reserved: frozenset[str]  # names of ONNX tensors, which helpers must not take
    reads: frozenset[str]  # ONNX tensors that a node reads or the graph returns
    graph: Graph = field(default_factory=Graph)
    values: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    varying: set[str] = field(default_factory=set)  # nodes that depend on an input
    numbers: dict[str, Number] = field(default_factory=dict)  # of nodes that do not

    def add(self, name: str, op: real.RealOp, *inputs: str, origin: str) -> str:
        """Add a node; raises CompileError where it does not fit or would be huge."""
        if isinstance(op, real.Constant):
            check_finite(name, op.value)
        self.graph.add(name, op, *inputs, origin=origin)
        check_size(self.graph[name].type.shape)
        if isinstance(op, real.Input) or any(i in self.varying for i in inputs):
            self.varying.add(name)
        return name

    def node(self, value: Value) -> str:
        """The node of a value; arrays become constants when somebody reads them as such."""
        if value.node is not None:
            return value.node
        assert value.array is not None
        if value.name not in self.graph:
            self.add(value.name, real.Constant(value.array), origin=value.name)
        return value.name

    def define(self, name: str, made: Made, origin: str) -> None:
        """Give an ONNX tensor its value."""
        if not isinstance(made.what, str | Expr):
            array = np.asarray(made.what)
            self.values[name] = Value(name, made.element, array.shape, array=array)
            return
        node = made.what
        if isinstance(node, Expr):
            node = self._emit(node, name, name, origin, {})
        self.values[name] = Value(name, made.element, self.graph[node].type.shape, node=node)

    def _emit(self, term: Term, base: str, name: str, origin: str, done: dict[int, str]) -> str:
        """Add an expression's nodes, inputs first; `base` is the ONNX tensor that it computes."""
        if isinstance(term, str):
            return term
        if id(term) not in done:
            inputs = [self._emit(t, base, "", origin, done) for t in term.inputs]
            own = name or self._fresh(f"{base}/{term.label}")
            done[id(term)] = self.add(own, term.op, *inputs, origin=origin)
        return done[id(term)]

    def _fresh(self, name: str) -> str:
        found, i = name, 0
        while found in self.reserved or found in self.graph:
            i += 1
            found = f"{name}_{i}"
        return found

    def tensors(self) -> dict[str, str]:
        """ONNX tensor -> node, for all that have one."""
        found = {name: v.node for name, v in self.values.items() if v.node is not None}
        return found | {n: n for n, v in self.values.items() if v.node is None and n in self.graph}

    def used(self, name: str) -> bool:
        """Whether anything needs an ONNX tensor."""
        return name in self.reads

    def constant(self, node: str) -> bool:
        """Whether the node has the same value for every input."""
        return node not in self.varying

    def number(self, node: str) -> Number:
        """The value of a constant node, certified."""
        pending = [node]
        while pending:
            current = self.graph[pending[-1]]
            missing = [i for i in current.inputs if i not in self.numbers]
            if current.name in self.numbers or not missing:
                pending.pop()
            else:
                pending += missing
                continue
            if current.name not in self.numbers:
                assert isinstance(current.op, real.RealOp)
                with np.errstate(all="ignore"):
                    found = current.op.run(*(self.numbers[i] for i in current.inputs))
                self.numbers[current.name] = found
        return self.numbers[node]

    def known(self, value: Value) -> NDArray[Any] | None:
        """The elements of a value, where they are constant: stored, or computed to float64."""
        if value.array is not None:
            return value.array
        if value.node is None or value.node in self.varying:
            return None
        floats: NDArray[Any] = self.number(value.node).bounded().value[0]
        return floats


def check_finite(name: str, array: NDArray[Any]) -> None:
    """Raises CompileError where a constant holds what is no number, or is out of reach."""
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise CompileError(
            "the constant holds NaN or infinity",
            at=name,
            help="find out in training or calibration where it comes from",
        )
    wide = array.dtype.kind in "iu" and array.dtype.itemsize == 8
    if wide and np.abs(array.astype(np.float64)).max(initial=0.0) >= EXACT:
        raise CompileError(
            "the constant holds integers beyond 2^53", at=name, help="use smaller numbers"
        )
