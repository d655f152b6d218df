"""Streams, the processes between them, and their constants: what a dataflow design is made of."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.model import Port
from qcompile.plan.schedule import Run, Schedule
from qcompile.qtype import Ints, QType, bits_for


@dataclass(frozen=True)
class Number:
    """The type of a value: `bits` of two's complement, or unsigned."""

    bits: int
    signed: bool

    @classmethod
    def holding(cls, *values: int) -> Number:
        """The narrowest type of at least one bit that holds all `values`."""
        low, high = min(values), max(values)
        return cls(max(bits_for(low, high), 1), low < 0)

    @classmethod
    def of(cls, x: QType) -> Number:
        return cls.holding(x.minimum, x.maximum)

    def __str__(self) -> str:
        return f"ap_{'' if self.signed else 'u'}int<{self.bits}>"


@dataclass(frozen=True)
class Stream:
    """A tensor on its way, in row-major order: `words` words of `lanes` elements an inference."""

    name: str
    number: Number
    lanes: int
    words: int

    @property
    def size(self) -> int:
        return self.lanes * self.words

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return self.lanes * self.number.bits


@dataclass(frozen=True)
class AxisPort:
    """A port of the top function: each element of a word in a slot of 8, 16, 32 or 64 bits."""

    name: str  # an identifier
    port: Port
    slot: int
    stream: Stream

    @property
    def bits(self) -> int:
        return self.slot * self.stream.lanes


@dataclass(frozen=True, eq=False)
class Rom:
    """A constant array; `values` has the shape of the array in the emitted text."""

    name: str
    number: Number
    values: Ints

    @classmethod
    def holding(cls, name: str, values: Ints) -> Rom:
        """An array as wide as its values need."""
        return cls(name, Number.holding(int(values.min()), int(values.max())), values)

    @property
    def bits(self) -> int:
        return int(self.values.size) * self.number.bits

    @property
    def dimensions(self) -> str:
        return "".join(f"[{n}]" for n in self.values.shape)


@dataclass(frozen=True, eq=False, kw_only=True)
class Process:
    """One function of the dataflow region: reads its inputs in order, writes its outputs."""

    name: str  # an identifier
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    node: str  # the integer graph's node that it works for
    about: str  # a line for the reader of the emitted code
    value: bool = False  # the output is the node's value, in its natural order

    @property
    def schedule(self) -> Schedule:
        """What it reads and writes, step by step; by default a word of everything in each step."""
        words = max(s.words for s in (*self.inputs, *self.outputs))
        reads = tuple(range(len(self.inputs)))
        return Schedule.of((1, [Run(words, reads, bool(self.outputs))]))

    @property
    def latency(self) -> int:
        """Cycles from a step to the word that it writes: the registers of the RTL's pipeline.

        0: what is written depends on what is read in the same cycle.
        """
        return 0

    @property
    def cycles(self) -> int:
        """Steps of an inference: its initiation interval where it never waits, in clock cycles."""
        return self.schedule.steps

    @property
    def roms(self) -> tuple[Rom, ...]:
        """The constants that it reads."""
        return ()

    @property
    def memories(self) -> tuple[Rom, ...]:
        """The constants that its RTL reads from memories; the first dimension is the address."""
        return self.roms

    @property
    def joins(self) -> bool:
        """Whether it waits for several streams, so that paths of unlike length meet here."""
        return len(self.inputs) > 1
