"""Weights packed at their true widths come back, and take the bytes that they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qcompile.errors import CompileError
from qcompile.plan.packing import Coding, coding, pack, unpack

widths = st.lists(st.integers(0, 32), min_size=1, max_size=6).map(tuple)


@given(widths, st.integers(1, 20), st.integers(0, 2**32))
def test_round_trip(bits: tuple[int, ...], length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    zeros = np.zeros(length, np.int64)
    rows = [random.integers(-(2**b) // 2, 2**b // 2, length) if b else zeros for b in bits]
    weight = np.stack(rows)
    packed = pack(weight, bits)
    np.testing.assert_array_equal(unpack(packed), weight)
    assert packed.plain
    stored = [0 if b == 0 else -(-b * length // 8) for b in bits]
    assert len(packed.data) == sum(stored)


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=9), st.integers(0, 12))
def test_any_weights_in_any_width(row: list[int], bits: int) -> None:
    """Where the declared width does not do, a wider one is found, never a wrong weight."""
    weight = np.array([row])
    packed = pack(weight, (bits,))
    np.testing.assert_array_equal(unpack(packed), weight)
    assert packed.codings[0].bits >= bits or not any(row)


@pytest.mark.parametrize(
    ("row", "bits", "wanted"),
    [
        ([-1, 1, 1], 1, Coding(1, 2, 1)),
        ([-1, 0, 0], 1, Coding(1)),
        ([0, 255, 3], 8, Coding(8, 1, 128)),
        ([-6, 0, 6, 3], 2, Coding(4)),
        ([-6, -3, 0, 3], 2, Coding(2, 3, 0)),
        ([0, 0], 0, Coding(0)),
        ([0, 1], 0, Coding(1, 1, 1)),
        ([100, 100], 1, Coding(1, 1, 101)),
    ],
)
def test_codings(row: list[int], bits: int, wanted: Coding) -> None:
    found = coding(np.array(row), bits)
    np.testing.assert_array_equal(unpack(pack(np.array([row]), (bits,)))[0], row)
    assert found == wanted


def test_the_layout_of_bits() -> None:
    """First weight in the lowest bits of the first byte; a row starts at a byte of its own."""
    packed = pack(np.array([[1, -1, 3], [-4, 2, 1]]), (3, 3))
    assert packed.data == bytes([0b11_111_001, 0b0, 0b01_010_100, 0b0])
    assert packed.groups == ((3, 2),)


def test_too_wide() -> None:
    with pytest.raises(CompileError, match="weights of 40 bits"):
        pack(np.array([[2**39 - 1, 0]]), (40,))
