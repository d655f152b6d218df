"""QuantizeLinear and DequantizeLinear, of ONNX and com.microsoft."""

from __future__ import annotations

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.read.builder import Made, Result, Term, const, expr
from qcompile.read.elements import Element
from qcompile.read.scales import along_axis, check_scale, check_zero_point, code_element
from qcompile.read.site import Site


def saturated(codes: Term, element: Element) -> Term:
    """Clamped to the range of an integer type."""
    raised = expr(real.Maximum(), codes, const(float(element.low), "low"), label="raised")
    return expr(real.Minimum(), raised, const(float(element.high), "high"), label="clamped")


def quantized(x: Term, scale: Term, zero_point: Term | None, element: Element) -> Term:
    """saturate(round(x / scale) + zero point), halves to even."""
    codes = expr(real.Div(), x, scale, label="scaled")
    codes = expr(real.Round(), codes, label="rounded")
    if zero_point is not None:
        codes = expr(real.Add(), codes, zero_point, label="shifted")
    return saturated(codes, element)


def dequantized(codes: Term, scale: Term, zero_point: Term | None) -> Term:
    """scale·(codes - zero point)."""
    if zero_point is not None:
        codes = expr(real.Sub(), codes, zero_point, label="centred")
    return expr(real.Mul(), codes, scale, label="dequantized")


def quantize_linear(site: Site) -> Result:
    element = code_element(site, 2)
    if not element.integer or element.boolean or element.bits > 16:
        raise CompileError(
            f"QuantizeLinear to {element}", help="codes of 2, 4, 8 and 16 bits are supported"
        )
    scale, zero_point = _parameters(site)
    return Made(quantized(site.term(0), scale, zero_point, element), element)


def dequantize_linear(site: Site) -> Result:
    if not site.element(0).integer:
        raise CompileError("DequantizeLinear of a tensor that holds no integer codes")
    scale, zero_point = _parameters(site)
    return Made(dequantized(site.term(0), scale, zero_point))


def _parameters(site: Site) -> tuple[Term, Term | None]:
    check_scale(site, 1)
    try:
        scale = along_axis(site, 1, site.shape(0), "scale")
        zero_point = None
        if check_zero_point(site, 2) is not None:
            zero_point = along_axis(site, 2, site.shape(0), "zero_point")
    except CompileError as error:
        help = error.help or "correct the axis attribute, or the number of scales and zero points"
        raise CompileError(error.what, help=help) from None
    return scale, zero_point


def dynamic(site: Site) -> Result:
    """Quantizers that measure each input."""
    raise CompileError(
        f"{site.op} chooses its scale at run time",
        help="quantize statically: onnxruntime.quantization.quantize_static with calibration data",
    )
