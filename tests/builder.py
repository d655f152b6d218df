"""Makes random networks for the backends' tests: inputs, weights, requantizers of every form."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qcompile.graph import Graph
from qcompile.model import IntegerModel, Port
from qcompile.ops import Input, IntegerOp, Requant
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table
from qcompile.qtype import Ints, QType, Shape
from qcompile.semantics.units import whole

SAMPLES = 6
Random = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A network and codes to run it on, by input name: int64 [SAMPLES, *shape]."""

    name: str
    model: IntegerModel
    inputs: dict[str, Ints]


class Builder:
    """Makes a case: inputs, ops, and what comes out."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = np.random.default_rng(seed)
        self.graph = Graph()
        self.inputs: list[str] = []

    def input(self, shape: Shape, bits: int, signed: bool = True, per_channel: bool = False) -> str:
        """An input of `bits` bits, or of random narrower ranges where `per_channel`."""
        low, high = limits(bits, signed)
        if not (per_channel and shape):
            return self.between(shape, low, high)
        ends = self.random.integers(low, high, (2, shape[-1]), endpoint=True)
        return self.between(shape, ends.min(axis=0), ends.max(axis=0))

    def between(self, shape: Shape, low: int | Ints, high: int | Ints) -> str:
        """An input with this range, or one for each channel."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        return self.graph.add(name, Input(QType.of(shape, low, high)))

    def add(self, op: IntegerOp, *inputs: str) -> str:
        return self.graph.add(self.graph.fresh(op.title.lower()), op, *inputs)

    def type(self, name: str) -> QType:
        found = self.graph[name].type
        assert isinstance(found, QType)
        return found

    def weights(self, shape: Shape, widths: tuple[int, ...]) -> tuple[Ints, tuple[int, ...]]:
        """Weights [O, ...] whose channels have the widths in turn; 1 bit is {-1, +1}."""
        bits = tuple(widths[c % len(widths)] for c in range(shape[0]))
        rows = [channel(self.random, shape[1:], b) for b in bits]
        return np.stack(rows), bits

    def bias(self, size: int, bound: int = 300) -> Ints:
        return self.random.integers(-bound, bound, size, endpoint=True)

    def requant(self, name: str, bits: int, signed: bool = True, per_channel: bool = True) -> str:
        """A requantizer of mixed kinds that brings `name` to about `bits` bits."""
        source = self.type(name)
        count = source.channels if per_channel else 1
        low, high = limits(bits, signed)
        lows = source.lows() if per_channel else np.full(1, source.minimum)
        highs = source.highs() if per_channel else np.full(1, source.maximum)
        forms = tuple(
            form(self.random, int(lows[c]), int(highs[c]), low, high, c) for c in range(count)
        )
        ends = np.array([reached(f, int(lows[c]), int(highs[c])) for c, f in enumerate(forms)])
        return self.add(Requant(forms, ends[:, 0], ends[:, 1]), name)

    def case(self, *outputs: str) -> Case:
        self.graph.outputs = outputs
        ports = tuple(self._port(n, n) for n in self.inputs)
        results = tuple(self._port(f"y{i}", n) for i, n in enumerate(outputs))
        model = IntegerModel(self.name, self.graph, ports, results)
        return Case(self.name, model, {n: codes(self.random, self.type(n)) for n in self.inputs})

    def _port(self, name: str, node: str) -> Port:
        shape = self.type(node).shape
        rank = len(shape)
        axes = tuple(range(rank))
        return Port(
            node, node, shape, axes, whole(Fraction(1, 16), rank), whole(Fraction(0), rank), name
        )


def limits(bits: int, signed: bool) -> tuple[int, int]:
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def channel(random: Random, shape: Shape, bits: int) -> Ints:
    """Weights of one output channel: both ends of the width occur where there is room."""
    if bits == 0:
        return np.zeros(shape, np.int64)
    if bits == 1:
        return 2 * random.integers(0, 2, shape) - 1
    low, high = limits(bits, True)
    row = random.integers(low, high, shape, endpoint=True)
    row.flat[0], row.flat[-1] = low, high
    return row


