"""Layers cut into quads of four output channels and runs of equal quads; weights as tile kernels
read them (templates/c/lib/qc_tile.h).

Weights of 1 to 8 stored bits are executed with 2, 4 or 8, activations with at least as many. A
quad whose channels are all stored as they are executed is kept in the order of execution. Any
other (odd widths, channels of unlike widths, fewer than four channels) keeps its rows at their
true widths and is unpacked when the layer runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

import numpy as np

from qcompile.plan.packing import Coding
from qcompile.qtype import Ints, bits_for

EXECUTED = (2, 4, 8)  # widths of the mixed-precision unit
QUAD = 4
PADDING = 0.02  # zeros stored for the sake of speed, as a share of a layer's weights


class Storage(Enum):
    """How the weights of a quad are kept in flash."""

    WORDS = "in the order of execution"
    ROWS = "row by row, at their true widths"


class Narrow(Enum):
    """How weights of 4 and 2 bits meet bytes."""

    UNPACKED = "as bytes"
    FOLDED = "several channels to a byte, where they are stored so: qc_folded.inc"
    SHARED = "two products to a multiplication: qc_pairs.inc"


@dataclass(frozen=True)
class Widths:
    """Which widths are executed: 8 bits, or any mixture."""

    mixed: bool
    narrow: Narrow = Narrow.UNPACKED
    wide_rows: bool = False  # weights that are unpacked first are always bytes then
    executed: tuple[int, ...] = EXECUTED  # of weights

    def weights(self, needed: int) -> int:
        """The executed width of weights that need `needed` bits, signed."""
        narrow = self.mixed or self.narrow is not Narrow.UNPACKED
        return next(b for b in self.executed if b >= needed) if narrow else 8

    def activations(self, bits: int, channels: int, weights: int) -> int:
        """The executed width of activations of `bits` bits that meet such weights."""
        return max(container_bits(bits, channels), weights) if self.mixed else 8

    def unpacked(self, needed: int) -> int:
        """The executed width of weights from rows that need `needed` bits, signed."""
        return 8 if self.wide_rows or self.narrow is Narrow.FOLDED else self.weights(needed)


@dataclass(frozen=True)
class Run:
    """Consecutive quads that are computed alike."""

    channel: int  # the first
    channels: int  # 4 a quad; fewer in a last quad, which is a run of its own
    weight_bits: int  # executed
    activation_bits: int  # executed
    storage: Storage
    narrow: Narrow = Narrow.UNPACKED

    @property
    def shared(self) -> bool:
        return self.narrow is Narrow.SHARED

    @property
    def folded(self) -> bool:
        return self.narrow is Narrow.FOLDED

    @property
    def quads(self) -> int:
        return -(-self.channels // QUAD)

    @property
    def lanes(self) -> int:
        """Weights of a channel in one trip."""
        return 32 // self.weight_bits

    def trips(self, taps: int) -> int:
        """Of a segment of `taps` weights."""
        return -(-taps // self.lanes)

    def trip_bytes(self, taps: int) -> int:
        """Bytes of activations that the trips of a segment pass over."""
        return self.trips(taps) * self.lanes * self.activation_bits // 8


def container_bits(bits: int, channels: int) -> int:
    """The least width for codes of `bits` bits with which a pixel takes whole bytes."""
    return next(b for b in EXECUTED if b == 8 or (b >= bits and b * channels % 8 == 0))


def needed_bits(rows: Ints) -> Ints:
    """The signed width that holds each row's weights, 1 at least; rows are [O, K]."""
    ends = zip(rows.min(axis=1).tolist(), rows.max(axis=1).tolist(), strict=True)
    return np.array([max(bits_for(min(a, -1), max(b, 0)), 1) for a, b in ends])


def cut(
    rows: Ints, codings: tuple[Coding, ...], x: tuple[int, int], widths: Widths
) -> tuple[Run, ...]:
    """The runs of a layer with weights [O, K], -2^7 <= w < 2^7, in the order of the channels.

    `x` are bits and channels of the activations.
    """
    needed = needed_bits(rows)
    quads = [_quad(first, needed, codings, x, widths) for first in range(0, len(rows), QUAD)]
    quads[-1] = _padded(quads[-1], codings, x, widths)
    runs: list[Run] = []
    for _, group in groupby(quads, key=_kind):
        alike = list(group)
        first = alike[0]
        channels = sum(q.channels for q in alike)
        runs.append(
            Run(
                first.channel,
                channels,
                first.weight_bits,
                first.activation_bits,
                first.storage,
                widths.narrow if first.weight_bits < 8 else Narrow.UNPACKED,
            )
        )
    return tuple(runs)


