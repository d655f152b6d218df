"""How weights are stored: each output channel at its own width, in little-endian bit streams.

The row of a channel holds its weights in order (taps outermost, input channels innermost), the
first weight in the lowest bits of the first byte, and starts at a byte of its own. A stored code is
two's complement of the channel's width; `weight = code·step + offset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.qtype import Ints, bits_for

WIDEST = 32


@dataclass(frozen=True)
class Coding:
    """How the weights of one output channel become codes of `bits` bits."""

    bits: int
    step: int = 1
    offset: int = 0

    @property
    def plain(self) -> bool:
        """The code is the weight."""
        return (self.step, self.offset) == (1, 0)


@dataclass(frozen=True)
class PackedWeights:
    """The rows of all output channels, one after the other, and how each is coded."""

    data: bytes
    codings: tuple[Coding, ...]
    weights_per_row: int

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(bits, channels) of consecutive channels of one width."""
        runs: list[tuple[int, int]] = []
        for coding in self.codings:
            if runs and runs[-1][0] == coding.bits:
                runs[-1] = (coding.bits, runs[-1][1] + 1)
            else:
                runs.append((coding.bits, 1))
        return tuple(runs)

    @property
    def plain(self) -> bool:
        return all(c.plain for c in self.codings)


def pack(weight: Ints, bits: tuple[int, ...]) -> PackedWeights:
    """Pack weights [O, ...] whose output channels have the declared widths `bits`."""
    rows = weight.reshape(weight.shape[0], -1)
    codings = tuple(coding(row, b) for row, b in zip(rows, bits, strict=True))
    data = b"".join(_row(row, c) for row, c in zip(rows, codings, strict=True))
    return PackedWeights(data, codings, rows.shape[1])


def coding(row: Ints, bits: int) -> Coding:
    """The coding of one channel: two's complement, else less an offset, else also divided.

    {-1, +1} fits one bit by code·2 + 1. Weights that do not fit their declared width in any of
    these ways get the width that they need.
    """
    low, high = int(row.min()), int(row.max())
    if bits == 0 and (low, high) == (0, 0):
        return Coding(0)
    bits = max(bits, 1)
    if bits_for(min(low, -1), max(high, 0)) <= bits:
        return _checked(Coding(bits))
    half = 1 << (bits - 1)
    if high - low < 2 * half:
        return _checked(Coding(bits, 1, low + half))
    step = gcd(*(int(w) - low for w in np.unique(row)))
    if high - low < 2 * half * step:
        return _checked(Coding(bits, step, low + half * step))
    return coding(row, min(bits_for(0, high - low), bits_for(min(low, -1), max(high, 0))))


def _checked(found: Coding) -> Coding:
    if found.bits > WIDEST:
        raise CompileError(
            f"weights of {found.bits} bits", help=f"use weights of at most {WIDEST} bits"
        )
    return found


def _row(row: Ints, c: Coding) -> bytes:
    """The bytes of one channel."""
    if c.bits == 0:
        return b""
    codes = (row - c.offset) // c.step
    places = (codes[:, np.newaxis] >> np.arange(c.bits)) & 1
    return np.packbits(places.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def unpack(packed: PackedWeights) -> Ints:
    """The weights [O, weights_per_row] again."""
    out = np.zeros((len(packed.codings), packed.weights_per_row), np.int64)
    start = 0
    for channel, c in enumerate(packed.codings):
        size = -(-c.bits * packed.weights_per_row // 8)
        if c.bits:
            stored = np.frombuffer(packed.data, np.uint8, size, start)
            bits = np.unpackbits(stored, bitorder="little")[: c.bits * packed.weights_per_row]
            places = bits.reshape(-1, c.bits).astype(np.int64) << np.arange(c.bits)
            codes = places.sum(axis=1)
            codes -= (codes >> (c.bits - 1)) << c.bits
            out[channel] = codes * c.step + c.offset
        start += size
    return out


def pack_codes(codes: Ints, bits: int) -> NDArray[np.uint8]:
    """Codes [...] as a stream of `bits` bits each, little endian; a whole number of bytes."""
    places = (codes.reshape(-1, 1) >> np.arange(bits)) & 1
    return np.packbits(places.astype(np.uint8).reshape(-1), bitorder="little")


def unpack_codes(data: NDArray[np.uint8], bits: int, signed: bool) -> Ints:
    """The codes [..., 8·bytes / bits] in streams [..., bytes]."""
    stream = np.unpackbits(data, axis=-1, bitorder="little")
    places = stream.reshape(*data.shape[:-1], -1, bits).astype(np.int64) << np.arange(bits)
    codes: Ints = places.sum(axis=-1)
    return codes - ((codes >> (bits - 1)) << bits) if signed else codes
