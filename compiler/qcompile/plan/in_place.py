"""Ops that may write their result over one of their inputs.

The kernels of Add, Mul and Requant read each element of an operand once, into the accumulators of
a run, and write the results of the run after that. Two facts make this safe with the result at the
operand's place:

- Equally wide elements: where the operand has the strides of the result, element k of the result
  takes the bytes of element k of the operand, which its run has read, in whatever order runs come.
- One-byte results over wider elements: element k of the result lies in element k // width, which
  is not above k; so it was read before if the elements are visited in ascending order. A walk by
  channel does not do that.

Other widths are kept apart: C lets a compiler assume that an int16_t is never in the place of an
int32_t, while bytes may be anywhere, and so may the two signs of one width. An operand that is
broadcast is read many times. A second operand in the same memory must be safe as well, which the
planner sees to. The kernels for bytes, qc_add_codes and its relatives, are one loop over operands
of the result's shape that reads before it writes: a run is then an element or two. A kernel whose
details are of another kind is never in place; one that has details of these kinds must keep to the
rule above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qcompile.plan.c_elementwise import AddCodes, LookUp, ScaleCodes
from qcompile.plan.c_layers import AddCode, LoadCode, ProductCode
from qcompile.plan.c_types import CType, Walk, strides


def overwritable(details: Any, sources: Sequence[CType], result: CType) -> frozenset[int]:
    """Which inputs of a kernel with these details its result may be written over."""
    match details:
        case AddCodes() | ScaleCodes() | LookUp():
            steps, ascending = [True] * len(sources), True
        case LoadCode(channels=channels):
            steps, ascending = [True], channels == 1
        case AddCode(walk=order) | ProductCode(walk=order, depth=1):
            steps = [_alike(order, order.a), _alike(order, order.b)]
            ascending = _ascending(order)
        case _:
            return frozenset()
    return frozenset(
        i
        for i, (alike, source) in enumerate(zip(steps, sources, strict=True))
        if alike and _fits(source, result, ascending)
    )


def _fits(source: CType, result: CType, ascending: bool) -> bool:
    """Whether no element is overwritten before it is read, and C's rules allow it."""
    if source.bytes == result.bytes:
        return True
    return result.bytes == 1 and ascending


def _alike(order: Walk, steps: tuple[int, ...]) -> bool:
    """Whether an operand is visited element by element as the result is."""
    moves = zip(order.size, steps, order.y, strict=True)
    return all(size == 1 or step == y for size, step, y in moves)


def _ascending(order: Walk) -> bool:
    """Whether a walk visits the result's elements as they lie in memory."""
    dense = zip(order.size, strides(order.size), order.y, strict=True)
    return all(size == 1 or step == y for size, step, y in dense)
