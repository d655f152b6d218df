"""From a constant integer matrix to a graph of few adders.

Each output is a row of signed digits; pairs of digits that occur often are shared, the most
frequent first, and a random search then undoes parts of that and does them better. What a row
can be made of is found by value, not by its written digits: an output may be another one, or any
shared sum, plus what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcompile.plan.adder_builder import Builder, Term, Vector, odd_part
from qcompile.plan.adder_graph import AdderGraph, Interval
from qcompile.plan.adder_kernels import UNLIMITED, Rows, Search, Table, improve
from qcompile.plan.adder_signs import settled

MOST_PAIRS = 3_000_000  # of digits in rows that are searched together: about 200 MB
LARGEST = 1 << 40  # of the magnitude of a weight: int64 is never left


@dataclass(frozen=True)
class Options:
    """How hard to search, and how deep the graph may be.

    `effort` is in elementary steps for each signed digit of the matrix, about 60 million of which
    take a second; 0 shares once. `extra_depth` allows that many adders on a path more than the
    least possible; None sets no limit. Equal options give equal graphs on every machine.
    """

    effort: int = 40_000
    extra_depth: int | None = None
    seed: int = 1


def adders(
    weights: NDArray[np.int64],
    lows: Sequence[int],
    highs: Sequence[int],
    options: Options | None = None,
    bias: Sequence[int] | None = None,
) -> AdderGraph:
    """A graph for weights [outputs, inputs] @ x + bias, where lows <= x <= highs for each input."""
    matrix = np.array(weights, np.int64)
    inputs = tuple(Interval(int(low), int(high)) for low, high in zip(lows, highs, strict=True))
    assert matrix.ndim == 2
    assert matrix.shape[1] == len(inputs)
    assert all(i.low <= i.high for i in inputs)
    assert not matrix.size or np.abs(matrix).max() < LARGEST
    biases = [int(b) for b in bias] if bias is not None else [0] * len(matrix)
    for i, interval in enumerate(inputs):
        if interval.low == interval.high:  # a constant input belongs to the bias
            moved = matrix[:, i] * interval.low
            biases = [b + int(m) for b, m in zip(biases, moved, strict=True)]
            matrix[:, i] = 0
    builder = Builder(inputs)
    terms = _terms(builder, matrix, options or Options())
    return settled(builder.graph(terms, biases).pruned().merged())


def naive_adders(weights: NDArray[np.int64]) -> int:
    """The adders of all rows in canonical signed digits, with nothing shared."""
    return sum(max(sum(len(_digits(int(w))) for w in row) - 1, 0) for row in np.array(weights))


def _terms(builder: Builder, matrix: NDArray[np.int64], options: Options) -> list[Term | None]:
    """The value of each row; rows that differ in sign and shift only are searched once."""
    parts = [odd_part(row) if row.any() else None for row in matrix]
    odd = list(dict.fromkeys(part[0] for part in parts if part))
    sums = [row for row in odd if row not in builder.known]
    found: dict[Vector, Term] = {row: builder.known[row] for row in odd if row in builder.known}
    depth = _least_depth(sums) + (options.extra_depth or 0)
    limit = UNLIMITED if options.extra_depth is None else depth
    for block in _blocks(sums):
        found |= zip(block, _searched(builder, block, limit, options), strict=True)
    return [part and found[part[0]].times(part[1], part[2]) for part in parts]


def _least_depth(rows: Sequence[Vector]) -> int:
    digits = [sum(len(_digits(w)) for w in row) for row in rows]
    return (max(digits, default=1) - 1).bit_length()


def _blocks(rows: list[Vector]) -> list[list[Vector]]:
    """The rows in as few blocks as the size of a search allows."""
    blocks: list[list[Vector]] = []
    room = 0
    for row in rows:
        n = sum(len(_digits(w)) for w in row)
        size = n * (n - 1) // 2 + 16 * n
        if size > room:
            blocks.append([])
            room = MOST_PAIRS
        blocks[-1].append(row)
        room -= size
    return blocks


def _searched(builder: Builder, block: list[Vector], limit: int, options: Options) -> list[Term]:
    search = _prepared(block, limit, options.seed)
    digits = int(search.rows.length[len(block[0]) :][: len(block)].sum())
    improve(search, options.effort * digits)
    assert not search.rows.state[-1]
    return _built(builder, search.rows, len(block[0]), len(block))


def _built(builder: Builder, rows: Rows, inputs: int, outputs: int) -> list[Term]:
    """The rows as adders, each after those that it uses."""
    terms: dict[int, Term | None] = {i: Term(i) for i in range(inputs)}  # None: it is zero
    waiting = list(range(inputs, inputs + outputs))
    while waiting:
        r = waiting.pop()
        if r in terms:
            continue
        digits = [int(d) for d in rows.digits[r, : rows.length[r]]]
        missing = [d >> 8 for d in digits if d >> 8 not in terms]
        if missing:
            waiting += [r, *missing]
            continue
        used = [(terms[d >> 8], (d >> 1) & 127, bool(d & 1)) for d in digits]
        terms[r] = builder.sum(t.times(shift, negated) for t, shift, negated in used if t)
    found = [terms[inputs + o] for o in range(outputs)]
    assert None not in found
    return [t for t in found if t]


def _prepared(block: list[Vector], limit: int, seed: int) -> Search:
    inputs, outputs = len(block[0]), len(block)
    written = [
        [i << 8 | shift << 1 | negated for i, w in enumerate(row) for shift, negated in _digits(w)]
        for row in block
    ]
    symbols = inputs + outputs + sum(map(len, written)) // 2 + 64
    longest = max(map(len, written)) + 32
    sizes = [inputs, inputs + outputs, inputs + outputs, limit, 0]
    pairs = sum(len(digits) ** 2 // 2 for digits in written)
    rows, best, trial = (_empty_rows(symbols, longest, sizes, inputs) for _ in range(3))
    for r, digits in enumerate(written, start=inputs):
        rows.length[r] = len(digits)
        rows.digits[r, : len(digits)] = digits
        rows.values[r] = block[r - inputs]
    for copy in (rows, best, trial):
        copy.values[:inputs] = np.eye(inputs)
    rows.limit[:] = limit
    found = np.zeros((16 * outputs + 1024, 3), np.int64)
    table = _empty_table(1 << max(14, (4 * pairs).bit_length()), seed)
    return Search(rows, best, trial, table, found, np.zeros(symbols, np.int64))


def _empty_rows(symbols: int, longest: int, sizes: list[int], inputs: int) -> Rows:
    return Rows(
        length=np.full(symbols, -1),
        digits=np.zeros((symbols, longest), np.int64),
        depth=np.zeros(symbols, np.int64),
        limit=np.zeros(symbols, np.int64),
        values=np.zeros((symbols, inputs), np.int64),
        state=np.array(sizes, np.int64),
    )


def _empty_table(size: int, seed: int) -> Table:
    counts, blocked, listed, used, hot = (np.zeros(size, np.int64) for _ in range(5))
    state = np.array([0, 0, size - 1, 0, 1_000_003 * seed + 12_345], np.int64)
    return Table(np.full(size, -1), counts, blocked, listed, used, hot, state)


def _digits(value: int) -> list[tuple[int, bool]]:
    """Shifts and signs of the canonical signed digits: no two of them are neighbours."""
    digits = []
    shift = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit < 0))
            value -= digit
        value >>= 1
        shift += 1
    return digits