def _quad(
    first: int, needed: Ints, codings: tuple[Coding, ...], x: tuple[int, int], widths: Widths
) -> Run:
    part = slice(first, min(first + QUAD, len(codings)))
    weights = widths.weights(int(needed[part].max()))
    kept = [c.bits for c in codings[part]]
    plain = all(c.plain for c in codings[part])
    if plain and kept == [kept[0]] * len(kept) and kept[0] in EXECUTED:
        weights = max(weights, widths.weights(kept[0]))
    whole = plain and kept == [weights] * len(kept)
    storage = Storage.WORDS if whole else Storage.ROWS
    if not whole:
        weights = max(weights, widths.unpacked(int(needed[part].max())))
    activations = widths.activations(*x, weights)
    return Run(first, len(kept), weights, activations, storage)


def _padded(last: Run, codings: tuple[Coding, ...], x: tuple[int, int], widths: Widths) -> Run:
    """A last quad of fewer than four channels: rows, unless its zeros hardly weigh."""
    missing = QUAD - last.channels
    if not missing or last.storage is Storage.ROWS:
        return last
    total = sum(c.bits for c in codings)
    if missing * last.weight_bits <= PADDING * total:
        return last
    weights = widths.unpacked(last.weight_bits)
    activations = widths.activations(*x, weights)
    return replace(last, weight_bits=weights, activation_bits=activations, storage=Storage.ROWS)


def _kind(run: Run) -> tuple[int, int, Storage, bool]:
    return run.weight_bits, run.activation_bits, run.storage, run.channels < QUAD


def stored(bits: tuple[int, ...], runs: tuple[Run, ...]) -> tuple[int, ...]:
    """The widths of all channels, in rows no more than are executed."""
    return tuple(
        min(b, run.weight_bits) if run.storage is Storage.ROWS else b
        for run in runs
        for b in bits[run.channel : run.channel + run.channels]
    )


def words_of(run: Run, segments: Ints) -> Ints:
    """The words of a run stored in the order of execution; `segments` are [O, segments, taps].

    uint32 as int64, one-dimensional: quad, segment, trip, channel.
    """
    count, taps = segments.shape[1:]
    trips = run.trips(taps)
    padded = np.zeros((run.quads * QUAD, count, trips * run.lanes), np.int64)
    padded[: run.channels, :, :taps] = segments[run.channel : run.channel + run.channels]
    if run.folded:
        return _folded(run, padded)
    if run.shared:
        padded += 1 << (run.weight_bits - 1)
    lanes = padded.reshape(run.quads, QUAD, count, trips, run.lanes) & ((1 << run.weight_bits) - 1)
    shifted = lanes << places(run)
    words: Ints = shifted.sum(axis=-1).transpose(0, 2, 3, 1).reshape(-1)
    return words


def _folded(run: Run, weights: Ints) -> Ints:
    """The words of weights [channels, segments, lanes], see qc_folded.inc."""
    bits, together = run.weight_bits, 8 // run.weight_bits
    count, lanes = weights.shape[1:]
    fields = weights.reshape(run.quads, QUAD // together, together, count, lanes // 4, 4)
    scales = 1 << bits * np.arange(together)
    halves = int(scales[:-1].sum()) << (bits - 1)
    folded = (np.tensordot(fields, scales, (2, 0)) + halves) & 0xFF
    # quad, part of a quad, segment, four lanes; each four lanes are a word
    words = (folded << 8 * np.arange(4)).sum(axis=-1)
    ordered: Ints = words.transpose(0, 2, 3, 1).reshape(-1)
    return ordered


def first_sums(run: Run, biases: Ints) -> Ints:
    """What the sums of folded weights start with, modulo 2^32: see qc_folded.inc."""
    together = 8 // run.weight_bits
    starts = biases.reshape(-1, together).copy()
    for k in range(together - 2, -1, -1):
        starts[:, k] += starts[:, k + 1] << run.weight_bits
    wrapped: Ints = (starts.reshape(-1) + (1 << 31)) % (1 << 32) - (1 << 31)
    return wrapped


def places(run: Run) -> Ints:
    """The lowest bits of the weights in a word."""
    lane = np.arange(run.lanes)
    if run.shared:
        return (lane % 4 * 8 + lane // 4 * run.weight_bits) ^ 16
    return lane * run.weight_bits
