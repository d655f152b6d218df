"""The oracle decides every rounding as rational arithmetic does, on floats' hardest cases too."""

from __future__ import annotations

import decimal
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest

from qcompile import semantics as real
from qcompile.semantics.interval import ends, exponential, square_root
from qcompile.semantics.modes import divide, round_floats
from qcompile.semantics.number import Bounded, Grid, constant
from qcompile.semantics.units import whole

Rounding = real.Rounding


def by_definition(x: Fraction, mode: Rounding) -> int:
    """Each mode of QONNX, written from its words."""
    down, size = floor(x), abs(x)
    sign = 1 if x > 0 else -1
    half = size - floor(size) == Fraction(1, 2)
    near = floor(size + Fraction(1, 2))
    match mode:
        case Rounding.FLOOR:
            return down
        case Rounding.CEIL:
            return ceil(x)
        case Rounding.UP:
            return sign * ceil(size)
        case Rounding.DOWN:
            return sign * floor(size)
        case Rounding.HALF_UP:
            return sign * near
        case Rounding.HALF_DOWN:
            return sign * (near - 1 if half else near)
        case Rounding.HALF_EVEN:
            return sign * (near - near % 2 if half else near)


@pytest.mark.parametrize("mode", list(Rounding))
def test_rounding_modes(mode: Rounding) -> None:
    numerators = np.arange(-50, 51, dtype=np.int64)
    for denominator in (1, 2, 3, 4, 7, 8):
        expected = [by_definition(Fraction(int(n), denominator), mode) for n in numerators]
        found = divide(numerators, np.array([denominator]), mode)
        np.testing.assert_array_equal(found, expected)
        if denominator in (1, 2, 4, 8):
            floats = round_floats(numerators / denominator, mode)
            np.testing.assert_array_equal(floats, expected)


def numbers(values, unit=Fraction(1)) -> Grid:
    """[samples, ...] of integers times a unit."""
    array = np.asarray(values, np.float64)
    return Grid(array, whole(unit, array.ndim))


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize(
    "scale", [Fraction(1, 8), Fraction(1, 3), Fraction(float(np.float32(0.1)))]
)
def test_a_chain_is_rounded_exactly(mode: Rounding, scale: Fraction) -> None:
    """acc·s + b, Relu or not, over every accumulator; b on another grid, so floats must bound."""
    acc = np.arange(-400, 401).reshape(-1, 1)
    bias = Fraction(float(np.float32(0.7)))
    for relu in (False, True):
        x = real.Mul().run(numbers(acc), constant(np.array([float(scale)])))
        scale_used = Fraction(float(scale))
        x = real.Add().run(x, constant(np.array([float(bias)])))
        if relu:
            x = real.Maximum().run(x, constant(np.array([0.0])))
        found = real.Round(mode).run(x)
        assert isinstance(found, Grid)
        for a, code in zip(acc[:, 0], found.codes[:, 0], strict=True):
            value = int(a) * scale_used + bias
            assert code == by_definition(max(value, Fraction(0)) if relu else value, mode)


def test_ties_hidden_from_floats() -> None:
    """Values on a tie whose parts float64 cannot hold: bounded, then decided by rationals."""
    third = real.Div().run(numbers([[1.0]]), constant(np.array([3.0])))
    for k in range(-5, 6):
        x = real.Add().run(
            real.Mul().run(third, constant(np.array([float(3 * k)]))), constant(np.array([0.5]))
        )
        forced = Bounded(x.bounded().value, np.full((1, 1), 1e-9), x.at)
        found = real.Round().run(forced)
        assert found.codes[0, 0] == by_definition(k + Fraction(1, 2), Rounding.HALF_EVEN)


def naive_conv(x, w, strides, dilations, pads, groups):
    """ONNX Conv [N, C, H, W], by its definition, on exact numbers."""
    n, _, h, width = x.shape
    o, lanes, kh, kw = w.shape
    oh = (h + pads[0] + pads[2] - dilations[0] * (kh - 1) - 1) // strides[0] + 1
    ow = (width + pads[1] + pads[3] - dilations[1] * (kw - 1) - 1) // strides[1] + 1
    out = np.empty((n, o, oh, ow), object)
    for b, f, i, j in np.ndindex(*out.shape):
        total = Fraction(0)
        for lane, p, q in np.ndindex(lanes, kh, kw):
            y = i * strides[0] + p * dilations[0] - pads[0]
            z = j * strides[1] + q * dilations[1] - pads[1]
            if 0 <= y < h and 0 <= z < width:
                total += x[b, f // (o // groups) * lanes + lane, y, z] * w[f, lane, p, q]
        out[b, f, i, j] = total
    return out


def exact_values(number) -> np.ndarray:
    """Every element, exactly (intervals must have closed)."""
    found = number.at(np.arange(int(np.prod(number.shape))), 256)
    return found.reshape(number.shape)


@pytest.mark.parametrize("seed", range(6))
def test_conv_exact_and_bounded(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 2, 4]))
    lanes, rows = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    x = rng.integers(-9, 10, (1, 1, groups * lanes, 6, 5))
    w = rng.integers(-4, 5, (groups * rows, lanes, 3, 2))
    strides, dilations = tuple(rng.integers(1, 3, 2)), tuple(rng.integers(1, 3, 2))
    pads = tuple(int(p) for p in rng.integers(0, 3, 4))
    op = real.Conv(strides, dilations, pads, groups)
    x_unit, w_unit = Fraction(1, 7), Fraction(float(np.float32(0.013)))
    fx, fw = (
        np.vectorize(lambda v, u=u: int(v) * u, otypes=[object])(a)
        for a, u in ((x[0], x_unit), (w, w_unit))
    )
    expected = naive_conv(fx, fw, strides, dilations, pads, groups)
    a, b = numbers(x, x_unit), numbers(w[np.newaxis], w_unit)
    found = op.run(a, b)
    assert isinstance(found, Grid)
    assert np.array_equal(exact_values(found)[0], expected)
    loose = op.run(a.bounded(), b)
    assert isinstance(loose, Bounded)
    assert np.array_equal(exact_values(loose)[0], expected)
    gap = np.abs(loose.value[0] - expected.astype(np.float64))
    assert np.all(gap <= loose.error[0] + 1e-300)


