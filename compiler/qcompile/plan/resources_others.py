"""Sizes of processes without weights or requantizers, on AMD parts."""

from __future__ import annotations

from qcompile.plan.process_moves import Constants, Convert, Join, Move, Select
from qcompile.plan.process_pools import PoolAll, PoolWindows, RoundedPool
from qcompile.plan.processes import (
    AddStreams,
    MatrixProduct,
    MulStreams,
    Rank,
)
from qcompile.plan.resources_parts import (
    Sizes,
    bits_of,
    counter,
    distributed,
    dsp_blocks,
    memory,
    read_only,
)
from qcompile.plan.streams import Process, Rom


def other(s: Sizes, p: Process) -> None:
    match p:
        case AddStreams():
            _add(s, p)
        case MulStreams():
            _mul(s, p)
        case PoolWindows():
            counter(s, p.geometry.taps)
            if p.factors is None:
                _pool(s, p, p.largest)
            else:
                _factors(s, p, p.factors)
        case PoolAll():
            counter(s, p.folds)
            counter(s, p.places)
            _pool(s, p, p.largest)
            if p.folds > 1:
                s.memory(4 * -(-p.folds // 32) * -(-p.outputs[0].bits // 6))
        case RoundedPool():
            y = p.outputs[0]
            counter(s, p.taps)
            s.term("rounded", y.lanes * y.number.bits)
            s.dsp += y.lanes * dsp_blocks(p.inputs[0].number.bits + 2, p.factor_type.bits + 1)
            s.ff += 2 * y.bits
        case MatrixProduct():
            _product(s, p)
        case _:
            _move(s, p)


def _add(s: Sizes, p: AddStreams) -> None:
    y = p.outputs[0]
    both = ((p.first, p.inputs[0].number), (p.second, p.inputs[1].number))
    for i, (factor, number) in enumerate(both):
        digits = nonzero_digits(factor)
        s.term("multiple", y.lanes * (number.bits + 1) * max(digits - 1, 0))
        s.term("negated", y.lanes * (number.bits + 1) * (factor < 0))
        s.ff += y.lanes * min(number.bits + abs(factor).bit_length() - 1, y.number.bits)
        if not i and p.constant:
            s.term("constant", y.lanes * y.number.bits)
    s.term("sum", y.lanes * (y.number.bits - 1))
    s.ff += y.bits + 2


def nonzero_digits(value: int) -> int:
    """Of the signed binary digits, which number least in the form without neighbours."""
    size = abs(value)
    return (size ^ (3 * size)).bit_count()


def _mul(s: Sizes, p: MulStreams) -> None:
    lanes = p.outputs[0].lanes
    a, b = p.first_type.bits + 1, p.second_type.bits + 1
    for bits, zero in ((a, p.first), (b, p.second)):
        s.term("difference", lanes * bits * (zero != 0))
    if p.outputs[0].number.bits < 9:
        s.term("small product", lanes * a * b)
    else:
        s.dsp += lanes * dsp_blocks(a, b)


def _pool(s: Sizes, p: PoolWindows | PoolAll, largest: bool) -> None:
    y = p.outputs[0]
    s.term("largest" if largest else "sum", y.bits)
    s.ff += y.bits


def _factors(s: Sizes, p: PoolWindows, factors: Rom) -> None:
    y = p.outputs[0]
    counter(s, p.geometry.folds)
    counter(s, p.places)
    read_only(s, factors)
    s.dsp += y.lanes * dsp_blocks(y.number.bits + 1, factors.number.bits + 1)


def _product(s: Sizes, p: MatrixProduct) -> None:
    y, b = p.outputs[0], p.inputs[1]
    for limit in (p.depth * p.folds, p.depth, p.folds, p.rows):
        counter(s, limit)
    m, n = p.first_type.bits + 1, p.second_type.bits + 1
    memory(s, p.depth * p.folds, b.bits)
    if p.folds > 1:
        memory(s, p.depth, p.inputs[0].bits)
        s.term("kept", p.inputs[0].bits)
    s.term("address", bits_of(p.depth * p.folds))
    s.term("difference", m * (p.first != 0) + y.lanes * n * (p.second != 0))
    if m + n >= 9:
        s.dsp += y.lanes
    else:
        s.term("small product", y.lanes * (m * n + y.number.bits))


def _move(s: Sizes, p: Process) -> None:
    match p:
        case Convert():
            few, many = sorted((p.inputs[0], p.outputs[0]), key=lambda t: t.lanes)
            parts = many.lanes // few.lanes
            counter(s, parts)
            s.ff += (parts - 1) * few.bits
            s.term("kept", 0 if p.widens else (parts - 2) * few.bits)
            s.term("picked", 0 if p.widens else few.bits)
        case Select():
            _select(s, p)
        case Join():
            if not p.joins:
                s.terms.clear()
                return
            s.term("choice", p.outputs[0].bits * -(-len(p.inputs) // 4))
            s.term("count", bits_of(max(p.counts)))
            s.term("inputs", len(p.inputs))
            s.ff += bits_of(max(p.counts)) + bits_of(len(p.inputs))
        case Move():
            memory(s, p.inputs[0].words, p.inputs[0].bits)
            counter(s, p.inputs[0].words)
            for axis in p.axes:
                counter(s, axis.size)
                s.term("offset" if axis.stride is not None else "walk", p.place.bits)
            s.term("constant", p.outputs[0].bits * p.place.signed)
        case Constants():
            counter(s, p.outputs[0].words)
            read_only(s, p.values)
        case Rank():
            x, y = p.inputs[0].number, p.outputs[0].number
            s.term("compare", p.count * x.bits)
            s.term("places", p.count * y.bits)
            s.term("moved", (p.count - 1) * (x.bits + y.bits))
            s.term("steps", bits_of(p.size + p.count))
            s.ff += p.count * (x.bits + y.bits + 1) + y.bits + bits_of(p.size + p.count)
        case _:
            s.terms.clear()


def _select(s: Sizes, p: Select) -> None:
    """Two pixels in registers, each lane choosing among places; or in memories, one for each pair
    of lanes that meet, with a table of what each step does.
    """
    x, y = p.inputs[0], p.outputs[0]
    reads, writes = x.words // p.pixels, y.words // p.pixels
    counter(s, max(reads, writes))
    counter(s, p.pixels + 1)
    place = p.order.values.reshape(writes, y.lanes)
    if p.in_memory:
        pairs = {(j, c % x.lanes) for row in place.tolist() for j, c in enumerate(row) if c >= 0}
        depth = 2 << bits_of(reads)
        s.memory(len(pairs) * distributed(depth, x.number.bits))
        s.ff += len(pairs) * (x.number.bits + 1)
        s.term("joined", len(pairs) * y.number.bits)
        s.term("word", y.lanes * bits_of(reads))
        return
    choices = [{c for c in column if c >= 0} for column in place.T.tolist()]
    s.term("choices", y.number.bits * sum(max(len(c) - 1, 0) for c in choices))
    s.ff += 2 * reads * x.bits + y.bits
