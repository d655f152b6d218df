"""Functions of elements: arithmetic, rounding, Relu, Clip."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.axes import joint
from qcompile.read.builder import Expr, Made, Result, Term, const, expr
from qcompile.read.elements import REAL, Element
from qcompile.read.site import Site
from qcompile.read.tensors import check_size

FLOAT32_MOST = 3.4e38  # a bound beyond this is how exporters write "none"


def fraction(value: Fraction | int | float, label: str) -> Expr:
    """A rational constant: exactly, also where no float is."""
    rational = Fraction(value)
    if Fraction(float(rational)) == rational:
        return const(np.float64(float(rational)), label)
    return expr(
        real.Div(),
        const(np.float64(rational.numerator), "numerator"),
        const(np.float64(rational.denominator), "denominator"),
        label=label,
    )


def wrap(term: Term, element: Element) -> Term:
    """Integers wrap as their ONNX type does; reals are left alone."""
    if not element.integer:
        return term
    return expr(real.Wrap(element.bits, element.signed), term, label="wrapped")


def result_element(site: Site) -> Element:
    """The element of an arithmetic result: that of the inputs, real where they differ."""
    elements = {site.element(i) for i in range(site.count) if site.has(i)}
    if any(e.boolean for e in elements):
        raise CompileError(f"{site.op} of booleans")
    return elements.pop() if len(elements) == 1 else REAL


def binary(op: type[real.Add | real.Sub | real.Mul]) -> Callable[[Site], Result]:
    def handler(site: Site) -> Result:
        check_size(joint(site.shape(0), site.shape(1)))
        element = result_element(site)
        term = expr(op(), site.term(0), site.term(1), label="exact")
        return Made(wrap(term, element), element)

    return handler


def divide(site: Site) -> Result:
    """Of reals exactly; of integers truncated towards 0, as ONNX tensors of integer type do."""
    divisor = site.builder.known(site.value(1))
    if divisor is not None and np.any(divisor == 0):
        raise CompileError("a division by zero", help="correct the constant divisor")
    element = result_element(site)
    quotient = expr(real.Div(), site.term(0), site.term(1), label="quotient")
    if not element.integer:
        return Made(quotient)
    whole = expr(real.Round(real.Rounding.DOWN), quotient, label="truncated")
    if divisor is None or np.any(divisor == -1):
        return Made(wrap(whole, element), element)
    return Made(whole, element)


def extremum(op: type[real.Maximum | real.Minimum]) -> Callable[[Site], Result]:
    """Max and Min of any number of inputs."""

    def handler(site: Site) -> Result:
        term: Term = site.term(0)
        for i in range(1, site.count):
            term = expr(op(), term, site.term(i))
        return Made(term, result_element(site))

    return handler


def total(site: Site) -> Result:
    """Sum of any number of inputs."""
    term: Term = site.term(0)
    for i in range(1, site.count):
        term = expr(real.Add(), term, site.term(i), label="sum")
    return Made(wrap(term, result_element(site)), result_element(site))


def mean(site: Site) -> Result:
    term: Term = site.term(0)
    for i in range(1, site.count):
        term = expr(real.Add(), term, site.term(i), label="sum")
    return Made(expr(real.Div(), term, const(np.float64(site.count), "count")))


def relu(site: Site) -> Result:
    return Made(at_least(site.term(0), 0, "zero"), site.element(0))


def at_least(term: Term, low: Fraction | int, label: str = "low") -> Expr:
    return expr(real.Maximum(), term, fraction(low, label), label="raised")


def at_most(term: Term, high: Fraction | int, label: str = "high") -> Expr:
    return expr(real.Minimum(), term, fraction(high, label), label="lowered")


def relu6(site: Site) -> Result:
    return Made(at_most(at_least(site.term(0), 0), 6), site.element(0))


def clip(site: Site) -> Result:
    """Bounds are attributes or inputs; those beyond float32 mean none."""
    term: Term = site.term(0)
    for index, name, op in ((1, "min", real.Maximum()), (2, "max", real.Minimum())):
        bound = _bound(site, index, name)
        if bound is not None:
            term = expr(op, term, bound, label=f"clipped_{name}")
    return Made(term, site.element(0))


def _bound(site: Site, index: int, name: str) -> Term | None:
    if site.has(index):
        array = site.builder.known(site.value(index))
        if array is None:
            return site.term(index)
        limits = np.asarray(array, np.float64)
        if np.any(np.isnan(limits)):
            raise CompileError(f"Clip with {name} = NaN")
        past = limits <= -FLOAT32_MOST if name == "min" else limits >= FLOAT32_MOST
        huge = site.element(index).integer and np.any(np.abs(limits) >= 2.0**53)
        return None if np.all(past) or huge else site.term(index)
    value = site.attribute(name)
    if value is None or (isinstance(value, float) and abs(value) >= FLOAT32_MOST):
        return None
    return fraction(site.number(name, 0), name)


def rounded(mode: real.Rounding) -> Callable[[Site], Result]:
    """Floor, Ceil, Round; integers are left alone."""

    def handler(site: Site) -> Result:
        if site.element(0).integer:
            return Made(site.term(0), site.element(0))
        return Made(expr(real.Round(mode), site.term(0)))

    return handler


def negate(site: Site) -> Result:
    term = expr(real.Mul(), site.term(0), const(np.float64(-1), "minus"), label="exact")
    return Made(wrap(term, site.element(0)), site.element(0))


def absolute(site: Site) -> Result:
    term = expr(real.Abs(), site.term(0))
    return Made(wrap(term, site.element(0)), site.element(0))


def reciprocal(site: Site) -> Result:
    return Made(expr(real.Div(), const(np.float64(1), "one"), site.term(0)))


def unary(op: real.RealOp) -> Callable[[Site], Result]:
    return lambda site: Made(expr(op, site.term(0)))


def power(site: Site) -> Result:
    """Whole exponents, 1/2, and their negatives; constant bases to any of those."""
    array = site.constant(1, "exponent")
    exponents = {Fraction(v) for v in np.unique(np.asarray(array, np.float64)).tolist()}
    if len(exponents) != 1 or array.ndim > len(site.shape(0)):
        raise CompileError("Pow with exponents that differ", help="use one exponent a node")
    (exponent,) = exponents
    x: Term = site.term(0)
    term = _raised(x, abs(exponent))
    if exponent < 0:
        term = expr(real.Div(), const(np.float64(1), "one"), term)
    return Made(wrap(term, site.element(0)), site.element(0))


def _raised(x: Term, exponent: Fraction) -> Term:
    if exponent == 1:
        return x
    if exponent.denominator == 1 and 1 < exponent <= 16:
        return expr(real.Power(int(exponent)), x)
    if exponent == Fraction(1, 2):
        return expr(real.Sqrt(), x)
    raise CompileError(
        f"Pow with the exponent {float(exponent)}",
        help="whole exponents up to 16 and 0.5 are supported",
    )


def compared(site: Site) -> Result:
    """Comparisons and Where of what varies."""
    raise CompileError(
        f"{site.op} of values that depend on the input",
        help="only constants can be compared; use Clip, Max or Min to bound a tensor",
    )


ELEMENTWISE: dict[str, Callable[[Site], Result]] = {
    "Abs": absolute,
    "Add": binary(real.Add),
    "And": compared,
    "Ceil": rounded(real.Rounding.CEIL),
    "Clip": clip,
    "Div": divide,
    "Equal": compared,
    "Exp": unary(real.Exp()),
    "Floor": rounded(real.Rounding.FLOOR),
    "Greater": compared,
    "GreaterOrEqual": compared,
    "Less": compared,
    "LessOrEqual": compared,
    "Max": extremum(real.Maximum),
    "Mean": mean,
    "Min": extremum(real.Minimum),
    "Mul": binary(real.Mul),
    "Neg": negate,
    "Not": compared,
    "Or": compared,
    "Pow": power,
    "Reciprocal": reciprocal,
    "Relu": relu,
    "Round": rounded(real.Rounding.HALF_EVEN),
    "Sqrt": unary(real.Sqrt()),
    "Sub": binary(real.Sub),
    "Sum": total,
    "Where": compared,
}
