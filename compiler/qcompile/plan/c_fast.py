"""Which layers have kernels made for speed; the others use the general ones."""

from __future__ import annotations

from dataclasses import replace
from operator import itemgetter

from qcompile.ops import Add, Conv, Dense, Requant
from qcompile.ops.base import IntegerOp
from qcompile.plan import c_byte_cycles, c_elementwise
from qcompile.plan.c_depthwise import depthwise
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_product_cycles import product_cycles
from qcompile.plan.c_products import products
from qcompile.plan.tiles import EXECUTED
from qcompile.rtl import Isa


def build(op: IntegerOp, site: Site, isa: Isa, executed: tuple[int, ...] = EXECUTED) -> Code | None:
    """The fast code of a layer, or None; `executed` are widths of weights."""
    match op:
        case Conv() if op.depthwise:
            return depthwise(op, site, isa)
        case Conv() | Dense():
            return _product(op, site, isa, executed)
        case Add():
            return c_elementwise.add(op, site)
        case Requant():
            return c_elementwise.requant(op, site)
    return None


def _product(op: Conv | Dense, site: Site, isa: Isa, executed: tuple[int, ...]) -> Code | None:
    made = products(op, site, isa, executed)
    if not made:
        return None
    if isa is Isa.RV32IMC:
        (layer,) = made
        return layer.code()
    cycles, layer = min(((product_cycles(layer), layer) for layer in made), key=itemgetter(0))
    return replace(layer.code(), cycles_model=cycles)


def timed(code: Code, isa: Isa) -> Code:
    """With the cycles that a model knows, if one does."""
    if code.cycles_model is not None:
        return code
    predicted = c_byte_cycles.cycles(code.details, isa)
    return code if predicted is None else replace(code, cycles_model=round(predicted))
