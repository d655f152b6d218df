"""Which tensors keep several codes in a byte: those between kernels that read and write them so."""

from __future__ import annotations

from collections.abc import Mapping

from qcompile.model import IntegerModel
from qcompile.ops import Conv, Dense, Requant, Reshape
from qcompile.plan.c_products import MIXED, covers
from qcompile.plan.c_results import results
from qcompile.plan.c_views import Views
from qcompile.plan.layers import Layer
from qcompile.plan.tiles import container_bits
from qcompile.qtype import QType
from qcompile.rtl import Isa

UNPACKED = 8


def packed_bits(
    model: IntegerModel,
    steps: tuple[Layer, ...],
    fixed: Mapping[str, object],
    isa: Isa,
    views: Views,
) -> dict[str, int]:
    """Bits of a code, 2 or 4, by the node that makes the tensor and by the views of it.

    Only cores whose products take narrow codes as they are gain time by it. `fixed` are the
    tensors outside the arena: inputs, outputs and constants have whole bytes.
    """
    if isa not in MIXED:
        return {}
    origin = {name: spot.root for name, spot in views.spots.items()}
    found: dict[str, int] = {}
    for layer in steps:
        name = layer.last.name
        bits = container_bits(layer.output.bits, layer.output.channels)
        if (
            name in fixed
            or origin[name] != name
            or bits >= UNPACKED
            or not _makes(layer, model, isa)
        ):
            continue
        readers = [s for s in steps if any(origin[i] == name for i in s.inputs)]
        if all(_reads(s, model) or isinstance(s.main.op, Reshape) for s in readers):
            found |= {view: bits for view, root in origin.items() if root == name}
    return found


def _makes(layer: Layer, model: IntegerModel, isa: Isa) -> bool:
    if layer.requant is None or not _reads(layer, model):
        return False
    op = layer.requant.op
    assert isinstance(op, Requant)
    return results(op, layer.accumulator, isa).in_kernel


def _reads(layer: Layer, model: IntegerModel) -> bool:
    op = layer.main.op
    if not isinstance(op, Conv | Dense):
        return False
    (x,) = (model.graph[name].type for name in layer.inputs)
    assert isinstance(x, QType)
    return covers(op, x)
