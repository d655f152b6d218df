"""One arithmetic for all channels equals the forms that it is made from, everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompile.ops.requant import Arithmetic, Form, Requant, Scale, Steps, Table, parts
from qcompile.passes.requantize import prove
from qcompile.passes.steps_of_forms import staircase_of
from qcompile.passes.uniform_form import (
    Limits,
    Machine,
    SignedClip,
    UniformForm,
    UnsignedClip,
    ends,
    uniform_form,
)
from qcompile.qtype import Ints, QType

LEAST, GREATEST = -(2**31), 2**31 - 1
REGISTERS = (Machine.WORD, Machine.SPLIT, Machine.HIGH)


def requant(forms: Iterable[Form]) -> Requant:
    listed = tuple(forms)
    low, high = zip(*(f.ends() for f in listed), strict=True)
    return Requant(listed, np.array(low), np.array(high))


def accumulators(lo: Sequence[int], hi: Sequence[int]) -> QType:
    return QType.of((len(lo),), np.array(lo), np.array(hi))


def rounded(slopes: Sequence[Fraction], low: int, high: int, x: QType, bias: int = 0) -> Requant:
    """clip(floor(slope·a + 1/2 + bias)) for each channel, in its cheapest proved form."""
    top = [s.numerator for s in slopes]
    bottom = [s.denominator for s in slopes]

    def function(a: Ints) -> Ints:
        return np.clip((2 * a * top + bottom) // (2 * np.array(bottom)) + bias, low, high)

    proved = prove(function, x.lows(), x.highs(), np.sign(np.array(top)))
    return Requant(proved.forms, proved.low, proved.high)


def registers(form: UniformForm, c: int, a: int) -> tuple[int, list[int]]:
    """What a kernel computes for channel c with Python's integers, and all that it holds."""
    if form.bound is not None:
        a = min(max(a, -form.bound - 1), form.bound)
    m, b = int(form.multiplier[c]), int(form.offset[c])
    if form.machine is Machine.UNIT:
        held, total = [a, m, b], (m * a >> form.split) + b
    elif form.machine is Machine.LONG:
        total = m * a + b
        held = [a, m, m * a >> 32, b >> 32, total >> 32]
    elif form.machine is Machine.HIGH:
        shifted = a << (32 - form.split)
        upper = shifted * m >> 32
        held, total = [a, m, b, shifted, upper, upper + b], upper + b
    else:
        upper, lower = int(form.upper[c]), int(form.lower[c])
        product = upper * a + (lower * a >> form.split)
        held, total = [upper * a, lower * a, upper, lower, product, b, product + b], product + b
    low, high = (int(np.broadcast_to(e, form.offset.shape)[c]) for e in ends(form.clip))
    return min(max(total >> form.shift, low), high), held


def check(op: Requant, x: QType, form: UniformForm) -> None:
    """On both sides of every step, at the ends, around the bound, at random: bits and registers."""
    rng = np.random.default_rng(0)
    least = 32 if form.machine is Machine.LONG else 0
    assert least <= form.shift <= least + 31
    assert 0 <= form.split <= (32 if form.machine is Machine.HIGH else 31)
    many = len(op.forms) > 1
    for c, f in enumerate(op.forms):
        lo, hi = (int(x.lows()[c]), int(x.highs()[c])) if many else (x.minimum, x.maximum)
        found = staircase_of(f, lo, hi)
        assert found is not None
        stairs, sign = found
        steps = sign * stairs.breaks
        near = (steps[:, np.newaxis] + np.arange(-2, 3)).reshape(-1)
        edge = [0] if form.bound is None else [form.bound, form.bound + 1]
        edges = [lo, hi, *edge, *(-e for e in edge), *(-e - 1 for e in edge)]
        a = np.concatenate([near, edges, rng.integers(lo, hi, 300, endpoint=True)])
        a = a[(a >= lo) & (a <= hi)]
        wanted = f.run(a)
        own = [registers(form, c, e) for e in a.tolist()]
        np.testing.assert_array_equal([r for r, _ in own], wanted)
        held = [n for _, numbers in own for n in numbers]
        assert min(held) >= LEAST
        assert max(held) <= GREATEST
        channels = len(form.offset)
        wide = form.run(np.repeat(a[:, np.newaxis], channels, axis=1))
        np.testing.assert_array_equal(wide[:, c], wanted)


