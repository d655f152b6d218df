"""Every form of a requantizer equals the function it stands for, at every reachable integer."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompile.ops.requant import Arithmetic, Scale, Steps
from qcompile.passes.forms import scale_form
from qcompile.passes.requantize import Proved, kinds, prove
from qcompile.passes.staircase import Staircase


def rounded(scale: Fraction, bias: Fraction, low: int, high: int):
    """clip(round_half_even(scale·a + bias)), by Python's own rationals."""

    def function(a):
        flat = [min(max(round(scale * int(v) + bias), low), high) for v in a.reshape(-1)]
        return np.array(flat, np.int64).reshape(a.shape)

    return function


def check(proved: Proved, function, lo: int, hi: int) -> None:
    places = np.arange(lo, hi + 1, dtype=np.int64)
    expected = function(places[:, np.newaxis])[:, 0]
    np.testing.assert_array_equal(proved.forms[0].run(places), expected)
    assert (int(proved.low[0]), int(proved.high[0])) == (expected.min(), expected.max())


@given(
    scale=st.fractions(min_value=Fraction(-3), max_value=3, max_denominator=5000),
    bias=st.fractions(min_value=-40, max_value=40, max_denominator=64),
    ends=st.tuples(st.integers(-3000, 3000), st.integers(-3000, 3000)),
    bits=st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_rounded_line(scale, bias, ends, bits) -> None:
    lo, hi = sorted(ends)
    function = rounded(scale, bias, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    direction = np.array([0 if scale == 0 else 1 if scale > 0 else -1], np.int8)
    proved = prove(function, np.array([lo]), np.array([hi]), direction)
    check(proved, function, lo, hi)


@given(
    multiplier=st.sampled_from([1, -1, 3, -5, 97]),
    shift=st.integers(1, 9),
    offset=st.integers(-500, 500),
    finer=st.integers(0, 2),
    ends=st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000)),
    bits=st.integers(1, 9),
)
@settings(max_examples=200, deadline=None)
def test_halves_to_even(multiplier, shift, offset, finer, ends, bits) -> None:
    """Lines on which halves are frequent; the offset may be on a finer grid than the slope."""
    lo, hi = sorted(ends)
    scale, bias = Fraction(multiplier, 2**shift), Fraction(offset, 2 ** (shift + finer))
    function = rounded(scale, bias, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    direction = np.array([1 if scale > 0 else -1])
    proved = prove(function, np.array([lo]), np.array([hi]), direction)
    check(proved, function, lo, hi)
    assert isinstance(proved.forms[0], Scale)
    assert not proved.forms[0].exceptions
    assert proved.forms[0].arithmetic not in (Arithmetic.HIGH, Arithmetic.LONG)


@pytest.mark.parametrize("offset", [0, 1, 8, -13, 500])
@pytest.mark.parametrize("multiplier", [1, -1, 3, -11])
def test_halves_to_even_take_their_own_form(multiplier, offset) -> None:
    """Where halves are met on both sides of an odd result no other shift is right."""
    function = rounded(Fraction(multiplier, 16), Fraction(offset, 16), -128, 127)
    proved = prove(
        function, np.array([-1000]), np.array([1000]), np.array([1 if multiplier > 0 else -1])
    )
    check(proved, function, -1000, 1000)
    form = proved.forms[0]
    assert isinstance(form, Scale)
    assert (form.arithmetic, form.multiplier) == (Arithmetic.EVEN, multiplier)
    assert (form.offset, form.shift) == (offset, 4)


def test_halves_that_are_never_met_need_no_form_of_their_own() -> None:
    function = rounded(Fraction(1, 16), Fraction(1, 32), -128, 127)
    form = prove(function, np.array([-1000]), np.array([1000]), np.array([1])).forms[0]
    assert isinstance(form, Scale)
    assert form.arithmetic is Arithmetic.SHIFT


@pytest.mark.parametrize(("top", "fits"), [(2**31 - 1 - 256, True), (2**31 - 256, False)])
def test_halves_to_even_leave_room_to_round(top, fits) -> None:
    """A sum that fits 32 bits only before it is rounded is refused."""

    def function(a):
        down, rest = a // 512, a % 512
        return down + (rest > 256) + ((rest == 256) & (down % 2 == 1))

    lo = top - 100 * 512
    proved = prove(function, np.array([lo]), np.array([top]), np.array([1]))
    check(proved, function, lo, top)
    form = proved.forms[0]
    assert (isinstance(form, Scale) and form.arithmetic is Arithmetic.EVEN) is fits


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_staircase(data) -> None:
    """Steps of no regularity at all: exceptions, thresholds or a table must take over."""
    values = np.sort(data.draw(st.lists(st.integers(-20, 20), min_size=2, max_size=400)))
    if data.draw(st.booleans()):
        values = values[::-1]
    lo = data.draw(st.integers(-1000, 1000))

    def function(a):
        return values[np.clip(a - lo, 0, len(values) - 1)].astype(np.int64)

    rising = bool(np.all(np.diff(values) >= 0))
    hi = lo + len(values) - 1
    proved = prove(function, np.array([lo]), np.array([hi]), np.array([1 if rising else -1]))
    check(proved, function, lo, hi)


@given(values=st.lists(st.integers(-9, 9), min_size=1, max_size=600), lo=st.integers(-500, 500))
@settings(max_examples=60, deadline=None)
def test_function_without_direction(values, lo) -> None:
    table = np.array(values, np.int64)

    def function(a):
        return table[np.clip(a - lo, 0, len(table) - 1)]

    hi = lo + len(table) - 1
    check(prove(function, np.array([lo]), np.array([hi]), None), function, lo, hi)


@pytest.mark.parametrize(
    ("scale", "lo", "hi", "kind"),
    [
        (Fraction(1), -8, 7, Arithmetic.CLIP),
        (Fraction(1, 16), -1000, 1000, Arithmetic.EVEN),
        (Fraction(37, 1000), -1000, 1000, Arithmetic.WORD),
        (Fraction(123457, 2**26), -(2**21), 2**21, Arithmetic.SPLIT),
        (Fraction(402748862, 2**41), -(2**24), 2**24, Arithmetic.HIGH),
    ],
)
def test_cheapest_arithmetic(scale, lo, hi, kind) -> None:
    """The cheapest arithmetic that can be proved is taken."""
    top = 2047 if kind is Arithmetic.HIGH else 7
    function = rounded(scale, Fraction(0), -top - 1, top)
    proved = prove(function, np.array([lo]), np.array([hi]), np.array([1]))
    form = proved.forms[0]
    assert isinstance(form, Scale)
    assert form.arithmetic is kind


def test_wide_ranges_are_right_around_every_step() -> None:
    """Too many integers to look at: those around each step decide, since both sides rise."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        scale = Fraction(int(rng.integers(1, 2**24)), 2 ** int(rng.integers(40, 52)))
        bias = Fraction(int(rng.integers(-(2**20), 2**20)), 2**14)
        function = rounded(scale, bias, -128, 127)
        lo, hi = -(2**33), 2**33
        proved = prove(function, np.array([lo]), np.array([hi]), np.array([1]))
        ticks = [Fraction(2 * k - 1, 2) for k in range(-127, 128)]
        steps = np.array([int((t - bias) / scale) for t in ticks], np.int64)
        near = np.clip((steps[:, np.newaxis] + np.arange(-3, 4)).reshape(-1), lo, hi)
        np.testing.assert_array_equal(
            proved.forms[0].run(near), function(near[:, np.newaxis])[:, 0]
        )


def test_channels_have_forms_of_their_own() -> None:
    scales = [Fraction(1), Fraction(-1, 7), Fraction(0), Fraction(5, 1000)]
    functions = [rounded(s, Fraction(1, 3), -8, 7) for s in scales]

    def function(a):
        return np.concatenate([f(a[:, [c]]) for c, f in enumerate(functions)], axis=1)

    lo, hi = np.full(4, -500), np.full(4, 500)
    proved = prove(function, lo, hi, np.array([1, -1, 0, 1]))
    places = np.arange(-500, 501)
    for c, form in enumerate(proved.forms):
        np.testing.assert_array_equal(form.run(places), functions[c](places[:, None])[:, 0])
    assert sum(kinds(proved.forms).values()) == 4


def test_a_form_is_refused_where_no_offset_fits() -> None:
    """A staircase that no line meets gets no multiply-shift."""
    stairs = Staircase(0, 999, 0, np.array([10, 500, 501, 502]))
    assert scale_form(stairs, negate=False) is None


def test_counts_of_forms_use_the_names_of_the_report() -> None:
    forms = (Scale(Arithmetic.HIGH, 1, 0, 32, 0, 1), Steps(np.array([1]), np.array([0, 1])))
    assert Counter(kinds(forms)) == {"mulh": 1, "thresholds": 1}
