"""Which nodes of an adder graph are negated, so that no output needs an adder for its sign."""

from __future__ import annotations

import random
from dataclasses import replace

from qcompile.plan.adder_graph import Adder, AdderGraph, Interval, Output

STEPS = 20  # tries per node


class _Signs:
    """`flipped[n]`: node n carries the negated value. Rules: no adder with two negated operands,
    and no negated output (where it has no bias: with one, its adder subtracts as well)."""

    def __init__(self, graph: AdderGraph) -> None:
        self.graph = graph
        self.first = len(graph.inputs)
        self.flipped = [False] * (self.first + len(graph.ops))
        self.outputs = [o for o in graph.outputs if o.node >= self.first and not o.bias]
        rules = len(graph.ops) + len(self.outputs)
        self.nodes = [self._nodes_of(rule) for rule in range(rules)]
        self.rules: list[list[int]] = [[] for _ in self.flipped]
        for rule, nodes in enumerate(self.nodes):
            for node in nodes:
                self.rules[node].append(rule)
        self.broken = {rule for rule in range(rules) if self.breaks(rule)}

    def _nodes_of(self, rule: int) -> list[int]:
        n = len(self.graph.ops)
        if rule >= n:
            return [self.outputs[rule - n].node]
        op = self.graph.ops[rule]
        return sorted({x for x in (self.first + rule, op.a, op.b) if x >= self.first})

    def breaks(self, rule: int) -> bool:
        n = len(self.graph.ops)
        if rule >= n:
            output = self.outputs[rule - n]
            return output.negated != self.flipped[output.node]
        op = self.graph.ops[rule]
        own = self.flipped[self.first + rule]
        a, b = self.flipped[op.a] ^ op.a_negated, self.flipped[op.b] ^ op.b_negated
        return a != own and b != own

    def flip(self, node: int) -> None:
        self.flipped[node] = not self.flipped[node]
        for rule in self.rules[node]:
            if self.breaks(rule):
                self.broken.add(rule)
            else:
                self.broken.discard(rule)

    def harm(self, node: int) -> int:
        """How many more rules are broken once the node is flipped."""
        before = len(self.broken)
        self.flip(node)
        after = len(self.broken)
        self.flip(node)
        return after - before


def settled(graph: AdderGraph) -> AdderGraph:
    """The same results with as few negated outputs as a short random walk finds."""
    signs = _Signs(graph)
    rules = len(graph.ops)  # those above are of outputs, and can be paid for
    choices = random.Random(1)
    best, least = list(signs.flipped), len(signs.broken)
    for _ in range(STEPS * (len(graph.ops) + 1)):
        if not signs.broken:
            break
        nodes = signs.nodes[choices.choice(sorted(signs.broken))]
        if choices.random() < 0.1:
            signs.flip(choices.choice(nodes))
        else:
            signs.flip(min(nodes, key=lambda n: (signs.harm(n), choices.random())))
        if len(signs.broken) < least and min(signs.broken, default=rules) >= rules:
            best, least = list(signs.flipped), len(signs.broken)
    return _flipped(graph, best)


def _flipped(graph: AdderGraph, flipped: list[bool]) -> AdderGraph:
    ops = []
    for i, op in enumerate(graph.ops):
        own = flipped[len(graph.inputs) + i]
        ops.append(_with_signs(op, flipped[op.a] ^ own, flipped[op.b] ^ own, own))
    outputs = tuple(_with_sign(o, flipped) for o in graph.outputs)
    return AdderGraph(graph.inputs, tuple(ops), outputs)


def _with_signs(op: Adder, a: bool, b: bool, own: bool) -> Adder:
    i = op.interval
    interval = Interval(-i.high, -i.low) if own else i
    negated = {"a_negated": op.a_negated ^ a, "b_negated": op.b_negated ^ b}
    return replace(op, interval=interval, **negated)


def _with_sign(output: Output, flipped: list[bool]) -> Output:
    if output.node < 0:
        return output
    return replace(output, negated=output.negated ^ flipped[output.node])
