"""What the mixed-precision unit computes: the definition that its RTL is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]

WIDTHS = (8, 4, 2)  # bits, by their code in the status word
FORMATS = ((8, 8), (8, 4), (8, 2), (4, 4), (4, 2), (2, 2))  # activation bits, weight bits


@dataclass(frozen=True)
class Status:
    """The status register: the format, where in the weight word we are, and the requantizer.

    One weight word serves `ratio` activation words; `index` is the slice of it in use, which
    advances after `skip` (1..32) dot products, of which `counter` are made. Requantization shifts
    by `k` and `s` (0..31) and clips to `output_bits` (1..8).
    """

    activation_bits: int = 8
    weight_bits: int = 8
    skip: int = 1
    index: int = 0
    counter: int = 0
    k: int = 0
    s: int = 0
    output_bits: int = 8
    output_signed: bool = False

    def __post_init__(self) -> None:
        assert (self.activation_bits, self.weight_bits) in FORMATS
        assert 1 <= self.skip <= 32
        assert 0 <= self.index < self.ratio
        assert 0 <= self.counter < self.skip
        assert 0 <= self.k < 32
        assert 0 <= self.s < 32
        assert 1 <= self.output_bits <= 8

    @property
    def ratio(self) -> int:
        """Activation words that one weight word serves."""
        return self.activation_bits // self.weight_bits

    @property
    def lanes(self) -> int:
        """Products of one instruction."""
        return 32 // self.activation_bits

    @property
    def word(self) -> int:
        """The register: fields from bit 0 up, in the order of this class."""
        fields = (
            (WIDTHS.index(self.activation_bits), 2),
            (WIDTHS.index(self.weight_bits), 2),
            (self.skip - 1, 5),
            (self.index, 2),
            (self.counter, 5),
            (self.k, 5),
            (self.s, 5),
            (self.output_bits - 1, 3),
            (int(self.output_signed), 1),
        )
        word = place = 0
        for value, bits in fields:
            word |= value << place
            place += bits
        return word


def dot_products(
    status: Status, activations: Words, weights: Words, accumulators: Words, *, signed: bool
) -> tuple[Words, Status]:
    """Dot products one after the other, each with operands and accumulator of its own.

    All arrays have shape (n,). Activations are signed or not, weights signed, and sums wrap around
    modulo 2^32. Returns the n results and the status after them.
    """
    made = status.counter + np.arange(len(activations))
    index = (status.index + made // status.skip) % status.ratio
    lanes = np.arange(status.lanes)
    taps = index[:, np.newaxis] * status.lanes + lanes
    x = field(activations[:, np.newaxis], lanes, status.activation_bits, signed=signed)
    w = field(weights[:, np.newaxis], taps, status.weight_bits, signed=True)
    sums = accumulators.astype(np.int64) + (x * w).sum(axis=1)
    done = status.counter + len(activations)
    after = replace(
        status,
        counter=done % status.skip,
        index=(status.index + done // status.skip) % status.ratio,
    )
    return (sums & 0xFFFFFFFF).astype(np.uint32), after


def field(
    words: Words, place: npt.NDArray[np.int64], bits: int, *, signed: bool
) -> npt.NDArray[np.int64]:
    """Lane number `place` of each word, little endian; the arrays broadcast."""
    values = (words.astype(np.int64) >> (place * bits)) & ((1 << bits) - 1)
    return values - ((values >> (bits - 1)) << bits) if signed else values


def requantize(status: Status, values: Words, multipliers: Words, biases: Words) -> Words:
    """clip(((value * multiplier >> k) + bias) >> s), exactly; arrays of shape (n,).

    All are signed 32-bit numbers, shifts are arithmetic, and 64 bits hold every intermediate.
    """
    product = integers(values) * integers(multipliers)
    scaled = ((product >> status.k) + integers(biases)) >> status.s
    low = -(1 << (status.output_bits - 1)) if status.output_signed else 0
    high = low + (1 << status.output_bits) - 1
    clipped: npt.NDArray[np.int64] = np.clip(scaled, low, high)
    return (clipped & 0xFFFFFFFF).astype(np.uint32)


def integers(words: Words) -> npt.NDArray[np.int64]:
    """Words read as signed numbers."""
    return words.view(np.int32).astype(np.int64)
