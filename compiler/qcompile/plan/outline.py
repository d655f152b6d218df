"""What a network needs of memory, seen on its graph: quicker than a plan, and close to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qcompile.graph import Graph
from qcompile.model import IntegerModel
from qcompile.ops import Add, Concat, Constant, Input, Mul, Requant
from qcompile.plan.c_formats import packed_bits
from qcompile.plan.c_storage import Use, bytes_of, tasks_of, type_of
from qcompile.plan.c_views import Copy, Views, in_order
from qcompile.plan.layers import Layer, layers
from qcompile.plan.order import needs, peak
from qcompile.plan.tasks import Task
from qcompile.rtl import Isa

ELEMENTWISE = (Add, Mul, Requant)
STEP_CYCLES = 150  # what surrounds a layer, about
COPY_CYCLES = 0.5  # of a byte, about


@dataclass(frozen=True)
class Overhead:
    """What a layer needs however many rows it makes: bytes of scratch, and cycles of each call."""

    scratch: int = 0
    cycles: int = 0


NONE = Overhead()


@dataclass(frozen=True, eq=False)
class Outline:
    """The tasks of a network in the order of its layers, the nodes that make them, and sizes."""

    tasks: list[Task]
    nodes: list[str]
    sizes: dict[str, int]
    price: int
    """Cycles that are not spent on results, about."""

    @classmethod
    def of(cls, model: IntegerModel, isa: Isa, overheads: Mapping[str, Overhead]) -> Outline:
        """With the overheads of layers by the nodes that make their results."""
        graph, steps = model.graph, layers(model.graph)
        views = Views.of(graph)
        elsewhere = {views.spots[name].root for name in graph.outputs}
        elsewhere |= {n.name for n in graph if isinstance(n.op, Input | Constant)}
        packed = packed_bits(model, steps, dict.fromkeys(elsewhere), isa, views)
        done = list(in_order(steps, views))
        tasks = tasks_of([_use(step, graph, overheads) for step in done], views, packed)
        made = {task.makes for task in tasks} - elsewhere
        sizes = {n: bytes_of(graph[n], packed.get(n, 0)) for n in views.roots if n in made}
        copied = sum(bytes_of(graph[_node(s)]) for s in done if _copies(s))
        calls = sum(STEP_CYCLES + overheads.get(_node(s), NONE).cycles for s in done)
        nodes = [_node(s) for s in done]
        return cls(tasks, nodes, sizes, calls + round(copied * COPY_CYCLES))

    @property
    def peak(self) -> int:
        """The most bytes in use at a step, if every result is in place that may be."""
        return peak(self.tasks, self.sizes)

    def least(self, without: Iterable[str]) -> int:
        """What the layers but those of some nodes need in any order."""
        left_out = set(without)
        each = zip(self.nodes, needs(self.tasks, self.sizes), strict=True)
        return max((size for name, size in each if name not in left_out), default=0)


def _node(step: Layer | Copy) -> str:
    return step.piece.source if isinstance(step, Copy) else step.last.name


def _copies(step: Layer | Copy) -> bool:
    return isinstance(step, Copy) or isinstance(step.main.op, Concat)


def _use(step: Layer | Copy, graph: Graph, overheads: Mapping[str, Overhead]) -> Use:
    """What a step does to memory; kernels that go element by element may be in place."""
    if isinstance(step, Copy):
        piece = step.piece
        return Use(piece.key, (piece.source,), 0, frozenset([0] if piece.alike else []), down=True)
    made, op = step.last, step.main.op
    down = isinstance(op, Concat) and len(step.inputs) == 1
    over = frozenset(
        i
        for i, name in enumerate(step.inputs)
        if (isinstance(op, ELEMENTWISE) or down)
        and graph[name].type.shape == made.type.shape
        and type_of(graph[name]).bits == type_of(made).bits
    )
    scratch = overheads.get(made.name, NONE).scratch
    return Use(made.name, step.inputs, scratch, over, down)
