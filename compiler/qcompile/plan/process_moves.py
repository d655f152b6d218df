"""Processes that move words and compute nothing, with the numbers that their templates place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.plan.streams import AxisPort, Process, Rom
from qcompile.qtype import Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadPort(Process):
    """Unpacks the words of an input port."""

    port: AxisPort


@dataclass(frozen=True, eq=False, kw_only=True)
class WritePort(Process):
    """Packs the words of an output port."""

    port: AxisPort


@dataclass(frozen=True, eq=False, kw_only=True)
class Constants(Process):
    """Sends a constant tensor; `values` is [words, lanes]."""

    values: Rom

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
    def roms(self) -> tuple[Rom, ...]:
        return (self.order, self.fixed)

    @property
    def cycles(self) -> int:
        """A pixel arrives while the one before it leaves: one more round than pixels."""
        words = max(self.inputs[0].words, self.outputs[0].words)
        return words + words // self.pixels


@dataclass(frozen=True, eq=False, kw_only=True)
class Join(Process):
    """Streams one after the other: in each of `rounds`, `counts[i]` words of input i."""

    rounds: int

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(s.words // self.rounds for s in self.inputs)

    @property
    def cycles(self) -> int:
        return self.outputs[0].words


@dataclass(frozen=True, eq=False)
class Axis:
    """How one axis of the result walks through the buffered words."""

    size: int
    steps: Rom  # [size] what each place adds to the address; negative: the constant


@dataclass(frozen=True, eq=False, kw_only=True)
class Move(Process):
    """Buffers a tensor, then sends its words in another order, some of them twice or constant."""

    axes: tuple[Axis, ...]
    constant: int

    @property
    def roms(self) -> tuple[Rom, ...]:
        return tuple(a.steps for a in self.axes)

    @property
    def cycles(self) -> int:
        return self.inputs[0].words + self.outputs[0].words


def move_axes(name: str, steps: list[Ints]) -> tuple[Axis, ...]:
    """Axes from what each place adds; a constant place outweighs all others together."""
    reach = sum(int(s.max(initial=0)) for s in steps) + 1
    fixed = [np.where(s < 0, -reach, s) for s in steps]
    return tuple(Axis(s.size, Rom.holding(f"{name}_step{i}", s)) for i, s in enumerate(fixed))
