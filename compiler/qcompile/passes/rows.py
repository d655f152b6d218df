"""Ops on some rows of their result: which rows of their inputs they read, and what is left to pad.

Rows are axis 1 of an image [1, H, W, C].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from qcompile import ops
from qcompile.graph import Graph, Node
from qcompile.qtype import Shape

ROWS = 1  # the axis
ELEMENTWISE = (ops.Requant, ops.Add, ops.Mul)
WINDOWS = (ops.Conv, ops.MaxPool, ops.SumPool, ops.RoundedSumPool)


@dataclass(frozen=True)
class Span:
    """Rows from `first` to `stop`, that not included."""

    first: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.first


def height(shape: Shape) -> int:
    """The rows of an image; 0 for what is no image, or several."""
    return shape[ROWS] if len(shape) == 4 and shape[0] == 1 else 0


def by_rows(graph: Graph, node: Node) -> bool:
    """Whether each row of a node's result depends on a few rows of its inputs, those around it."""
    if height(node.type.shape) < 2:
        return False
    shapes = [graph[name].type.shape for name in node.inputs]
    match node.op:
        case ops.Requant() | ops.Add() | ops.Mul():
            kinds = {sliced(shape, node.type.shape) for shape in shapes}
            return None not in kinds and True in kinds
        case ops.Conv() | ops.MaxPool() | ops.SumPool() | ops.RoundedSumPool():
            return all(height(shape) > 1 for shape in shapes)
        case ops.Concat() | ops.Gather():
            return node.op.axis > ROWS and all(height(shape) > 1 for shape in shapes)
        case ops.Pad():
            return node.op.pads[0] == (0, 0) and height(shapes[0]) > 1
    return False


def sliced(shape: Shape, whole: Shape) -> bool | None:
    """Whether an operand has the rows of the result; False for one row for all, else None."""
    rows = shape[-3] if len(shape) >= 3 else 1
    if rows == 1:
        return False
    return True if height(shape) == height(whole) else None


def rows_read(graph: Graph, node: Node, rows: Span) -> tuple[Span | None, ...]:
    """The rows of each input that `rows` of the result need; None where it is read whole.

    An empty span says that all that would be read is padding.
    """
    shapes = [graph[name].type.shape for name in node.inputs]
    if isinstance(node.op, ELEMENTWISE):
        return tuple(rows if sliced(shape, node.type.shape) else None for shape in shapes)
    first, stop = _reach(node, rows)
    return tuple(clipped(first, stop, height(shape)) for shape in shapes)


@dataclass(frozen=True)
class Pace:
    """To make n rows, n·stride + ahead rows are read, from the top."""

    stride: int
    ahead: int


def paces(graph: Graph, node: Node) -> tuple[Pace | None, ...]:
    """How far down a node reads each of its inputs; None for those that it reads whole."""
    read = rows_read(graph, node, Span(0, 1))
    one, two = (_reach(node, Span(0, rows))[1] for rows in (1, 2))
    return tuple(None if span is None else Pace(two - one, 2 * one - two) for span in read)


def rows_of_padding(graph: Graph, node: Node) -> tuple[int, int]:
    """How many rows at the top of a result, and at its bottom, see nothing but padding."""
    rows = height(node.type.shape)
    seen = [
        span is None or span.size > 0
        for row in range(rows)
        for span in rows_read(graph, node, Span(row, row + 1))[:1]
    ]
    return (seen.index(True), seen[::-1].index(True)) if True in seen else (rows, rows)


def _reach(node: Node, rows: Span) -> tuple[int, int]:
    """First and last row, that not included, with the padding."""
    op = node.op
    if isinstance(op, WINDOWS):
        reach = (op.kernel[0] - 1) * op.dilations[0] + 1
        first = rows.first * op.strides[0] - op.pads[0]
        return first, first + (rows.size - 1) * op.strides[0] + reach
    if isinstance(op, ops.Pad):
        before, _ = op.pads[ROWS]
        return rows.first - before, rows.stop - before
    return rows.first, rows.stop


def clipped(first: int, stop: int, size: int) -> Span:
    first = min(max(first, 0), size)
    return Span(first, min(max(stop, first), size))


def on_rows(graph: Graph, node: Node, rows: Span) -> ops.IntegerOp:
    """The op that makes `rows` of the node's result from what `rows_read` says."""
    op = node.op
    assert isinstance(op, ops.IntegerOp)
    if not isinstance(op, (*WINDOWS, ops.Pad)):
        return op
    first, stop = _reach(node, rows)
    size = height(graph[node.inputs[0]].type.shape)
    before, after = max(-first, 0), max(stop - size, 0)
    if isinstance(op, ops.Pad):
        return replace(op, pads=(op.pads[0], (before, after), *op.pads[2:]))
    _, left, _, right = op.pads
    changed = replace(op, pads=(before, left, after, right))
    if isinstance(changed, ops.SumPool) and changed.place_factors is not None:
        factors = changed.place_factors
        own = factors[rows.first : rows.stop] if len(factors) > 1 else factors
        return replace(changed, place_factors=own)
    return changed
