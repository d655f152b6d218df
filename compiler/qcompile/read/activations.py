"""Activations beyond Relu and Clip, put together from what the graph of reals has."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.builder import Expr, Made, Result, Term, const, expr
from qcompile.read.elementwise import at_least, at_most, fraction, unary
from qcompile.read.site import Site


def leaky_relu(site: Site) -> Result:
    alpha = site.number("alpha", float(np.float32(0.01)))
    return Made(expr(real.LeakyRelu(alpha), site.term(0)))


def prelu(site: Site) -> Result:
    """max(x, 0) + slope·min(x, 0)."""
    slope = site.constant(1, "slope")
    if slope.size == 1:
        found = Fraction(float(slope.reshape(-1)[0]))
        return Made(expr(real.LeakyRelu(found), site.term(0)))
    below = expr(real.Mul(), at_most(site.term(0), 0, "zero"), site.term(1), label="sloped")
    return Made(expr(real.Add(), at_least(site.term(0), 0, "zero"), below))


def _hard_sigmoid(x: Term, alpha: Fraction, beta: Fraction) -> Expr:
    line = expr(real.Mul(), x, fraction(alpha, "alpha"), label="scaled")
    line = expr(real.Add(), line, fraction(beta, "beta"), label="line")
    return at_most(at_least(line, 0), 1)


def hard_sigmoid(site: Site) -> Result:
    """The default alpha is the float32 nearest to 0.2."""
    alpha = site.number("alpha", float(np.float32(0.2)))
    return Made(_hard_sigmoid(site.term(0), alpha, site.number("beta", 0.5)))


def hard_swish(site: Site) -> Result:
    """x·max(0, min(1, x/6 + 1/2))."""
    gate = _hard_sigmoid(site.term(0), Fraction(1, 6), Fraction(1, 2))
    return Made(expr(real.Mul(), site.term(0), gate))


def swish(site: Site) -> Result:
    """x·sigmoid(alpha·x)."""
    x: Term = site.term(0)
    alpha = site.number("alpha", 1)
    scaled = x if alpha == 1 else expr(real.Mul(), x, fraction(alpha, "alpha"), label="scaled")
    return Made(expr(real.Mul(), x, expr(real.Sigmoid(), scaled)))


def gelu(site: Site) -> Result:
    """x/2·(1 + erf(x/√2)); the approximation by tanh is not this function."""
    if site.text("approximate", "none") != "none":
        raise CompileError("Gelu approximated by tanh", help='export it with approximate="none"')
    root = expr(real.Sqrt(), const(np.float64(2), "two"), label="root")
    inner = expr(real.Erf(), expr(real.Div(), site.term(0), root, label="scaled"))
    gate = expr(real.Add(), inner, const(np.float64(1), "one"), label="gate")
    half = expr(real.Mul(), site.term(0), const(np.float64(0.5), "half"), label="halved")
    return Made(expr(real.Mul(), half, gate))


def elu(site: Site) -> Result:
    """max(x, 0) + alpha·(e^min(x, 0) - 1)."""
    return Made(_elu(site.term(0), site.number("alpha", 1)))


def selu(site: Site) -> Result:
    alpha = site.number("alpha", float(np.float32(1.67326319217681884765625)))
    gamma = site.number("gamma", float(np.float32(1.05070102214813232421875)))
    return Made(expr(real.Mul(), _elu(site.term(0), alpha), fraction(gamma, "gamma")))


def _elu(x: Term, alpha: Fraction) -> Expr:
    power = expr(real.Exp(), at_most(x, 0, "zero"), label="power")
    below = expr(real.Sub(), power, const(np.float64(1), "one"), label="below")
    scaled = expr(real.Mul(), below, fraction(alpha, "alpha"), label="scaled")
    return expr(real.Add(), at_least(x, 0, "zero"), scaled, label="elu")


def softsign(site: Site) -> Result:
    """x / (1 + |x|)."""
    size = expr(real.Add(), expr(real.Abs(), site.term(0)), const(np.float64(1), "one"))
    return Made(expr(real.Div(), site.term(0), size))


ACTIVATIONS: dict[str, Callable[[Site], Result]] = {
    "Elu": elu,
    "Erf": unary(real.Erf()),
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Selu": selu,
    "Sigmoid": unary(real.Sigmoid()),
    "Softsign": softsign,
    "Swish": swish,
    "Tanh": unary(real.Tanh()),
}
