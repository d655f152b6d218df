"""Conv and Dense as processes: a window, a matrix-vector unit or lanes, an order of channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.ops import Conv, Dense
from qcompile.plan.folding import Fold, choose, divisors, lanes_for
from qcompile.plan.pe_groups import Grouping, group_rows
from qcompile.plan.processes import Depthwise, Geometry, MatrixVector, Window
from qcompile.plan.stream_moves import select
from qcompile.plan.streams import Number, Stream
from qcompile.plan.wiring import Wiring
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class Linear:
    """What Conv and Dense have in common: rows of weights that meet windows."""

    weight: Ints  # [O, taps, inputs of a block]
    bias: Ints
    weight_bits: tuple[int, ...]
    blocks: int
    windows: int

    @property
    def rows(self) -> int:
        """Output channels of a block."""
        return len(self.weight) // self.blocks

    def turns(self, fold: Fold) -> int:
        return -(-self.rows // fold.pe)

    def cycles(self, fold: Fold) -> int:
        columns: int = self.weight.shape[1] * self.weight.shape[2] // fold.simd
        return self.windows * self.blocks * self.turns(fold) * columns


def dense(w: Wiring, node: Node, op: Dense) -> None:
    """[..., I] -> [..., O]."""
    x = w.type(node.inputs[0])
    linear = Linear(op.weight[:, np.newaxis], op.bias, op.weight_bits, 1, x.size // x.channels)
    fold = chosen(w, node, linear)
    stream = w.take(node, node.inputs[0], fold.simd)
    matrix_vector(w, node, linear, fold, stream, f"Dense {x.channels} to {op.bias.size}")


def conv(w: Wiring, node: Node, op: Conv) -> None:
    """[N, H, W, C] -> [N, OH, OW, O]."""
    if op.depthwise:
        depthwise(w, node, op)
        return
    x, out = w.type(node.inputs[0]), w.type(node.name)
    weight = op.weight.reshape(op.weight.shape[0], -1, op.weight.shape[3])
    windows = out.size // out.channels
    linear = Linear(weight, op.bias, op.weight_bits, op.groups, windows)
    fold = chosen(w, node, linear)
    stream = w.take(node, node.inputs[0], fold.simd)
    if op.kernel != (1, 1) or op.strides != (1, 1) or any(op.pads):
        stream = window(w, node, stream, geometry(op, x, out, fold.simd, op.pad_value))
    kernel = "x".join(map(str, op.kernel))
    about = f"Conv {kernel}, {x.channels} channels to {out.channels}, groups {op.groups}"
    matrix_vector(w, node, linear, fold, stream, about)


def chosen(w: Wiring, node: Node, linear: Linear) -> Fold:
    """The fold that was asked for, or the cheapest within the target."""
    inputs = linear.weight.shape[2]
    fold = w.asked.get(node.name)
    if fold is None:
        options = [Fold(p, s) for s in divisors(inputs) for p in divisors(linear.rows)]
        fold = choose(options, linear.cycles, w.target)
    if fold.simd < 1 or inputs % fold.simd:
        raise CompileError(
            f"simd {fold.simd} does not divide the {inputs} inputs of a window's tap",
            at=node.origin,
            help=f"choose one of {', '.join(map(str, divisors(inputs)))}",
        )
    if not 1 <= fold.pe <= linear.rows:
        raise CompileError(
            f"{fold.pe} processing elements do not fit {linear.rows} output channels",
            at=node.origin,
            help=f"choose from 1 to {linear.rows}",
        )
    w.folds[node.name] = fold
    return fold


def geometry(op: object, x: QType, out: QType, lanes: int, pad: int) -> Geometry:
    """The window of a Conv or a pool over `x`; `op` has the attributes of `ops.max_pool.Window`."""
    n, h, width, c = x.shape
    return Geometry(
        images=n,
        height=h,
        width=width,
        folds=c // lanes,
        kernel=op.kernel,  # type: ignore[attr-defined]
        strides=op.strides,  # type: ignore[attr-defined]
        dilations=op.dilations,  # type: ignore[attr-defined]
        pads=op.pads,  # type: ignore[attr-defined]
        out_height=out.shape[1],
        out_width=out.shape[2],
        pad=pad,
    )


def window(w: Wiring, node: Node, stream: Stream, g: Geometry) -> Stream:
    """The taps of all windows of `stream`."""
    name = w.process_name(node, "window")
    number = stream.number
    if any(g.pads):
        number = Number.holding(*ends(number), g.pad)
    out = w.stream(name, number, stream.lanes, g.windows * g.folds * g.taps * stream.lanes)
    kernel = "x".join(map(str, g.kernel))
    about = f"{kernel} windows of {g.height}x{g.width} pixels, {g.rows} lines kept"
    w.processes.append(
        Window(name=name, inputs=(stream,), outputs=(out,), node=node.name, about=about, geometry=g)
    )
    return out


def ends(number: Number) -> tuple[int, int]:
    """The least and the greatest value of a type."""
    if number.signed:
        return -(2 ** (number.bits - 1)), 2 ** (number.bits - 1) - 1
    return 0, 2**number.bits - 1


def matrix_vector(
    w: Wiring, node: Node, linear: Linear, fold: Fold, stream: Stream, about: str
) -> None:
    """The weighted sums of the windows in `stream`, in their natural order."""
    outputs, taps, inputs = linear.weight.shape
    parts = linear.weight.reshape(outputs, taps, inputs // fold.simd, fold.simd)
    columns = parts.transpose(0, 2, 1, 3).reshape(outputs, -1, fold.simd)
    sums = w.type(node.name)
    name = w.process_name(node, "matrix")
    grouping = group_rows(
        name, columns, linear.bias, linear.weight_bits, sums, linear.blocks, linear.turns(fold)
    )
    elements = linear.windows * grouping.places
    out = w.stream(name, Number.of(sums), grouping.lanes, elements)
    process = MatrixVector(
        name=name,
        inputs=(stream,),
        outputs=(out,),
        node=node.name,
        about=about,
        value=grouping.natural,
        windows=linear.windows,
        columns=columns.shape[1],
        grouping=grouping,
    )
    w.processes.append(process)
    lanes = lanes_for(outputs, linear.windows, max(process.cycles, w.target))
    w.give(node, in_order(w, node, grouping, out, lanes))


def in_order(w: Wiring, node: Node, grouping: Grouping, stream: Stream, lanes: int) -> Stream:
    """The output channels as the graph numbers them, the constant ones filled in."""
    if grouping.natural:
        return stream
    constants = np.where(grouping.order < 0, grouping.constants, 0)
    pixels = stream.size // grouping.places
    return select(
        w,
        node,
        stream,
        pixels,
        grouping.order,
        constants,
        lanes,
        Number.of(w.type(node.name)),
        True,
    )


def depthwise(w: Wiring, node: Node, op: Conv) -> None:
    """Every output channel reads one input channel: lanes instead of rows, a group a width."""
    x, sums = w.type(node.inputs[0]), w.type(node.name)
    outputs, (kh, kw) = op.weight.shape[0], op.kernel
    windows = sums.size // outputs
    linear = Linear(op.weight.reshape(outputs, -1, 1), op.bias, op.weight_bits, 1, windows)
    fold = chosen(w, node, linear)
    turns = linear.turns(fold)
    name = w.process_name(node, "lanes")
    grouping = group_rows(name, linear.weight, op.bias, op.weight_bits, sums, 1, turns)
    stream = _lanes_in(w, node, grouping, x, outputs // op.groups)
    places = QType.of((*x.shape[:3], grouping.places), x.minimum, x.maximum)
    g = geometry(op, places, sums, grouping.lanes, op.pad_value)
    stream = window(w, node, stream, g)
    out = w.stream(name, Number.of(sums), grouping.lanes, windows * grouping.places)
    process = Depthwise(
        name=name,
        inputs=(stream,),
        outputs=(out,),
        node=node.name,
        windows=windows,
        taps=kh * kw,
        about=f"depthwise Conv {kh}x{kw}, {outputs} channels",
        value=grouping.natural,
        grouping=grouping,
    )
    w.processes.append(process)
    lanes = lanes_for(outputs, windows, max(process.cycles, w.target))
    w.give(node, in_order(w, node, grouping, out, lanes))


def _lanes_in(w: Wiring, node: Node, grouping: Grouping, x: QType, multiplier: int) -> Stream:
    """The input channel of each place, so that every lane meets weights of its own width."""
    order = np.full(grouping.places, -1, np.int64)
    for channel, place in enumerate(grouping.order):
        if place >= 0:
            order[place] = channel // multiplier
    if order.size == x.channels and np.array_equal(order, np.arange(order.size)):
        return w.take(node, node.inputs[0], grouping.lanes)
    pixels = x.size // x.channels
    stream = w.take(node, node.inputs[0], lanes_for(x.channels, pixels, w.target))
    zeros = np.zeros_like(order)
    return select(w, node, stream, pixels, order, zeros, grouping.lanes, stream.number, False)