@given(
    slopes=st.lists(
        st.fractions(Fraction(1, 2000), Fraction(1, 20), max_denominator=10**6),
        min_size=1,
        max_size=9,
    ),
    falling=st.integers(0, 9),
    ends_of_sums=st.tuples(st.integers(-(2**20), 0), st.integers(1, 2**20)),
    bits=st.integers(1, 8),
    machine=st.sampled_from(list(Machine)),
)
@settings(max_examples=150, deadline=None)
def test_random_layers(slopes, falling, ends_of_sums, bits, machine) -> None:
    """Whatever is found is right; on ordinary layers something is found by one machine at least."""
    lo, hi = ends_of_sums
    signed = [-s if c < falling else s for c, s in enumerate(slopes)]
    x = accumulators([lo] * len(signed), [hi] * len(signed))
    op = rounded(signed, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, x)
    found = uniform_form(op, x, machine)
    if found is not None:
        assert found.machine is machine
        check(op, x, found)


@pytest.mark.parametrize("machine", [Machine.SPLIT, Machine.HIGH, Machine.UNIT])
def test_an_ordinary_layer_has_one(machine) -> None:
    rng = np.random.default_rng(3)
    slopes = [Fraction(int(n), 2**31) for n in rng.integers(2**20, 2**22, 64)]
    reach = rng.integers(2**18, 2**20, 64).tolist()
    x = accumulators([-n for n in reach], reach)
    op = rounded(slopes, -128, 127, x)
    found = uniform_form(op, x, machine)
    assert found is not None
    assert found.clip == SignedClip(8)
    check(op, x, found)


def test_the_cheapest_machine_comes_first() -> None:
    x = accumulators([-2000] * 3, [2000] * 3)
    op = rounded([Fraction(1, 31), Fraction(-1, 50), Fraction(1, 64)], -16, 15, x)
    found = uniform_form(op, x)
    assert found is not None
    assert (found.machine, found.split, found.bound) == (Machine.WORD, 0, None)
    check(op, x, found)


def test_a_clamp_where_the_range_is_wide() -> None:
    x = accumulators([-(2**33)] * 2, [2**34] * 2)
    op = rounded([Fraction(1, 1001), Fraction(-1, 2003)], -128, 127, x)
    found = uniform_form(op, x)
    assert found is not None
    assert found.bound == 2**18 - 1
    check(op, x, found)
    assert uniform_form(op, x, Machine.UNIT) is None  # it takes accumulators of 32 bits


def test_every_kind_of_form_at_once() -> None:
    """Staircases of any spelling, rising, falling, and still."""
    k = np.arange(-7, 8)
    forms: list[Form] = [
        Scale(Arithmetic.CLIP, 1, 0, 0, -8, 7),
        Scale(Arithmetic.SHIFT, 1, 8, 4, -8, 7),
        Scale(Arithmetic.WORD, -3, 5, 7, -8, 7),
        Scale(Arithmetic.SPLIT, 1035, 512, 16, -8, 7, split=5, bound=1000),
        Scale(Arithmetic.HIGH, 2**26 + 2**12, 2**32, 34, -8, 7, pre=2),
        Scale(Arithmetic.LONG, -(2**41), 2**40 + 1, 45, -8, 7),
        Scale(Arithmetic.WORD, 0, 3, 0, 3, 3),
        Scale(Arithmetic.EVEN, 1, 3, 4, -1, 0),
        Scale(Arithmetic.WORD, 33, 0, 10, -8, 7, exceptions=((31, 1),)),
        Steps(11 * k, np.arange(-8, 8)),
        Steps(13 * k, np.arange(-8, 8)[::-1]),
        Table(-600, np.arange(-600, 601) >> 8),
    ]
    op = requant(forms)
    x = accumulators([-600] * len(forms), [600] * len(forms))
    for machine in Machine:
        found = uniform_form(op, x, machine)
        if machine is Machine.LONG:  # a slope of 1 takes a multiplier of 33 bits
            assert found is None
            continue
        assert found is not None, machine
        assert found.clip == SignedClip(4)
        check(op, x, found)


