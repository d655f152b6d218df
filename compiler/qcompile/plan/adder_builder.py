"""Building adder graphs from sums of terms: values that exist are never computed twice."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcompile.plan.adder_graph import NONE, Adder, AdderGraph, Interval, Output

Vector = tuple[int, ...]


@dataclass(frozen=True)
class Term:
    """The value ``± node << shift``."""

    node: int
    shift: int = 0
    negated: bool = False

    def times(self, shift: int, negated: bool) -> Term:
        return Term(self.node, self.shift + shift, self.negated ^ negated)


def odd_part(vector: NDArray[np.int64]) -> tuple[Vector, int, bool]:
    """A non-zero vector as ± odd vector << shift, the first number of the odd one positive."""
    bits = int(np.bitwise_or.reduce(vector))
    shift = (bits & -bits).bit_length() - 1
    negated = bool(vector[np.flatnonzero(vector)[0]] < 0)
    odd = vector >> shift
    return tuple((-odd if negated else odd).tolist()), shift, negated


class Builder:
    """Collects adders; `vectors[n]` says what node n is of the inputs."""

    def __init__(self, inputs: tuple[Interval, ...]) -> None:
        self.inputs = inputs
        self.lows = np.array([i.low for i in inputs], np.int64)
        self.highs = np.array([i.high for i in inputs], np.int64)
        self.ops: list[Adder] = []
        self.depths = [0] * len(inputs)
        self.vectors = list(np.eye(len(inputs), dtype=np.int64))
        self.known = {tuple(v.tolist()): Term(i) for i, v in enumerate(self.vectors)}

    def interval(self, vector: NDArray[np.int64], bias: int = 0) -> Interval:
        """Exact: every input is at the end that counts."""
        up, down = np.maximum(vector, 0), np.minimum(vector, 0)
        low = int(up @ self.lows + down @ self.highs)
        return Interval(bias + low, bias + int(up @ self.highs + down @ self.lows))

    def vector(self, term: Term | None) -> NDArray[np.int64]:
        if term is None:
            return np.zeros(len(self.inputs), np.int64)
        value = self.vectors[term.node] << term.shift
        return -value if term.negated else value

    def add(self, p: Term, q: Term) -> Term | None:
        """Their sum; None if it is zero. No adder if the sum is a known value, shifted or not."""
        total = self.vector(p) + self.vector(q)
        if not total.any():
            return None
        odd, shift, negated = odd_part(total)
        depth = 1 + max(self.depths[p.node], self.depths[q.node])
        known = self.known.get(odd)
        if known and self.depths[known.node] <= depth:
            return known.times(shift, negated)
        if p.shift > q.shift:
            p, q = q, p
        flip = p.negated and q.negated
        node = len(self.depths)
        vector = (-total if flip else total) >> p.shift
        signs = (p.negated and not flip, q.negated and not flip)
        gap = q.shift - p.shift
        self.ops.append(Adder(p.node, q.node, gap, *signs, self.interval(vector)))
        self.depths.append(depth)
        self.vectors.append(vector)
        # Terms shift to the left only, so an even node is no way to its odd part.
        if shift == p.shift:
            self.known[odd] = Term(node, 0, negated ^ flip)
        return Term(node, p.shift, flip)

    def sum(self, terms: Iterable[Term]) -> Term | None:
        """The sum by a tree of least depth; among equal depths, narrow terms first."""
        heap = [(self._rank(t), i, t) for i, t in enumerate(terms)]
        heapq.heapify(heap)
        serial = len(heap)
        while len(heap) > 1:
            total = self.add(heapq.heappop(heap)[2], heapq.heappop(heap)[2])
            if total is not None:
                heapq.heappush(heap, (self._rank(total), serial, total))
                serial += 1
        return heap[0][2] if heap else None

    def _rank(self, term: Term) -> tuple[int, int]:
        interval = self.interval(self.vectors[term.node])
        return self.depths[term.node], interval.width + term.shift

    def output(self, term: Term | None, bias: int) -> Output:
        interval = self.interval(self.vector(term), bias)
        if term is None:
            return Output(NONE, 0, False, bias, interval)
        return Output(term.node, term.shift, term.negated, bias, interval)

    def graph(self, terms: Iterable[Term | None], biases: Iterable[int]) -> AdderGraph:
        outputs = tuple(self.output(t, b) for t, b in zip(terms, biases, strict=True))
        return AdderGraph(self.inputs, tuple(self.ops), outputs)
