"""Graphs of adders ``±a ± (b << shift)``: constant matrix times vector without multipliers.

Nodes are numbered: the inputs first, then the operations in order, each after its operands.
Every wire has the exact integer interval of what it can carry, because each is a known linear
function of inputs that vary independently.

The cost model: an adder is one ripple carry chain, with one LUT for each bit that it computes.
Bits of the unshifted operand below the shifted one pass through free, unless it is subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NONE = -1  # the node of an output that no input reaches


@dataclass(frozen=True)
class Interval:
    """All integers from low to high."""

    low: int
    high: int

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits of a wire for it, in two's complement if it has negative numbers."""
        if not self.signed:
            return self.high.bit_length()
        return 1 + max((~self.low).bit_length(), max(self.high, 0).bit_length())


@dataclass(frozen=True)
class Adder:
    """The node ``±a ± (b << shift)``; never are both operands negated."""

    a: int
    b: int
    shift: int
    a_negated: bool
    b_negated: bool
    interval: Interval

    @property
    def subtracts(self) -> bool:
        return self.a_negated or self.b_negated

    def value(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        shifted = b << self.shift
        return (-a if self.a_negated else a) + (-shifted if self.b_negated else shifted)


@dataclass(frozen=True)
class Output:
    """The result ``bias ± (node << shift)``; only the bias where node is NONE."""

    node: int
    shift: int
    negated: bool
    bias: int
    interval: Interval

    @property
    def adds(self) -> bool:
        """Whether it takes an adder, for a bias or a change of sign."""
        return self.node != NONE and (self.negated or self.bias != 0)


@dataclass(frozen=True)
class AdderGraph:
    inputs: tuple[Interval, ...]
    ops: tuple[Adder, ...]
    outputs: tuple[Output, ...]

    def evaluate(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Results [..., outputs] of inputs [..., inputs], in int64."""
        wires = self.wires(x)
        results = np.empty((*x.shape[:-1], len(self.outputs)), np.int64)
        for i, output in enumerate(self.outputs):
            value = np.zeros(x.shape[:-1], np.int64)
            if output.node != NONE:
                value = wires[output.node] << output.shift
            results[..., i] = output.bias + (-value if output.negated else value)
        return results

    def wires(self, x: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """The values of all nodes for inputs [..., inputs]."""
        assert x.shape[-1] == len(self.inputs)
        wires = [x[..., i].astype(np.int64) for i in range(len(self.inputs))]
        for op in self.ops:
            wires.append(op.value(wires[op.a], wires[op.b]))
        return wires

    @property
    def adders(self) -> int:
        """All carry chains, those of biases and final signs too."""
        return len(self.ops) + sum(o.adds for o in self.outputs)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """The most adders on a path to each node; 0 for inputs."""
        depths = [0] * len(self.inputs)
        for op in self.ops:
            depths.append(1 + max(depths[op.a], depths[op.b]))
        return tuple(depths)

    @property
    def depth(self) -> int:
        """The most adders on a path to an output, without its bias or sign."""
        return max((self.depths[o.node] for o in self.outputs if o.node != NONE), default=0)

    @property
    def luts(self) -> int:
        """LUTs by the cost model of this module."""
        ops = sum(adder_luts(op, self.interval(op.a)) for op in self.ops)
        return ops + sum(output_luts(o) for o in self.outputs)

    def interval(self, node: int) -> Interval:
        n = len(self.inputs)
        return self.inputs[node] if node < n else self.ops[node - n].interval

    def pruned(self) -> AdderGraph:
        """Without the nodes that no output needs."""
        n = len(self.inputs)
        needed = {o.node for o in self.outputs}
        for i in reversed(range(len(self.ops))):
            if n + i in needed:
                needed |= {self.ops[i].a, self.ops[i].b}
        same = {i: i for i in range(n)}
        kept = [i for i in range(len(self.ops)) if n + i in needed]
        same |= {n + old: n + new for new, old in enumerate(kept)}
        return self._renumbered([self.ops[i] for i in kept], same)

    def merged(self) -> AdderGraph:
        """With one node for all operations that are written alike."""
        n = len(self.inputs)
        same = {i: i for i in range(n)}
        seen: dict[Adder, int] = {}
        for i, op in enumerate(self.ops):
            moved = _moved(op, same)
            same[n + i] = seen.setdefault(moved, n + len(seen))
        ops = tuple(seen)
        outputs = tuple(_redirected(o, same) for o in self.outputs)
        return AdderGraph(self.inputs, ops, outputs)

    def _renumbered(self, ops: Sequence[Adder], same: dict[int, int]) -> AdderGraph:
        outputs = tuple(_redirected(o, same) for o in self.outputs)
        return AdderGraph(self.inputs, tuple(_moved(op, same) for op in ops), outputs)


def _moved(op: Adder, same: dict[int, int]) -> Adder:
    a, b = same[op.a], same[op.b]
    return Adder(a, b, op.shift, op.a_negated, op.b_negated, op.interval)


def _redirected(o: Output, same: dict[int, int]) -> Output:
    node = NONE if o.node == NONE else same[o.node]
    return Output(node, o.shift, o.negated, o.bias, o.interval)


def adder_luts(op: Adder, a: Interval) -> int:
    """LUTs of an operation whose first operand has the interval `a`.

    Disjoint bits cost nothing: an unsigned a that ends below a shifted b is only wired.
    """
    if not op.subtracts and not a.signed and a.width <= op.shift:
        return 0
    return op.interval.width - (0 if op.a_negated else op.shift)


def output_luts(output: Output) -> int:
    if not output.adds:
        return 0
    free = output.shift
    if output.bias:  # the zeros of the bias are free too, those below its lowest one
        free = min(free, (output.bias & -output.bias).bit_length() - 1)
    return max(output.interval.width - free, 0)