@pytest.mark.parametrize(
    "form",
    [
        Table(-9, np.arange(-9, 10) ** 2),  # falls and rises
        Steps(np.array([-5, 0, 5]), np.array([0, 3, 1, 4])),
        Scale(Arithmetic.WORD, 1, 0, 1, -8, 7, exceptions=((2, -8),)),
        Steps(np.array([1, 2, 9]), np.arange(4)),  # no line has these steps
        Scale(Arithmetic.EVEN, 1, 0, 2, -2, 2),  # halves on both sides
    ],
)
def test_none_where_there_is_none(form) -> None:
    x = accumulators([-9], [9])
    assert all(uniform_form(requant([form]), x, machine) is None for machine in Machine)


def test_one_form_for_all_channels() -> None:
    x = accumulators([-500, -20, -300], [10, 700, 80])
    op = requant([Scale(Arithmetic.WORD, 77, 100, 10, -32, 31)])
    found = uniform_form(op, x)
    assert found is not None
    assert found.multiplier.shape == (1,)
    check(op, x, found)


@pytest.mark.parametrize(
    ("low", "high", "reach", "clip"),
    [
        (-128, 127, 2**16, SignedClip(8)),
        (0, 255, 2**16, UnsignedClip(8)),
        (0, 15, 2**16, UnsignedClip(4)),
        (-2, 1, 2**16, SignedClip(2)),
        (-100, 100, 2**12, SignedClip(7)),  # not reached: nothing to clip
        (-100, 100, 2**16, None),  # as narrow as this only by the limits
        (-128, 90, 2**16, None),
    ],
)
@pytest.mark.parametrize("machine", [Machine.SPLIT, Machine.UNIT])
def test_limits_are_a_width_where_they_can_be(low, high, reach, clip, machine) -> None:
    x = accumulators([-reach] * 4, [reach] * 4)
    slopes = [Fraction(1, 90 + c) for c in range(4)]
    op = rounded(slopes, low, high, x)
    found = uniform_form(op, x, machine)
    assert found is not None
    check(op, x, found)
    if clip is not None:
        assert found.clip == clip
    else:
        assert isinstance(found.clip, Limits)
        assert (found.clip.low.tolist(), found.clip.high.tolist()) == ([low], [high])


def test_limits_of_each_channel() -> None:
    forms = [Scale(Arithmetic.WORD, 3, 0, 6, -5 - c, 20 + c) for c in range(3)]
    x = accumulators([-2000] * 3, [2000] * 3)
    found = uniform_form(requant(forms), x)
    assert found is not None
    assert isinstance(found.clip, Limits)
    assert found.clip.low.tolist() == [-5, -6, -7]
    check(requant(forms), x, found)


def test_too_many_steps_to_look_at() -> None:
    op = requant([Scale(Arithmetic.LONG, 1, 0, 0, -(2**40), 2**40)])
    assert uniform_form(op, accumulators([-(2**40)], [2**40])) is None


@given(
    multiplier=st.integers(-(2**20), 2**20),
    offset=st.integers(-(2**24), 2**24),
    shift=st.integers(0, 20),
    even=st.booleans(),
    listed=st.lists(st.tuples(st.integers(-300, 300), st.integers(-9, 9)), max_size=3),
)
@settings(max_examples=300, deadline=None)
def test_staircases_are_the_forms(multiplier, offset, shift, even, listed) -> None:
    """Every step is found, whatever the form; what is no staircase is None."""
    kind = Arithmetic.EVEN if even and shift else Arithmetic.LONG
    form = Scale(kind, multiplier, offset, shift, -8, 7, exceptions=tuple(listed))
    a = np.arange(-300, 301, dtype=np.int64)
    wanted = form.run(a)
    found = staircase_of(form, -300, 300)
    rise = np.diff(wanted)
    assert (found is None) == bool(rise.min() < 0 < rise.max())
    if found is not None:
        stairs, sign = found
        own = stairs.first + np.searchsorted(stairs.breaks, sign * a, side="right")
        np.testing.assert_array_equal(own, wanted)


def test_parts_of_the_multipliers() -> None:
    x = accumulators([-(2**18)], [2**18])
    op = rounded([Fraction(-123_457, 2**27)], -128, 127, x)
    found = uniform_form(op, x, *REGISTERS)
    assert found is not None
    assert found.machine is Machine.SPLIT
    upper, lower = parts(int(found.multiplier[0]), found.split)
    assert (found.upper.tolist(), found.lower.tolist()) == ([upper], [lower])
