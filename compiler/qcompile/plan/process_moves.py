"""Processes that move words and compute nothing, with the numbers that their templates place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.plan.schedule import Run, Schedule, overlapped
from qcompile.plan.streams import AxisPort, Number, Process, Rom
from qcompile.qtype import Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadPort(Process):
    """Unpacks the words of an input port, which stands for its input 0."""

    port: AxisPort

    @property
    def schedule(self) -> Schedule:
        return Schedule.of((1, [Run(self.port.stream.words, (0,), True)]))


@dataclass(frozen=True, eq=False, kw_only=True)
class WritePort(Process):
    """Packs the words of an output port, which stands for its output 0."""

    port: AxisPort

    @property
    def schedule(self) -> Schedule:
        return Schedule.of((1, [Run(self.port.stream.words, (0,), True)]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Constants(Process):
    """Sends a constant tensor; `values` is [words, lanes]."""

    values: Rom

    @property
    def latency(self) -> int:
        return 1

    @property
    def roms(self) -> tuple[Rom, ...]:
        return (self.values,)


@dataclass(frozen=True, eq=False, kw_only=True)
class Fork(Process):
    """Sends each word to every reader."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drain(Process):
    """Reads what nobody needs."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Convert(Process):
    """Changes the number of lanes, one a multiple of the other."""

    @property
    def widens(self) -> bool:
        return self.outputs[0].lanes > self.inputs[0].lanes

    @property
    def schedule(self) -> Schedule:
        """The wide word is written with the last narrow one, or read with the first."""
        words, more = self.inputs[0].words, self.outputs[0].words
        if self.widens:
            return Schedule.of((more, [Run(words // more - 1, (0,)), Run(1, (0,), True)]))
        return Schedule.of((words, [Run(1, (0,), True), Run(more // words - 1, (), True)]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Select(Process):
    """Sends channels of each pixel in another order, some of them constant."""

    pixels: int
    order: Rom  # [channels out], -1 where constant
    fixed: Rom  # [channels out]

    @property
    def channels_in(self) -> int:
        return self.inputs[0].size // self.pixels

    @property
    def channels_out(self) -> int:
        return self.outputs[0].size // self.pixels

    @property
    def latency(self) -> int:
        return 1

    @property
    def roms(self) -> tuple[Rom, ...]:
        return (self.order, self.fixed)

    @property
    def memories(self) -> tuple[Rom, ...]:
        """None: the wiring of the RTL is the order."""
        return ()

    @property
    def in_memory(self) -> bool:
        """Whether memories, one for each pair of lanes that meet, take less than registers do.

        In LUTs: a register half of one, a multiplexer one for 3 inputs a bit; a memory of up to 32
        words two for 3 bits, one of 64 words twice that, with a register and an AND a bit.
        """
        x, y = self.inputs[0], self.outputs[0]
        reads, writes = x.words // self.pixels, y.words // self.pixels
        place = self.order.values.reshape(writes, y.lanes)
        pairs = {(j, int(p) % x.lanes) for row in place for j, p in enumerate(row) if p >= 0}
        words = 2 << (reads - 1).bit_length()
        memories = len(pairs) * x.number.bits * (max(words, 32) / 48 + 1)
        pixels = (2 * reads - (reads >= writes)) * x.bits
        return memories < pixels / 2 + y.bits * (writes / 3 if writes > 1 else 0)

    @property
    def places(self) -> Rom:
        """The channel of each place; 0 where it is constant."""
        return Rom.holding(f"{self.name}_places", np.maximum(self.order.values, 0))

    @property
    def kept(self) -> Rom:
        """1 where a place has a channel."""
        return Rom(f"{self.name}_kept", Number(1, False), (self.order.values >= 0).astype(np.int64))

    @property
    def constants(self) -> Rom:
        """`fixed` in the type that leaves."""
        return Rom(f"{self.name}_constants", self.outputs[0].number, self.fixed.values)

    @property
    def schedule(self) -> Schedule:
        """A pixel arrives while the one before it leaves: one more round than pixels."""
        reads, writes = (s.words // self.pixels for s in (self.inputs[0], self.outputs[0]))
        steps = max(reads, writes)
        return Schedule.of(
            (1, [Run(reads, (0,)), Run(steps - reads)]),
            (self.pixels - 1, overlapped(reads, writes)),
            (1, [Run(writes, (), True), Run(steps - writes)]),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Join(Process):
    """Streams one after the other: in each of `rounds`, `counts[i]` words of input i."""

    rounds: int

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(s.words // self.rounds for s in self.inputs)

    @property
    def schedule(self) -> Schedule:
        return Schedule.of((self.rounds, [Run(n, (i,), True) for i, n in enumerate(self.counts)]))


@dataclass(frozen=True, eq=False)
class Axis:
    """How one axis of the result walks through the buffered words."""

    size: int
    steps: Rom  # [size] what each place adds to the address; negative: the constant

    @property
    def stride(self) -> int | None:
        """What one place more adds, if that is always the same, from 0 on."""
        steps = self.steps.values
        stride = int(steps[1]) if self.size > 1 else 0
        return stride if np.array_equal(steps, np.arange(self.size) * stride) else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Move(Process):
    """Buffers a tensor, then sends its words in another order, some of them twice or constant."""

    axes: tuple[Axis, ...]
    constant: int

    @property
    def latency(self) -> int:
        """The address, and the word that is read there."""
        return 2

    @property
    def roms(self) -> tuple[Rom, ...]:
        return tuple(a.steps for a in self.axes)

    @property
    def place(self) -> Number:
        """The type of an address and of the sums on the way to it, negative for the constant."""
        ends = [[int(f(a.steps.values)) for f in (np.min, np.max)] for a in self.axes]
        low, high = (sum(end[i] for end in ends) for i in (0, 1))
        return Number.holding(min(low, 0), high)

    @property
    def memories(self) -> tuple[Rom, ...]:
        """Of the axes that do not go in even strides, all as wide as an address."""
        uneven = (a.steps for a in self.axes if a.stride is None)
        return tuple(Rom(r.name, self.place, r.values) for r in uneven)

    @property
    def schedule(self) -> Schedule:
        reads, writes = self.inputs[0].words, self.outputs[0].words
        return Schedule.of((1, [Run(reads, (0,)), Run(writes, (), True)]))


def move_axes(name: str, steps: list[Ints]) -> tuple[Axis, ...]:
    """Axes from what each place adds; a constant place outweighs all others together."""
    reach = sum(int(s.max(initial=0)) for s in steps) + 1
    fixed = [np.where(s < 0, -reach, s) for s in steps]
    return tuple(Axis(s.size, Rom.holding(f"{name}_step{i}", s)) for i, s in enumerate(fixed))
