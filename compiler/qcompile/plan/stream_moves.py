"""Constants, joins end to end, and everything that only moves elements, as processes."""

from __future__ import annotations

from math import gcd, prod

import numpy as np

from qcompile.graph import Node
from qcompile.ops import Concat, Constant, Gather, Pad, Transpose
from qcompile.plan.folding import lanes_for
from qcompile.plan.process_moves import Constants, Join, Move, Select, move_axes
from qcompile.plan.streams import Number, Rom, Stream
from qcompile.plan.wiring import Wiring
from qcompile.qtype import Ints, QType, Shape


def words(w: Wiring, x: QType) -> int:
    """The fewest lanes that move a tensor within the target."""
    return lanes_for(x.channels, x.size // x.channels, w.target)


def constant(w: Wiring, node: Node, op: Constant) -> None:
    x = w.type(node.name)
    lanes = words(w, x)
    name = w.process_name(node, "constant")
    out = w.stream(name, Number.of(x), lanes, x.size)
    values = Rom(f"{name}_values", out.number, op.value.reshape(-1, lanes))
    w.processes.append(
        Constants(
            name=name,
            inputs=(),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"a constant {list(x.shape)}",
            values=values,
        )
    )
    w.give(node, out)


def operand(w: Wiring, node: Node, source: str, shape: Shape, lanes: int) -> Stream:
    """An input of an element-wise op, repeated where ONNX broadcasts it."""
    own = w.type(source).shape
    if prod(own) == prod(shape):
        return w.take(node, source, lanes)
    return w.convert(node, spread(w, node, source, shape), lanes)


def spread(w: Wiring, node: Node, source: str, shape: Shape) -> Stream:
    """The value `source`, broadcast to `shape`."""
    own = w.type(source).shape
    own = (1,) * (len(shape) - len(own)) + own
    strides = row_major(own)
    steps = [
        np.arange(n) * (s if o > 1 else 0) for n, o, s in zip(shape, own, strides, strict=True)
    ]
    return move(w, node, source, steps)


def concat(w: Wiring, node: Node, op: Concat) -> None:
    y = w.type(node.name)
    rounds = prod(y.shape[: op.axis])
    blocks = [w.type(i).size // rounds for i in node.inputs]
    common = gcd(*blocks)
    lanes = lanes_for(common, y.size // common, w.target)
    streams = tuple(w.take(node, i, lanes) for i in node.inputs)
    name = w.process_name(node, "concat")
    out = w.stream(name, Number.of(y), lanes, y.size)
    w.processes.append(
        Join(
            name=name,
            inputs=streams,
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{len(streams)} tensors along axis {op.axis}",
            rounds=rounds,
        )
    )
    w.give(node, out)


def gather(w: Wiring, node: Node, op: Gather) -> None:
    x = w.type(node.inputs[0])
    if op.axis == len(x.shape) - 1:
        order = np.array(op.indices, np.int64)
        reorder(w, node, np.where(order < 0, order + x.channels, order), np.zeros_like(order))
        return
    steps = [np.arange(n) * s for n, s in zip(x.shape, row_major(x.shape), strict=True)]
    places = np.array(op.indices, np.int64)
    steps[op.axis] = (
        np.where(places < 0, places + x.shape[op.axis], places) * row_major(x.shape)[op.axis]
    )
    w.give(node, move(w, node, node.inputs[0], steps, value=True))


def pad(w: Wiring, node: Node, op: Pad) -> None:
    x = w.type(node.inputs[0])
    before, after = op.pads[-1]
    if not any(a or b for a, b in op.pads[:-1]):
        order = np.pad(np.arange(x.channels), (before, after), constant_values=-1)
        reorder(w, node, order, np.full(order.size, op.value))
        return
    steps = [
        np.pad(np.arange(n) * s, ends, constant_values=-1)
        for n, s, ends in zip(x.shape, row_major(x.shape), op.pads, strict=True)
    ]
    w.give(node, move(w, node, node.inputs[0], steps, op.value, value=True))


def transpose(w: Wiring, node: Node, op: Transpose) -> None:
    shape = w.type(node.inputs[0]).shape
    strides = row_major(shape)
    steps = [np.arange(shape[a]) * strides[a] for a in op.axes]
    w.give(node, move(w, node, node.inputs[0], steps, value=True))


def reorder(w: Wiring, node: Node, order: Ints, constants: Ints) -> None:
    """The last axis in another order, pixel by pixel."""
    x, y = w.type(node.inputs[0]), w.type(node.name)
    stream = w.take(node, node.inputs[0], words(w, x))
    pixels = x.size // x.channels
    fixed = np.where(order < 0, constants, 0)
    w.give(node, select(w, node, stream, pixels, order, fixed, words(w, y), Number.of(y), True))


def row_major(shape: Shape) -> tuple[int, ...]:
    """Distance in elements between neighbours along each axis."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def move(
    w: Wiring, node: Node, source: str, steps: list[Ints], constant: int = 0, value: bool = False
) -> Stream:
    """`source` read at the sums of `steps`, one array an axis; negative means the constant."""
    x = w.type(source)
    whole = bool(steps) and np.array_equal(steps[-1], np.arange(x.channels))
    lanes = words(w, x) if whole else 1
    if whole:
        steps = [
            *(np.where(s < 0, -1, s // lanes) for s in steps[:-1]),
            np.arange(x.channels // lanes),
        ]
    steps = [s for s in steps if s.size > 1 or s.any()] or [np.zeros(1, np.int64)]
    name = w.process_name(node, "move")
    stream = w.take(node, source, lanes)
    missing = any(bool((s < 0).any()) for s in steps)
    number = Number.of(w.type(node.name)) if value else stream.number
    out = w.stream(name, number, lanes, prod(s.size for s in steps) * lanes)
    w.processes.append(
        Move(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=value,
            about=f"{x.size} elements buffered, {out.size} sent"
            + (", some constant" if missing else ""),
            axes=move_axes(name, steps),
            constant=constant,
        )
    )
    return out


def select(
    w: Wiring,
    node: Node,
    stream: Stream,
    pixels: int,
    order: Ints,
    constants: Ints,
    lanes: int,
    number: Number,
    value: bool,
) -> Stream:
    """Channels of each pixel by `order`, or from `constants` where it is negative."""
    name = w.process_name(node, "order")
    out = w.stream(name, number, lanes, pixels * order.size)
    kept = int((order >= 0).sum())
    about = f"{stream.size // pixels} channels in, {kept} chosen and {order.size - kept} constant"
    w.processes.append(
        Select(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            about=about,
            value=value,
            pixels=pixels,
            order=Rom.holding(f"{name}_order", order),
            fixed=Rom.holding(f"{name}_fixed", constants),
        )
    )
    return out