def test_matmul_pools_and_reductions_on_bounded_numbers() -> None:
    """The exact elements of a bounded result are those of the exact one."""
    rng = np.random.default_rng(1)
    image = numbers(rng.integers(-20, 21, (2, 1, 3, 6, 6)), Fraction(1, 5))
    matrix = numbers(rng.integers(-20, 21, (2, 4, 5)), Fraction(1, 3))
    weights = numbers(rng.integers(-20, 21, (1, 5, 3)), Fraction(1, 11))
    window = real.Window((3, 2), (2, 1), (1, 1), (1, 0, 1, 1))
    cases = [
        (real.MaxPool(window), (image,)),
        (real.AveragePool(window, count_padding=False), (image,)),
        (real.AveragePool(window, count_padding=True), (image,)),
        (real.ReduceSum((2, 3)), (image,)),
        (real.MatMul(), (matrix, weights)),
        (real.Transpose((0, 2, 3, 1)), (image,)),
        (real.Reshape((3, 36)), (image,)),
        (real.Gather(2, (5, 0, 0)), (image,)),
        (real.Pad(((0, 0), (0, 0), (1, 2), (0, 1)), Fraction(3, 7)), (image,)),
    ]
    for op, args in cases:
        sharp = op.run(*args)
        assert isinstance(sharp, Grid), op
        loose = op.run(args[0].bounded(), *args[1:])
        assert isinstance(loose, Bounded), op
        assert np.array_equal(exact_values(sharp), exact_values(loose)), op
        gap = np.abs(loose.value - exact_values(sharp).astype(np.float64))
        assert np.all(gap <= np.broadcast_to(loose.error, gap.shape) + 1e-300), op


def test_average_pool_by_definition() -> None:
    x = np.arange(16).reshape(1, 1, 1, 4, 4)
    window = real.Window((3, 3), (1, 1), (1, 1), (1, 1, 1, 1))
    found = exact_values(real.AveragePool(window).run(numbers(x)))[0, 0, 0]
    for i, j in np.ndindex(4, 4):
        part = x[0, 0, 0, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        assert found[i, j] == Fraction(int(part.sum()), part.size)


def test_thresholds_and_signs_at_equality() -> None:
    x = real.Mul().run(numbers([[-1, 0, 1, 2, 3]]), constant(np.array([0.1], np.float32)))
    limits = [constant(np.array([v], np.float32)) for v in (0.1, 0.2)]
    counted = real.MultiThreshold().run(x, *limits)
    tenth, fifth = (Fraction(float(np.float32(v))) for v in (0.1, 0.2))
    expected = [sum(k * tenth >= t for t in (tenth, fifth)) for k in (-1, 0, 1, 2, 3)]
    assert counted.codes[0].tolist() == expected
    assert real.Bipolar().run(x).codes[0].tolist() == [-1, 1, 1, 1, 1]


def test_wrap_is_modulo_its_width() -> None:
    values = np.array([[-(2**31) - 1, 2**31, 2**31 - 1, -5, 2**40 + 3]], np.float64)
    found = real.Wrap(32, True).run(numbers(values)).codes[0]
    expected = [((int(v) + 2**31) % 2**32) - 2**31 for v in values[0]]
    assert found.tolist() == expected


@pytest.mark.parametrize("x", [Fraction(0), Fraction(1, 3), Fraction(-17, 4), Fraction(30)])
def test_enclosures(x: Fraction) -> None:
    """Decimal at far higher precision lies inside, and the enclosures are as narrow as asked."""
    context = decimal.Context(prec=80)
    value = context.divide(decimal.Decimal(x.numerator), decimal.Decimal(x.denominator))
    low, high = ends(exponential(x, 100))
    assert low <= Fraction(context.exp(value)) <= high
    assert high - low <= high * Fraction(1, 2**90)
    if x >= 0:
        low, high = ends(square_root(x, 100))
        assert low * low <= x <= high * high
        assert high - low <= (high + 1) * Fraction(1, 2**90)


@pytest.mark.parametrize("op", [real.Sigmoid(), real.Tanh(), real.Exp(), real.Erf()])
def test_float_bounds_of_functions(op) -> None:
    """What floats say, with their bound, contains the exact value."""
    x = numbers(np.arange(-60, 61).reshape(-1, 1), Fraction(1, 8))
    found = op.run(x)
    exact = found.at(np.arange(121), 200)
    for value, bound, e in zip(
        found.value[:, 0], np.broadcast_to(found.error, (121, 1))[:, 0], exact, strict=True
    ):
        low, high = ends(e)
        assert (
            low - Fraction(float(bound)) <= Fraction(float(value)) <= high + Fraction(float(bound))
        )
