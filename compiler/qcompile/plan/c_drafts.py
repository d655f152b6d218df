"""The steps of a C project before their memory is placed: one a layer, and copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Conv,
    Dense,
    Gather,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Requant,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.ops.base import IntegerOp
from qcompile.plan import c_fast, c_layers, c_moves, c_pools, c_widths, in_place
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_moves import MovesCode
from qcompile.plan.c_requant import Finish, requantize, store
from qcompile.plan.c_shared import Constants
from qcompile.plan.c_storage import Place, Region, Use
from qcompile.plan.c_types import U8, CType, accumulator, container
from qcompile.plan.c_views import Copy, Piece, Views, in_order
from qcompile.plan.layers import Layer
from qcompile.qtype import QType
from qcompile.rtl import Isa

ACCUMULATING = (Conv, Dense, MatMul, Add, Mul, SumPool, RoundedSumPool, Requant)

BUILDERS: dict[type[Any], Callable[[Any, Site], Code]] = {
    Conv: c_layers.conv,
    Dense: c_layers.dense,
    MatMul: c_layers.matmul,
    Requant: c_layers.requant,
    Add: c_layers.add,
    Mul: c_layers.mul,
    MaxPool: c_pools.max_pool,
    SumPool: c_pools.sum_pool,
    RoundedSumPool: c_pools.rounded_sum_pool,
    ArgMax: c_layers.arg_max,
    Concat: c_moves.concat,
    Gather: c_moves.gather,
    Pad: c_moves.pad,
    Transpose: c_moves.transpose,
}


@dataclass(frozen=True)
class Target:
    """What a network's layers are made for."""

    isa: Isa
    executed: tuple[int, ...]  # widths of weights


@dataclass(frozen=True, eq=False)
class Draft:
    """A step before its memory is placed."""

    name: str  # an identifier, unique in the project
    title: str  # what it is, in one line
    template: str
    node: str  # whose value it makes
    sources: tuple[str, ...]  # nodes whose values it reads
    code: Code
    finish: Finish | None = None
    field: Place | None = None  # of an output that is copied
    piece: Piece | None = None  # of a whole, that is copied into it

    @property
    def makes(self) -> str:
        """Its key among the views."""
        return self.piece.key if self.piece else self.node


def drafts_of(
    steps: tuple[Layer, ...],
    model: IntegerModel,
    prefix: str,
    isa: Isa,
    packed: Mapping[str, int],
    views: Views,
) -> Iterator[Draft]:
    """The steps in the order of the layers; constants that are equal are there once."""
    constants = Constants()
    target = Target(isa, c_widths.executed(model.graph, isa))
    for step in in_order(steps, views):
        if isinstance(step, Copy):
            yield _piece(model, step, packed)
        else:
            draft = _draft(step, model, prefix, target, packed)
            code, finish = constants.share(draft.code, draft.finish)
            yield replace(draft, code=code, finish=finish)


def _piece(model: IntegerModel, step: Copy, packed: Mapping[str, int]) -> Draft:
    """The step that brings a part to its place in a whole."""
    piece = step.piece
    x, y = qtype_of(model, piece.source), qtype_of(model, step.whole)
    site = Site("", (x,), QType.of(x.shape, y.minimum, y.maximum), None, U8)
    title = f"{piece.source}: copied into {step.whole}, {x}"
    bits = packed.get(piece.source, 0)
    code = c_moves.stretch(x.size * bits // 8) if bits else c_moves.copy(site)
    return Draft(step.name, title, "copy", piece.source, (piece.source,), code, piece=piece)


def _draft(
    layer: Layer, model: IntegerModel, prefix: str, target: Target, packed: Mapping[str, int]
) -> Draft:
    """The code of one layer; a CompileError names its place."""
    try:
        return _layer_draft(layer, model, prefix, target, packed)
    except CompileError as error:
        raise error.at(layer.main.origin) from None


def _layer_draft(
    layer: Layer, model: IntegerModel, prefix: str, target: Target, packed: Mapping[str, int]
) -> Draft:
    graph, op = model.graph, layer.main.op
    inputs = tuple(qtype_of(model, name) for name in layer.inputs)
    name = f"{prefix}_{layer.name}"
    assert isinstance(op, IntegerOp)
    kind = accumulator(op.reach(*inputs))
    finish = _finish(layer, name, inputs, kind)
    requant = layer.requant.op if layer.requant else op
    scaled = requant if isinstance(requant, Requant) else None
    sums = layer.accumulator if layer.requant else inputs[0]
    packed_x = packed.get(layer.inputs[0], 0) if layer.inputs else 0
    packed_y = packed.get(layer.last.name, 0)
    site = Site(name, inputs, layer.output, finish, kind, scaled, sums, packed_x, packed_y)
    sources = ", ".join(str(t) for t in inputs)
    title = f"{layer.last.origin}: {op.title}, {sources} -> {layer.output}"
    if packed_y and isinstance(op, Concat):  # of one tensor, as it is
        code = c_moves.stretch(inputs[0].size * packed_y // 8)
        return Draft(layer.name, title, "copy", layer.last.name, layer.inputs, code)
    fast = c_fast.build(op, site, target.isa, target.executed)
    code = c_fast.timed(fast or BUILDERS[type(op)](op, site), target.isa)
    template = code.template or type(op).__module__.rsplit(".", 1)[-1]
    assert all(n in graph for n in layer.inputs), "a layer that reads nothing"
    used = finish if code.finishes else None
    return Draft(layer.name, title, template, layer.last.name, layer.inputs, code, used)


def _finish(layer: Layer, name: str, inputs: tuple[QType, ...], kind: CType) -> Finish | None:
    """What happens to the accumulators, if the op has any."""
    if not isinstance(layer.main.op, ACCUMULATING):
        return None
    result = container(layer.output)
    if isinstance(layer.main.op, Requant):
        return requantize(name, layer.main.op, inputs[0], layer.output, kind, result)
    if layer.requant is None:
        return store(kind, result)
    assert isinstance(layer.requant.op, Requant)
    return requantize(name, layer.requant.op, layer.accumulator, layer.output, kind, result)


def copy_of(model: IntegerModel, node: str, field: str, taken: set[str]) -> Draft:
    """The step that brings an output to its field where no layer can make it there."""
    kind = qtype_of(model, node)
    site = Site("", (kind,), kind, None, U8)
    name = f"copy_{field}"
    while name in taken:
        name += "_"
    place = Place(Region.OUTPUT, container(kind), field)
    title = f"{field}: a copy of {node}, {kind}"
    return Draft(name, title, "copy", node, (node,), c_moves.copy(site), None, place)


def use_of(draft: Draft, model: IntegerModel) -> Use:
    """What a step does to memory."""
    sources = [container(qtype_of(model, name)) for name in draft.sources]
    result = container(qtype_of(model, draft.node))
    details = draft.code.details
    over = in_place.overwritable(details, sources, result)
    down = isinstance(details, MovesCode) and details.is_stretch and sources == [result]
    if draft.piece and not draft.piece.alike:
        down = False
    if down:
        over = frozenset([0])
    return Use(draft.makes, draft.sources, draft.code.scratch, over, down)


def qtype_of(model: IntegerModel, name: str) -> QType:
    """The type of a node of an integer graph."""
    found = model.graph[name].type
    assert isinstance(found, QType), "a real tensor is left in the integer graph"
    return found
