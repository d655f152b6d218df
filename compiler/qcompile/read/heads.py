"""What classifiers end with: Softmax, LogSoftmax, ArgMax, TopK."""

from __future__ import annotations

from math import prod

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.axes import axis_of
from qcompile.read.builder import Made, Result, Term, expr
from qcompile.read.elements import INT64
from qcompile.read.moving import shaped
from qcompile.read.site import Site


def softmax(site: Site) -> Result:
    return Made(normalized(site, site.term(0), site.shape(0)))


def normalized(site: Site, x: Term, shape: Shape) -> Term:
    """Before opset 13 all axes from `axis` on are one."""
    logarithm = site.op == "LogSoftmax"
    old = site.opset < 13
    axis = axis_of(site.integer("axis", 1 if old else -1), len(shape))
    if not old or prod(shape[axis + 1 :]) == 1:
        return expr(real.Softmax(axis, logarithm), x, label="softmax")
    flat = (prod(shape[:axis]), prod(shape[axis:]))
    term = expr(real.Softmax(1, logarithm), shaped(x, shape, flat, "flat"), label="softmax")
    return shaped(term, flat, shape)


def arg(largest: bool, site: Site) -> Result:
    shape = site.shape(0)
    axis = axis_of(site.integer("axis", 0), len(shape))
    op = real.ArgMax(axis, largest=largest, last=site.flag("select_last_index", False))
    term: Term = expr(op, site.term(0), label="places")
    if not site.flag("keepdims", True):
        full = (*shape[:axis], 1, *shape[axis + 1 :])
        term = shaped(term, full, (*shape[:axis], *shape[axis + 1 :]))
    return Made(term, INT64)


def arg_max(site: Site) -> Result:
    return arg(True, site)


def arg_min(site: Site) -> Result:
    return arg(False, site)


def top_k(site: Site) -> Result:
    """Only the places: the second output."""
    shape = site.shape(0)
    axis = axis_of(site.integer("axis", -1), len(shape))
    if site.has(1):
        counts = site.whole(1, "k")
        count = counts[0] if len(counts) == 1 else 0
    else:
        count = site.integer("k", 0)
    if site.builder.used(site.node.output[0]):
        raise CompileError(
            "the values of TopK are used", help="only its indices are supported, at the end"
        )
    op = real.ArgMax(axis, count, largest=site.flag("largest", True))
    return [None, Made(expr(op, site.term(0), label="places"), INT64)]
