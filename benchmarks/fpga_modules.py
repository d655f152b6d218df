"""Modelled against synthesised resources of single modules, over random layers of every kind.

python -m benchmarks.fpga_modules [--count 100] [--seconds 600] [--first 0] [--kinds window fifo]

Every configuration is a number: its layer, fold and widths follow from it. Modules that were
synthesised before come from the cache, so a run that was cut short goes on where it stopped. Even
numbers were looked at when the coefficients were chosen (--first 0); errors are reported of odd
ones. `python -m benchmarks.fpga_fit` prints the coefficients.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qcompile.emit.rtl import emit_rtl
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Constant,
    Conv,
    Dense,
    Gather,
    MatMul,
    MaxPool,
    Mul,
    Requant,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.requant import Arithmetic, Form, Scale, Steps, Table
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.plan.folding import Fold
from qcompile.plan.multipliers import Multiplier
from qcompile.plan.process_moves import Constants, Convert, Join, Move, Select
from qcompile.plan.process_pools import PoolAll, PoolWindows, RoundedPool
from qcompile.plan.processes import (
    AddStreams,
    Depthwise,
    MatrixProduct,
    MatrixVector,
    MulStreams,
    Rank,
    Requantize,
    Window,
)
from qcompile.plan.resources import estimate, fifo
from qcompile.plan.streams import Process
from qcompile.synth import Family, Options, Part, Resources, ToolError, synthesise
from tests.builder import Builder

OPTIONS = Options(Family.XC7)
LIB = "library/"  # the WebAssembly build of Yosys looks for lib/ in the root of the system
LIBRARY = Path(__file__).parents[1] / "templates" / "rtl" / "lib"


@dataclass(frozen=True)
class Figures:
    """One module: what the model says and what Yosys makes of it."""

    kind: str
    number: int
    about: str
    modelled: Resources
    measured: Resources

    @property
    def error(self) -> float:
        """Of the LUTs; against one LUT where there are none."""
        return (self.modelled.lut - self.measured.lut) / max(self.measured.lut, 1)


@dataclass(frozen=True)
class Draw:
    """Random numbers of a configuration, and the network that it builds."""

    b: Builder

    @classmethod
    def of(cls, kind: str, number: int) -> Draw:
        return cls(Builder(kind, list(KINDS).index(kind) * 100_000 + number))

    def __call__(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return int(self.b.random.integers(low, high, endpoint=True))

    def one(self, *options: int) -> int:
        return int(self.b.random.choice(options))

    def often(self, share: float) -> bool:
        return bool(self.b.random.random() < share)

    def image(self, channels: int, least: int = 4, most: int = 14, bits: int = 0) -> str:
        """An input of channels-last images."""
        shape = (1, self(least, most), self(least, most), channels)
        return self.b.input(shape, bits or self(2, 8), self.often(0.5))

    def widths(self) -> tuple[int, ...]:
        """One width for all channels, or up to three."""
        if self.often(0.6):
            return (self(1, 8),)
        return tuple(self(1, 8) for _ in range(self(2, 3)))

    def plan(self, target: int | None = None, folds: dict[str, Fold] | None = None) -> Dataflow:
        return plan_dataflow(self.b.case(*self.ends).model, target, folds)

    @property
    def ends(self) -> tuple[str, ...]:
        read = {name for node in self.b.graph for name in node.inputs}
        return tuple(node.name for node in self.b.graph if node.name not in read)


def divisor(draw: Draw, number: int, most: int) -> int:
    return draw.one(*(d for d in range(1, min(number, most) + 1) if number % d == 0))


def first(plan: Dataflow, kind: type[Process]) -> Process:
    return next(p for p in plan.processes if isinstance(p, kind))


def kernel(draw: Draw) -> tuple[int, int]:
    side = draw.one(1, 2, 3, 3, 3, 5)
    return (1, side) if draw.often(0.15) else (side, side)


def linear(draw: Draw) -> Plan:
    """A dense layer or a convolution, with products in LUTs or DSPs."""
    if draw.often(0.4):
        inputs, outputs = draw(2, 12) * 4, draw(3, 24)
        x = draw.b.input((draw(1, 3), inputs), draw(2, 8), draw.often(0.5))
        weight, bits = draw.b.weights((outputs, inputs), draw.widths())
        y = draw.b.add(Dense(weight, draw.b.bias(outputs), bits), x)
    else:
        inputs, outputs = draw.one(1, 2, 3, 4, 6, 8, 12, 16), draw.one(4, 6, 8, 12, 16)
        x = draw.image(inputs, 5, 9)
        weight, bits = draw.b.weights((outputs, *kernel(draw), inputs), draw.widths())
        y = draw.b.add(Conv(weight, draw.b.bias(outputs), bits), x)
    simd = divisor(draw, inputs, 8)
    fold = Fold(draw(1, max(1, min(outputs - 1, 16 // simd, 8))), simd)
    return made(draw, MatrixVector, {y: fold})


def depthwise(draw: Draw) -> Plan:
    channels = draw(2, 16)
    x = draw.image(channels, 5, 9)
    shape = draw.one(2, 3, 3, 3, 5)
    weight, bits = draw.b.weights((channels, shape, shape, 1), draw.widths())
    y = draw.b.add(Conv(weight, draw.b.bias(channels), bits, groups=channels), x)
    return made(draw, Depthwise, {y: Fold(divisor(draw, channels, 8), 1)})


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan, and the process of it that is looked at."""

    draw: Draw
    plan: Dataflow
    process: Process


