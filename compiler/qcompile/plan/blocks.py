"""Blocks of memory over time: what the searches for a placement have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Block:
    """What lives at one offset: (section, units) for each section, in their order; units > 0.

    Sections are the steps that matter, numbered from 0.
    """

    heights: tuple[tuple[int, int], ...]

    @cached_property
    def height(self) -> int:
        return max(units for _, units in self.heights)

    @cached_property
    def sections(self) -> tuple[int, ...]:
        return tuple(s for s, _ in self.heights)


def units_in_use(blocks: Sequence[Block]) -> list[int]:
    """The units of all blocks, section by section."""
    sums = [0] * (1 + max((b.sections[-1] for b in blocks), default=-1))
    for block in blocks:
        for section, units in block.heights:
            sums[section] += units
    return sums


def extent(blocks: Sequence[Block], offsets: Sequence[int]) -> int:
    """The units that a placement takes."""
    return max((o + b.height for b, o in zip(blocks, offsets, strict=True)), default=0)
