"""Requantizers, pools, element-wise ops and products of streams as processes."""

from __future__ import annotations

from math import prod

from qcompile.graph import Node
from qcompile.ops import Add, ArgMax, MatMul, MaxPool, Mul, Requant, RoundedSumPool, SumPool
from qcompile.plan.folding import Fold, choose, divisors, lanes_for
from qcompile.plan.process_pools import PoolAll, PoolWindows, RoundedPool
from qcompile.plan.processes import (
    AddStreams,
    MatrixProduct,
    MulStreams,
    Rank,
    Requantize,
)
from qcompile.plan.requant_roms import requant_roms
from qcompile.plan.stream_linear import geometry, window
from qcompile.plan.stream_moves import operand, spread, words
from qcompile.plan.streams import Number, Rom, Stream
from qcompile.plan.wiring import Wiring
from qcompile.qtype import QType


def requant(w: Wiring, node: Node, op: Requant) -> None:
    x, y = w.type(node.inputs[0]), w.type(node.name)
    lanes = words(w, x)
    name = w.process_name(node, "requant")
    stream = w.take(node, node.inputs[0], lanes)
    out = w.stream(name, Number.of(y), lanes, y.size)
    folds = x.channels // lanes if len(op.forms) > 1 else 1
    w.processes.append(
        Requantize(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{x} to {y}",
            folds=folds,
            forms=requant_roms(name, op, x, lanes),
        )
    )
    w.give(node, out)


def add(w: Wiring, node: Node, op: Add) -> None:
    y = w.type(node.name)
    lanes = words(w, y)
    a, b = (operand(w, node, i, y.shape, lanes) for i in node.inputs)
    name = w.process_name(node, "add")
    out = w.stream(name, Number.of(y), lanes, y.size)
    first, second = op.multipliers
    w.processes.append(
        AddStreams(
            name=name,
            inputs=(a, b),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{first}·a + {second}·b + {op.constant}",
            first=first,
            second=second,
            constant=op.constant,
        )
    )
    w.give(node, out)


def mul(w: Wiring, node: Node, op: Mul) -> None:
    y = w.type(node.name)
    lanes = words(w, y)
    a, b = (operand(w, node, i, y.shape, lanes) for i in node.inputs)
    name = w.process_name(node, "mul")
    out = w.stream(name, Number.of(y), lanes, y.size)
    kinds = [difference(w.type(i), z) for i, z in zip(node.inputs, op.zero_points, strict=True)]
    first, second = op.zero_points
    w.processes.append(
        MulStreams(
            name=name,
            inputs=(a, b),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"(a - {first})·(b - {second})",
            first=first,
            second=second,
            first_type=kinds[0],
            second_type=kinds[1],
        )
    )
    w.give(node, out)


def difference(x: QType, zero_point: int) -> Number:
    """The type of a code less its zero point."""
    return Number.holding(x.minimum - zero_point, x.maximum - zero_point)