def made(draw: Draw, kind: type[Process], folds: dict[str, Fold] | None = None) -> Plan:
    target = None if folds else draw.one(4, 16, 64, 256)
    plan = draw.plan(target, folds)
    process = first(plan, kind)
    if isinstance(process, MatrixVector | Depthwise):
        multiplier = Multiplier(draw.one(0, 0, 0, 1, 2))
        process = replace(process, multiplier=multiplier)
        plan = replace(
            plan, processes=tuple(process if p.name == process.name else p for p in plan.processes)
        )
    return Plan(draw, plan, process)


def window(draw: Draw) -> Plan:
    channels = draw.one(1, 2, 3, 4, 6, 8, 16)
    x = draw.image(channels, 5, 28)
    shape = kernel(draw)
    pads = (0, 0, 0, 0)
    if draw.often(0.6):
        pads = (shape[0] // 2, shape[1] // 2) * 2
    weight, bits = draw.b.weights((4, *shape, channels), (4,))
    strides = (draw.one(1, 1, 2),) * 2 if max(shape) > 1 else (2, 2)
    y = draw.b.add(Conv(weight, draw.b.bias(4), bits, strides=strides, pads=pads), x)
    return made(draw, Window, {y: Fold(1, divisor(draw, channels, 8))})


def requantize(draw: Draw) -> Plan:
    """One kind of form for all channels, as layers of real networks have, or several."""
    channels = draw.one(1, 2, 3, 4, 6, 8, 12, 16)
    kind = draw.one(0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3)
    bits = draw(4, 8) if kind == 2 else draw(8, 20)
    x = draw.b.input((draw(2, 6), channels), bits, kind != 2 or draw.often(0.5))
    source, out = draw.b.type(x), draw(1, 8) if kind != 1 else draw(1, 4)
    signed = draw.often(0.5)
    low, high = (-(2 ** (out - 1)), 2 ** (out - 1) - 1) if signed else (0, 2**out - 1)
    kinds = [kind] * channels if kind < 3 else [draw(0, 1) for _ in range(channels)]
    digits = draw.one(1, 12, 16, 24)
    per = 1 if draw.often(0.2) and kind < 3 else channels
    ends = source.minimum, source.maximum
    forms = tuple(form(draw, k, digits, *ends, low, high) for k in kinds[:per])
    reach = np.array([f.ends() for f in forms])
    draw.b.add(Requant(forms, reach[:, 0], reach[:, 1]), x)
    return made(draw, Requantize)


def form(draw: Draw, kind: int, digits: int, low: int, high: int, least: int, most: int) -> Form:
    if kind == 1:
        count = most - least if draw.often(0.8) else draw(1, 12)
        breaks = np.unique(draw.b.random.integers(low, high, count, endpoint=True))
        return Steps(breaks, np.arange(breaks.size + 1) + least)
    if kind == 2:
        entries = draw.b.random.integers(least, most, high - low + 1, endpoint=True)
        return Table(low, entries)
    real = (most - least + 1) / (high - low) * draw.b.random.uniform(1.0, 3.0)
    shift = max(int(np.ceil(digits - np.log2(real))), 1)
    multiplier = max(int(real * 2**shift), 1) if digits > 1 else 1
    offset = (1 << shift >> 1) + draw(-99, 99)
    return Scale(Arithmetic.LONG, multiplier, offset, shift, least, most)


def pool_windows(draw: Draw) -> Plan:
    x = draw.image(draw.one(1, 2, 4, 6, 8), 5, 9)
    shape, factors = (draw(1, 3), draw(2, 3)), None
    op = MaxPool(shape, shape) if draw.often(0.5) else SumPool(shape, shape)
    if isinstance(op, SumPool) and draw.often(0.4):
        draw.b.graph.outputs = ()
        out = [n // k for n, k in zip(draw.b.type(x).shape[1:3], shape, strict=True)]
        factors = draw.b.random.integers(1, 9, out)
        op = SumPool(shape, shape, (1, 1), (0, 0, 0, 0), 0, factors)
    draw.b.add(op, x)
    return made(draw, PoolWindows)


def pool_all(draw: Draw) -> Plan:
    x = draw.image(draw.one(2, 4, 8, 16), 3, 8)
    _, height, width, _ = draw.b.type(x).shape
    size = height, width
    draw.b.add((MaxPool if draw.often(0.4) else SumPool)(size, (1, 1)), x)
    return made(draw, PoolAll)


def rounded_pool(draw: Draw) -> Plan:
    x = draw.image(draw.one(1, 2, 4), 3, 6)
    shape = (draw(2, 3), draw(1, 3))
    draw.b.add(RoundedSumPool(draw(1, 2**20), draw(-4, 4), shape, shape), x)
    return made(draw, RoundedPool)


def two(draw: Draw) -> tuple[str, str]:
    shape = (1, draw(2, 5), draw(2, 5), draw.one(1, 2, 4, 6, 8, 16))
    return (
        draw.b.input(shape, draw(2, 10), draw.often(0.5)),
        draw.b.input(shape, draw(2, 10), draw.often(0.5)),
    )


def add(draw: Draw) -> Plan:
    factors = (1, 1) if draw.often(0.6) else (draw(-9, 9) or 1, draw(-9, 9) or 3)
    draw.b.add(Add(factors, draw(-99, 99) if draw.often(0.5) else 0), *two(draw))
    return made(draw, AddStreams)


def mul(draw: Draw) -> Plan:
    zeros = (0, 0) if draw.often(0.5) else (draw(-3, 9), draw(-3, 9))
    draw.b.add(Mul(zeros), *two(draw))
    return made(draw, MulStreams)


def matrix_product(draw: Draw) -> Plan:
    rows, depth, columns = draw(2, 6), draw(2, 12), draw.one(1, 2, 4, 8)
    x = draw.b.input((1, rows, depth), draw(2, 8), draw.often(0.5))
    y = draw.b.input((1, depth, columns), draw(2, 8), draw.often(0.5))
    draw.b.add(MatMul((draw(-3, 3), draw(-3, 3))), x, y)
    return made(draw, MatrixProduct)


def select(draw: Draw) -> Plan:
    channels = draw(2, 16)
    x = draw.b.input((draw(2, 9), channels), draw(2, 12), draw.often(0.5))
    order = tuple(draw(0, channels - 1) for _ in range(draw(2, 16)))
    draw.b.add(Gather(1, order), x)
    return made(draw, Select)


def move(draw: Draw) -> Plan:
    shape = (draw(2, 6), draw(2, 6), draw.one(1, 2, 4, 8))
    x = draw.b.input(shape, draw(2, 10), draw.often(0.5))
    if draw.often(0.6):
        draw.b.add(Transpose((1, 0, 2)), x)
    else:
        draw.b.add(Gather(0, tuple(draw(0, shape[0] - 1) for _ in range(draw(2, 9)))), x)
    return made(draw, Move)


def join(draw: Draw) -> Plan:
    shape = (draw(2, 6), draw(2, 6), draw.one(1, 2, 4, 8))
    parts = [draw.b.input(shape, draw(2, 10), draw.often(0.5)) for _ in range(draw(2, 4))]
    draw.b.add(Concat(draw(0, 2)), *parts)
    return made(draw, Join)


def rank(draw: Draw) -> Plan:
    x = draw.b.input((draw(1, 3), draw(3, 20)), draw(3, 16), draw.often(0.5))
    draw.b.add(ArgMax(draw.one(1, 1, 1, 2, 3), True, draw.often(0.3)), x)
    return made(draw, Rank)


def constants(draw: Draw) -> Plan:
    shape = (1, draw(2, 40), draw.one(1, 2, 4))
    x = draw.b.input(shape, draw(3, 8))
    values = draw.b.random.integers(-(2 ** draw(0, 8)), 2 ** draw(0, 8), shape, endpoint=True)
    draw.b.add(Add((1, 1)), x, draw.b.add(Constant(values)))
    return made(draw, Constants)


def convert(draw: Draw) -> Plan:
    inputs = draw.one(4, 6, 8, 12, 16)
    x = draw.b.input((draw(3, 9), inputs), draw(1, 12), draw.often(0.5))
    weight, bits = draw.b.weights((4, inputs), (3,))
    y = draw.b.add(Dense(weight, draw.b.bias(4), bits), x)
    options = [d for d in range(1, inputs + 1) if inputs % d == 0]
    for simd in draw.b.random.permutation(options):
        for target in (1, 64, 256):
            plan = draw.plan(target, {y: Fold(1, int(simd))})
            if any(isinstance(p, Convert) for p in plan.processes):
                return Plan(draw, plan, first(plan, Convert))
    raise AssertionError("some fold needs a converter")


KINDS: dict[str, Callable[[Draw], Plan] | None] = {
    "matrix_vector": linear,
    "depthwise": depthwise,
    "window": window,
    "requantize": requantize,
    "fifo": None,
    "convert": convert,
    "select": select,
    "add": add,
    "mul": mul,
    "pool_windows": pool_windows,
    "pool_all": pool_all,
    "rounded_pool": rounded_pool,
    "matrix_product": matrix_product,
    "move": move,
    "join": join,
    "rank": rank,
    "constants": constants,
}
# How often each kind comes up: as often as in networks, more or less.
SHARES = {"matrix_vector": 5, "window": 4, "requantize": 4, "depthwise": 3, "fifo": 4}
SHARES |= {"convert": 2, "select": 2, "add": 2}


def figures(kind: str, number: int) -> Figures:
    """One configuration, synthesised and modelled."""
    draw = Draw.of(kind, number)
    make = KINDS[kind]
    if make is None:
        width, depth = draw(1, 64), draw.one(2, 2, draw(3, 8), draw(9, 64), draw(65, 600))
        sources = {f"{LIB}{p.name}": p.read_text() for p in sorted(LIBRARY.glob("*.sv"))}
        part = Part("qc_fifo", (("WIDTH", width), ("DEPTH", depth)))
        done = synthesise(part, sources, OPTIONS, seconds=120)
        return Figures(kind, number, f"{width} x {depth}", fifo(width, depth), done.resources)
    plan = make(draw)
    sources = {p.replace("lib/", LIB): t for p, t in emit_rtl(kind, plan.plan).items()}
    done = synthesise(Part(plan.process.name), sources, OPTIONS, seconds=120)
    about = description(plan.process)
    return Figures(kind, number, about, estimate(plan.process), done.resources)


def description(p: Process) -> str:
    """The numbers of a process that decide its size."""
    words = [f"{s.lanes}x{s.number}" for s in (*p.inputs, *p.outputs)]
    if isinstance(p, MatrixVector | Depthwise):
        g = p.grouping
        words += [p.multiplier.name, f"blocks {g.blocks} turns {g.turns}"]
        words += [f"{k.pe}pe w{k.stored.bits}{'c' if k.coded else ''}" for k in g.groups]
    if isinstance(p, MatrixVector):
        words.append(f"columns {p.columns}")
    if isinstance(p, Requantize):
        f = p.lanes
        parts = (("scale", f.scale), ("steps", f.steps), ("table", f.table))
        words += [name for name, part in parts if part is not None] + [f"folds {p.folds}"]
    if isinstance(p, Window):
        words.append(str(p.geometry))
    return " ".join(words)


def numbers(count: int, start: int) -> Iterator[tuple[str, int]]:
    """`count` configurations, the kinds in turn."""
    order = [kind for kind in KINDS for _ in range(SHARES.get(kind, 1))]
    mixed = np.random.default_rng(0).permutation(len(order))
    for i in range(count):
        turn, place = divmod(i, len(order))
        yield order[int(mixed[place])], start + 2 * (turn * len(order) + place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    found: list[Figures] = []
    for kind, number in numbers(options.count, options.first):
        if kind not in options.kinds:
            continue
        if time.monotonic() > end:
            print("out of time")
            break
        try:
            found.append(figures(kind, number))
        except ToolError as error:
            print(kind, number, str(error)[:300])
            continue
        if options.verbose:
            f = found[-1]
            print(f"{f.error:+.1%}", kind, number, f.about, f.modelled, f.measured, flush=True)
    show(found)


def show(found: list[Figures]) -> None:
    for kind in (*KINDS, "all"):
        errors = [abs(f.error) for f in found if kind in (f.kind, "all")]
        if errors:
            median, worst = statistics.median(errors), max(errors)
            print(f"| {kind} | {len(errors)} | {median:.1%} | {worst:.1%} |")


if __name__ == "__main__":
    main()
