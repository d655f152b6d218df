"""Signs of constants whose float64 error is larger than they are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.semantics.arithmetic import signs
from qcompile.semantics.interval import fractions
from qcompile.semantics.number import Grid
from qcompile.semantics.units import whole

VALUES = np.array([3.0e-39, -2.0e-39, 0.0, 4.5, -1.0e-30])


def test_tiny_factors_beside_large_ones() -> None:
    """As pruned channels of a batch normalization have them: value / sqrt(variance)."""
    top = Grid(np.ones((1, 5)), fractions(VALUES)[np.newaxis])
    variance = Grid(np.full((1, 5), 3.0), whole(Fraction(1), 2))
    factor = real.Div().run(top, real.Sqrt().run(variance))
    bounded = factor.bounded()
    assert np.any(np.abs(bounded.value) < bounded.error)
    np.testing.assert_array_equal(signs(factor), [[1, -1, 0, 1, -1]])


def test_what_cannot_be_told() -> None:
    """sqrt(2)^2 - 2 is 0, and no precision shows it."""
    root = real.Sqrt().run(Grid(np.full((1, 1), 2.0), whole(Fraction(1), 2)))
    square = real.Mul().run(root, root)
    nothing = real.Sub().run(square, Grid(np.full((1, 1), 2.0), whole(Fraction(1), 2)))
    assert signs(nothing) is None
