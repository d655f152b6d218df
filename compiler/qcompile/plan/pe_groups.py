"""PE groups: the output channels of a layer by stored width, each width with its own PEs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qcompile.plan.packing import Coding, coding
from qcompile.plan.streams import Number, Rom
from qcompile.qtype import Ints, QType


@dataclass(frozen=True, eq=False)
class PeGroup:
    """Processing elements of one weight width: `pe` rows at once, `turns` times a window.

    Row slot (turn, i) computes one output channel; slots beyond the last channel have weights 0.
    """

    channels: tuple[int, ...]  # the output channels, slot by slot, block by block; -1: none
    pe: int
    first: int  # its first lane in the word that leaves
    weights: Rom  # [tiles, pe, simd]
    bias: Rom  # [blocks * turns, pe]
    offsets: Rom | None  # [blocks * turns, pe] where weight = step·stored + offset
    step: int
    meaning: Number  # of a decoded weight
    sum: Number  # of the accumulator

    @property
    def stored(self) -> Number:
        return self.weights.number

    @property
    def coded(self) -> bool:
        return self.offsets is not None


@dataclass(frozen=True, eq=False)
class Grouping:
    """All groups of a layer, and where each output channel is in the words that leave."""

    groups: tuple[PeGroup, ...]
    blocks: int
    turns: int
    order: Ints  # [O] place of each channel among blocks * turns * lanes, or -1: constant
    constants: Ints  # [O] the value of the constant channels

    @property
    def lanes(self) -> int:
        return sum(g.pe for g in self.groups)

    @property
    def places(self) -> int:
        """Elements that leave for each window."""
        return self.blocks * self.turns * self.lanes

    @property
    def natural(self) -> bool:
        """Whether the channels leave in their own order, and nothing else does."""
        count = self.order.size
        return count == self.places and bool(np.array_equal(self.order, np.arange(count)))


def group_rows(
    name: str, weight: Ints, bias: Ints, bits: tuple[int, ...], sums: QType, blocks: int, turns: int
) -> Grouping:
    """Groups for `weight` [O, columns, simd]; O is `blocks` blocks, each done in `turns` turns."""
    codings = [coding(row.reshape(-1), b) for row, b in zip(weight, bits, strict=True)]
    kinds = sorted({(c.bits, c.step) for c in codings if c.bits}) or [(1, 1)]
    rows = weight.shape[0] // blocks
    order = np.full(weight.shape[0], -1, np.int64)
    groups: list[PeGroup] = []
    lane = 0
    for width, step in kinds:
        alike = [(c.bits, c.step) == (width, step) for c in codings]
        members = [[c for c in range(b * rows, (b + 1) * rows) if alike[c]] for b in range(blocks)]
        pe = -(-max(map(len, members)) // turns)
        pe = max(pe, 1)  # a layer without any weight still takes its input in
        slots = [c for m in members for c in (*m, *(-1,) * (pe * turns - len(m)))]
        rom = f"{name}_w{width}" + (f"_step{step}" if step != 1 else "")
        rows_of = Rows(weight, bias, codings, sums)
        groups.append(_group(rom, slots, pe, lane, rows_of, Coding(width, step)))
        lane += pe
    return Grouping(tuple(groups), blocks, turns, _order(groups, order, lane), bias)


@dataclass(frozen=True, eq=False)
class Rows:
    """All output channels of a layer."""

    weight: Ints  # [O, columns, simd]
    bias: Ints
    codings: list[Coding]
    sums: QType


def _order(groups: list[PeGroup], order: Ints, lanes: int) -> Ints:
    """Where each channel leaves: word (block, turn), lane of its group and slot."""
    for group in groups:
        for slot, channel in enumerate(group.channels):
            word, lane = divmod(slot, group.pe)
            if channel >= 0:
                order[channel] = word * lanes + group.first + lane
    return order


def _group(name: str, slots: list[int], pe: int, first: int, rows: Rows, kind: Coding) -> PeGroup:
    """The group of the channels in `slots`, with its constants in the order of their reading."""
    _, columns, simd = rows.weight.shape
    used = [c for c in slots if c >= 0]
    stored = np.zeros((len(slots), columns, simd), np.int64)
    offsets, biases = np.zeros(len(slots), np.int64), np.zeros(len(slots), np.int64)
    for slot, channel in enumerate(slots):
        if channel >= 0:
            offsets[slot] = rows.codings[channel].offset
            stored[slot] = (rows.weight[channel] - offsets[slot]) // kind.step
            biases[slot] = rows.bias[channel]
    tiles = stored.reshape(-1, pe, columns, simd).transpose(0, 2, 1, 3).reshape(-1, pe, simd)
    coded = kind.step != 1 or bool(offsets.any())
    meanings = kind.step * stored + offsets[:, np.newaxis, np.newaxis]
    lows, highs = rows.sums.lows()[used], rows.sums.highs()[used]
    return PeGroup(
        channels=tuple(slots),
        pe=pe,
        first=first,
        weights=Rom(name, Number(kind.bits, True), tiles),
        bias=Rom.holding(f"{name}_bias", biases.reshape(-1, pe)),
        offsets=Rom.holding(f"{name}_offset", offsets.reshape(-1, pe)) if coded else None,
        step=kind.step,
        meaning=Number.holding(int(meanings.min()), int(meanings.max())),
        sum=Number.holding(int(lows.min(initial=0)), int(highs.max(initial=0))),
    )