def codes(random: Random, x: QType) -> Ints:
    """Samples of a type: all low, all high, then random codes: both ends frequent, any size."""
    shape = (SAMPLES, *x.shape)
    lows = np.broadcast_to(x.lows() if x.shape else x.low[0], shape)
    highs = np.broadcast_to(x.highs() if x.shape else x.high[0], shape)
    out = random.integers(lows, highs, endpoint=True)
    draw = random.integers(0, 8, shape)
    small = out >> random.integers(0, x.bits + 1, shape)
    out = np.where(draw > 3, np.clip(small, lows, highs), out)
    out = np.where(draw == 0, lows, np.where(draw == 1, highs, out))
    out[0], out[1] = lows[0], highs[0]
    return np.ascontiguousarray(out, np.int64)


def form(random: Random, low: int, high: int, qmin: int, qmax: int, kind: int) -> Form:
    """A form for a in [low, high]; `kind` picks one, so that neighbours differ."""
    span = max(high - low, 1)
    match kind % 7:
        case 0:
            return fitting(Arithmetic.HIGH, span, 40, low, high, qmin, qmax)
        case 1:
            shift = max(span.bit_length() - (qmax - qmin).bit_length(), 0)
            return Scale(Arithmetic.SHIFT, 1, 2**shift // 2, shift, qmin, qmax)
        case 2:
            return Scale(Arithmetic.CLIP, 1, -((low + high) // 2), 0, qmin, qmax)
        case 3:
            return fitting(Arithmetic.LONG, span, 44, low, high, qmin, qmax)
        case 4:
            places = np.unique(random.integers(low, high, 9, endpoint=True))
            results = random.integers(qmin, qmax, places.size + 1, endpoint=True)
            return Steps(places, results)
        case 5 if span < 4096:
            return Table(low, random.integers(qmin, qmax, high - low + 1, endpoint=True))
        case _:
            return fitting(Arithmetic.WORD, span, 0, low, high, qmin, qmax)


def fitting(
    kind: Arithmetic, span: int, shift: int, low: int, high: int, qmin: int, qmax: int
) -> Scale:
    """A scale that brings a range of `span` to about 3/4 of [qmin, qmax], in its arithmetic."""
    reach = max(abs(low), abs(high), 1)
    if kind is Arithmetic.WORD:
        shift = max(29 - (qmax - qmin).bit_length(), 0)
        while shift and (3 * (qmax - qmin) << shift) // (4 * span) * reach >= 2**30:
            shift -= 1
    multiplier = max((3 * (qmax - qmin) << shift) // (4 * span), 1)
    offset = (1 << shift) >> 1
    pre = 0
    if kind is Arithmetic.HIGH:
        offset = 0 if offset < 2**32 else offset >> 32 << 32
        while pre < 20 and (reach << (pre + 1)) < 2**31 and multiplier % 2 ** (pre + 1) == 0:
            pre += 1
        if reach << pre >= 2**31 or multiplier >> pre >= 2**31:
            kind = Arithmetic.LONG
    if kind is Arithmetic.WORD and multiplier * reach + offset >= 2**31:
        kind = Arithmetic.LONG
    listed = ((low, qmin), ((low + high) // 2, qmax)) if high - low > 5 else ()
    return Scale(kind, multiplier, offset, shift, qmin, qmax, pre, listed)


def reached(f: Form, low: int, high: int) -> tuple[int, int]:
    """Bounds of a form's results on [low, high], tight where that is quickly seen."""
    match f:
        case Scale(exceptions=()):
            ends = f.run(np.array([low, high]))
            return int(ends.min()), int(ends.max())
        case Table():
            return f.ends()
        case _:
            return f.ends()
