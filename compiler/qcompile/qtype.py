"""Types of tensors: reals before `integerize`, exactly bounded integers after it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Real:
    """A tensor of real numbers, as an ONNX graph means it."""

    shape: Shape

    def __str__(self) -> str:
        return f"real{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class QType:
    """Integers with an exact range: one for the tensor, or one for each channel of the last axis.

    `low` and `high` are int64 arrays of length 1 or `shape[-1]`, both ends included.
    """

    shape: Shape
    low: Ints
    high: Ints

    def __post_init__(self) -> None:
        assert self.low.shape == self.high.shape, "ranges are pairs"
        assert self.low.ndim == 1, "ranges are per channel"
        assert self.low.size in (1, self.shape[-1] if self.shape else 1), "one range a channel"
        assert bool(np.all(self.low <= self.high)), "an empty range"

    @classmethod
    def of(cls, shape: Shape, low: Any, high: Any) -> QType:
        """A type from scalars or arrays; equal channels are folded into one range."""
        lo, hi = np.broadcast_arrays(np.atleast_1d(low), np.atleast_1d(high))
        lo, hi = lo.astype(np.int64), hi.astype(np.int64)
        if lo.size > 1 and np.all(lo == lo[0]) and np.all(hi == hi[0]):
            lo, hi = lo[:1], hi[:1]
        return cls(shape, lo, hi)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def channels(self) -> int:
        return self.shape[-1] if self.shape else 1

    @property
    def minimum(self) -> int:
        return int(self.low.min())

    @property
    def maximum(self) -> int:
        return int(self.high.max())

    @property
    def magnitude(self) -> int:
        """The largest |code|."""
        return max(-self.minimum, self.maximum)

    def magnitudes(self) -> Ints:
        """The largest |code| of each channel."""
        return np.maximum(-np.maximum(self.lows(), -np.iinfo(np.int64).max), self.highs())

    @property
    def signed(self) -> bool:
        return self.minimum < 0

    @property
    def bits(self) -> int:
        """Bits that hold every value of the tensor (two's complement where any is negative)."""
        return bits_for(self.minimum, self.maximum)

    @property
    def channel_bits(self) -> tuple[int, ...]:
        """Bits that hold each channel, length `channels`; 0 for a constant 0."""
        low = np.broadcast_to(self.low, (self.channels,))
        high = np.broadcast_to(self.high, (self.channels,))
        return tuple(bits_for(int(a), int(b)) for a, b in zip(low, high, strict=True))

    @property
    def container(self) -> int:
        """Bits of the C integer that holds it: 8, 16, 32 or 64."""
        return next(c for c in (8, 16, 32, 64) if self.bits <= c)

    def lows(self) -> Ints:
        """`low` for each channel."""
        return np.broadcast_to(self.low, (self.channels,))

    def highs(self) -> Ints:
        """`high` for each channel."""
        return np.broadcast_to(self.high, (self.channels,))

    def __str__(self) -> str:
        widths = sorted(set(self.channel_bits))
        sign = "i" if self.signed else "u"
        text = str(widths[0]) if len(widths) == 1 else "{" + ",".join(map(str, widths)) + "}"
        return f"{sign}{text}{list(self.shape)}"


TensorType = Real | QType


def bits_for(low: int, high: int) -> int:
    """The fewest bits that hold [low, high]: unsigned if low >= 0, else two's complement."""
    return high.bit_length() if low >= 0 else max(~low, high).bit_length() + 1
