"""Folded weights of 4 and 2 bits: their words, and sums that wrap on the way."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.kernels_products import one_line, programs
from benchmarks.steps import Program, Trial
from qcompile.ops import Conv, Dense
from qcompile.plan.tiles import Narrow, Run, Storage, first_sums, words_of
from qcompile.qtype import Ints, QType
from qcompile.rtl import Isa

CHANNELS, TAPS = 21, 40
FAR = 2**31 - 2**20  # as far from 0 as a bias may be, so that all sums are int32


def weights(random: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Ints:
    half = 1 << bits - 1
    drawn: Ints = random.integers(-half, half, shape)
    return drawn


@pytest.mark.parametrize("bits", [4, 2])
@pytest.mark.parametrize("segments", [1, 3])
def test_shifts_of_the_bytes_leave_the_later_channels(bits: int, segments: int) -> None:
    """byte >> bits * k is w[k] + half + 2^bits * (byte >> bits * (k + 1)), at last w[k]."""
    taps, together, lanes = 35, 8 // bits, 32 // bits
    rows = weights(np.random.default_rng(bits), bits, (8, segments, taps))
    run = Run(0, 8, bits, 8, Storage.WORDS, Narrow.FOLDED)
    data = words_of(run, rows).astype("<u4").tobytes()
    bytes_of = np.frombuffer(data, np.int8).reshape(2, segments, -1, 4 // together, 4)
    half, count = 1 << bits - 1, run.trips(taps) * lanes
    for channel in range(8):
        quad, part, k = channel // 4, channel % 4 // together, channel % together
        stored = bytes_of[quad, :, :, part].reshape(segments, count).astype(np.int64)
        found = stored >> bits * k
        if k + 1 < together:
            found = found - (stored >> bits * (k + 1) << bits) - half
        np.testing.assert_array_equal(found[:, :taps], rows[channel])
        assert not found[:, taps:].any()


@pytest.mark.parametrize("bits", [4, 2])
def test_first_sums_leave_the_biases(bits: int) -> None:
    """A first sum less 2^bits times the next is the bias, modulo 2^32."""
    together = 8 // bits
    biases = np.random.default_rng(bits).integers(-(2**31), 2**31, 8)
    run = Run(0, 8, bits, 8, Storage.WORDS, Narrow.FOLDED)
    starts = first_sums(run, biases).reshape(-1, together)
    assert starts.min() >= -(2**31)
    assert starts.max() < 2**31
    less = np.append(starts[:, 1:] << bits, np.zeros((len(starts), 1), np.int64), axis=1)
    np.testing.assert_array_equal((starts - less).reshape(-1) % 2**32, biases % 2**32)


@pytest.fixture(scope="module")
def made() -> Program:
    (program,) = programs(list(trials()), Isa.CV32E40P)
    for step in program.steps:
        macros = [dict(k.macros) for k in step.draft.code.kernels if k.name == "qc_tile"]
        assert {m["QC_FOLDED"] for m in macros if m["QC_W_BITS"] != "8"} == {"1"}
    return program


def trials() -> list[Trial]:
    """Sums as they are with biases near the limits of int32, and codes; four pixels and fewer."""
    random = np.random.default_rng(5)
    found = []
    for bits, low, coded in product((4, 2), (0, -128), (False, True)):
        x_range = (low, low + 255)
        most = 2**20 if coded else FAR
        bias = random.choice([-most, -most // 3, 0, most // 5, most], CHANNELS)
        flat = QType.of((3, TAPS), *x_range)
        image = QType.of((1, 3, 7, 8), *x_range)
        widths = (bits,) * CHANNELS
        ops = (
            (Dense(weights(random, bits, (CHANNELS, TAPS)), bias, widths), flat),
            (Conv(weights(random, bits, (CHANNELS, 3, 2, 8)), bias, widths), image),
        )
        for op, x in ops:
            requant = one_line(0, 255, 10)(random, op.result(x)) if coded else None
            codes = random.choice([x.minimum, x.maximum, 3], x.shape)
            name = f"{op.title} w{bits} from {low}, coded {coded}"
            found.append(Trial(name, op, requant, (x,), (codes,)))
    return found


def test_every_bit_on_the_host(made: Program) -> None:
    for o in made.on_host():
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)


def test_every_bit_on_the_rtl(made: Program) -> None:
    for o in made.on_rtl(Isa.CV32E40P):
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)