def matmul(w: Wiring, node: Node, op: MatMul) -> None:
    a, b = (w.type(i) for i in node.inputs)
    y = w.type(node.name)
    lead, (rows, depth), columns = y.shape[:-2], a.shape[-2:], b.shape[-1]
    batches = prod(lead)
    if prod(b.shape[:-2]) == 1 and prod(a.shape[:-2]) == batches:
        batches, rows = 1, batches * rows
    options = [Fold(d, 1) for d in divisors(columns)]
    lanes = choose(options, lambda f: batches * rows * depth * columns // f.pe, w.target).pe
    streams = []
    for source, x, width in zip(node.inputs, (a, b), (1, lanes), strict=True):
        if prod(x.shape[:-2]) in (1, prod(lead)) and (
            batches == 1 or prod(x.shape[:-2]) == batches
        ):
            streams.append(w.take(node, source, width))
        else:
            wide = spread(w, node, source, (*lead, *x.shape[-2:]))
            streams.append(w.convert(node, wide, width))
    name = w.process_name(node, "product")
    out = w.stream(name, Number.of(y), lanes, y.size)
    za, zb = op.zero_points
    w.processes.append(
        MatrixProduct(
            name=name,
            inputs=tuple(streams),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{batches} products of {rows}x{depth} and {depth}x{columns}",
            batches=batches,
            rows=rows,
            depth=depth,
            first=za,
            second=zb,
            first_type=difference(a, za),
            second_type=difference(b, zb),
        )
    )
    w.give(node, out)


def pool(w: Wiring, node: Node, op: MaxPool | SumPool) -> None:
    """One window over the whole image needs no line buffers; others do."""
    x, y = w.type(node.inputs[0]), w.type(node.name)
    factors = None if isinstance(op, MaxPool) else op.place_factors
    whole = op.kernel == x.shape[1:3] and not any(op.pads) and factors is None
    taps = prod(op.kernel)
    work = x.size // x.channels if whole else max(y.size // y.channels * taps, 1)
    lanes = lanes_for(x.channels, work, w.target)
    stream = w.take(node, node.inputs[0], lanes)
    if whole:
        pool_all(w, node, op, stream)
    else:
        pool_windows(w, node, op, stream)


def pool_all(w: Wiring, node: Node, op: MaxPool | SumPool, stream: Stream) -> None:
    x, y = w.type(node.inputs[0]), w.type(node.name)
    taps, largest = prod(op.kernel), isinstance(op, MaxPool)
    name = w.process_name(node, "pool")
    out = w.stream(name, Number.of(y), stream.lanes, y.size)
    w.processes.append(
        PoolAll(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{'largest' if largest else 'sum'} of all {taps} pixels",
            images=x.shape[0],
            places=taps,
            largest=largest,
        )
    )
    w.give(node, out)


def pool_windows(w: Wiring, node: Node, op: MaxPool | SumPool, stream: Stream) -> None:
    x, y = w.type(node.inputs[0]), w.type(node.name)
    largest = isinstance(op, MaxPool)
    factors = None if isinstance(op, MaxPool) else op.place_factors
    padding = x.minimum if isinstance(op, MaxPool) else op.pad_value
    lanes = stream.lanes
    g = geometry(op, x, y, lanes, padding)
    stream = window(w, node, stream, g)
    name = w.process_name(node, "pool")
    out = w.stream(name, Number.of(y), lanes, y.size)
    rom = None if factors is None else Rom.holding(f"{name}_factors", factors.reshape(-1))
    w.processes.append(
        PoolWindows(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{'largest' if largest else 'sum'} of {prod(op.kernel)} taps",
            geometry=g,
            largest=largest,
            factors=rom,
        )
    )
    w.give(node, out)


def rounded_pool(w: Wiring, node: Node, op: RoundedSumPool) -> None:
    x, y = w.type(node.inputs[0]), w.type(node.name)
    taps = prod(op.kernel)
    lanes = lanes_for(x.channels, y.size // y.channels * taps, w.target)
    stream = w.take(node, node.inputs[0], lanes)
    stream = window(w, node, stream, geometry(op, x, y, lanes, op.zero_point))
    name = w.process_name(node, "pool")
    out = w.stream(name, Number.of(y), lanes, y.size)
    w.processes.append(
        RoundedPool(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"sum of {taps} taps, rounded to 24 bits at each",
            taps=taps,
            multiplier=op.multiplier,
            zero_point=op.zero_point,
        )
    )
    w.give(node, out)


def arg_max(w: Wiring, node: Node, op: ArgMax) -> None:
    x, y = w.type(node.inputs[0]), w.type(node.name)
    stream = w.take(node, node.inputs[0], 1)
    name = w.process_name(node, "rank")
    out = w.stream(name, Number.of(y), 1, y.size)
    w.processes.append(
        Rank(
            name=name,
            inputs=(stream,),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"places of {op.count} of {x.channels}",
            size=x.channels,
            count=op.count,
            largest=op.largest,
            last=op.last,
        )
    )
    w.give(node, out)
