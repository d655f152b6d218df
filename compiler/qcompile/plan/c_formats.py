"""Which tensors keep several codes in a byte: those between kernels that read and write them so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qcompile.model import IntegerModel
from qcompile.ops import Concat, Conv, Dense, Requant
from qcompile.plan.c_product_layout import MIXED
from qcompile.plan.c_products import covers
from qcompile.plan.c_results import results
from qcompile.plan.c_views import Copy, Views, in_order, makes, reads
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
    made = _Made(origin, {}, {})
    for step in in_order(steps, views):
        made.makers.setdefault(origin[makes(step)], []).append(step)
        for name in reads(step):
            made.readers.setdefault(origin[name], []).append(step)
    bits = _narrow(model, views, made.makers)
    for root in {*fixed, *(origin[p.node] for p in model.outputs)} & {*bits}:
        del bits[root]
    while unfit := [root for root in bits if not made.fits(root, bits, model, isa)]:
        for root in unfit:
            del bits[root]
    return {name: bits[root] for name, root in origin.items() if root in bits}


def _narrow(model: IntegerModel, views: Views, made: Mapping[str, object]) -> dict[str, int]:
    """Bits of a code by root, where several fit a byte and every view begins with a byte."""
    bits = {}
    for root in made:
        kind = model.graph[root].type
        assert isinstance(kind, QType)
        bits[root] = container_bits(kind.bits, kind.channels)
    for spot in views.spots.values():
        if bits.get(spot.root, UNPACKED) >= UNPACKED or spot.start * bits[spot.root] % 8:
            bits.pop(spot.root, None)
    return bits


@dataclass(frozen=True, eq=False)
class _Made:
    """The steps that make and that read each root."""

    origin: dict[str, str]
    makers: dict[str, list[Layer | Copy]]
    readers: dict[str, list[Layer | Copy]]

    def fits(self, root: str, bits: Mapping[str, int], model: IntegerModel, isa: Isa) -> bool:
        """Whether all of them take bytes of several codes; a copy does between two of a kind."""
        return all(
            bits.get(self.origin[reads(step)[0]]) == bits[root]
            if is_copy(step)
            else isinstance(step, Layer) and _makes(step, model, isa)
            for step in self.makers[root]
        ) and all(
            bits.get(self.origin[makes(step)]) == bits[root]
            if is_copy(step)
            else isinstance(step, Layer) and _reads(step, model)
            for step in self.readers.get(root, ())
        )


def is_copy(step: Layer | Copy) -> bool:
    """Whether a step only copies its one input, as it is."""
    if isinstance(step, Copy):
        return step.piece.alike
    return isinstance(step.main.op, Concat) and len(step.inputs) == 1


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
