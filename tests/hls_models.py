"""Many small networks side by side in one: C++ compilers are slow to start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from builder import Builder, Case
from cases import conv, dense
from qcompile.graph import Graph
from qcompile.model import IntegerModel, Port
from qcompile.ops import Add, Concat, Conv, Dense, MaxPool, Transpose
from qcompile.plan.folding import Fold


def merged(name: str, parts: Iterable[Case]) -> Case:
    """All parts as one network; `part/` stands before every name."""
    graph = Graph()
    inputs: list[Port] = []
    outputs: list[Port] = []
    codes = {}
    for part in parts:
        mark = f"{part.name}/"
        for node in part.model.graph:
            graph.add(mark + node.name, node.op, *(mark + i for i in node.inputs))
        graph.outputs += tuple(mark + o for o in part.model.graph.outputs)
        inputs += [_port(p, mark) for p in part.model.inputs]
        outputs += [_port(p, mark) for p in part.model.outputs]
        codes |= {mark + n: x for n, x in part.inputs.items()}
    return Case(name, IntegerModel(name, graph, tuple(inputs), tuple(outputs)), codes)


def _port(port: Port, mark: str) -> Port:
    return replace(port, name=mark + port.name, node=mark + port.node, real=mark + port.real)


def random_conv(seed: int) -> Case:
    """A convolution of random shape: strides, dilations, pads, groups, images, widths."""
    b = Builder(f"conv{seed}", seed)
    draw = b.random.integers
    groups = int(draw(1, 5)) if seed % 3 else 1
    inputs = groups * (1 if seed % 3 == 1 else int(draw(1, 4)))
    kernel = (int(draw(1, 5)), int(draw(1, 5)))
    dilations = (int(draw(1, 4)), int(draw(1, 3)))
    pads = tuple(int(draw(0, 3)) for _ in range(4))
    size = [
        max((k - 1) * d + 1 - pads[i] - pads[i + 2], 1) + int(draw(0, 7))
        for i, (k, d) in enumerate(zip(kernel, dilations, strict=True))
    ]
    x = b.input((int(draw(1, 3)), *size, inputs), int(draw(1, 9)), bool(draw(0, 2)), True)
    widths = tuple(int(w) for w in draw(0, 9, 4))
    strides = (int(draw(1, 4)), int(draw(1, 4)))
    options = {"strides": strides, "dilations": dilations, "pads": pads, "groups": groups}
    y = conv(b, x, kernel, groups * int(draw(1, 4)), widths, pad_value=int(draw(-3, 4)), **options)
    return b.case(b.requant(y, 4))


def folded(seed: int) -> tuple[Case, dict[str, Fold]]:
    """A conv, a depthwise conv and a dense layer with random folds, by node name."""
    b = Builder(f"fold{seed}", seed)
    x = b.input((1, 4, 5, 12), 6)
    a = conv(b, x, (3, 2), 10, (2, 5, 5, 0), pads=(1, 0, 1, 1))
    d = conv(b, x, (2, 2), 24, (3, 1, 8, 3), groups=12)
    g = conv(b, x, (1, 2), 8, (4, 4, 2), groups=2)
    f = dense(b, x, 9, (1, 7))
    case = b.case(a, d, g, f)
    folds = {}
    for name in (a, d, g, f):
        op = b.graph[name].op
        assert isinstance(op, Conv | Dense)
        groups = op.groups if isinstance(op, Conv) and not op.depthwise else 1
        inputs = op.weight.shape[-1]
        simd = int(b.random.choice([s for s in range(1, inputs + 1) if inputs % s == 0]))
        pe = int(b.random.integers(1, op.weight.shape[0] // groups, endpoint=True))
        folds[f"{case.name}/{name}"] = Fold(pe, simd)
    return case, folds


def deep(seed: int) -> Case:
    """Paths of unlike length that meet again: what FIFOs must be deep enough for."""
    b = Builder(f"deep{seed}", seed)
    x = b.input((1, 6, 6, 4), 5)
    a = b.requant(conv(b, x, (3, 3), 4, (3, 5), pads=(1, 1, 1, 1)), 5)
    sums = b.add(Add((1, 2)), a, x)
    turned = b.add(Transpose((0, 2, 1, 3)), b.add(Transpose((0, 2, 1, 3)), sums))
    again = b.add(Add((1, 1)), turned, sums)
    pooled = b.add(MaxPool((3, 3), (1, 1), (1, 1), (1, 1, 1, 1)), again)
    both = b.add(Concat(3), again, pooled, sums)
    return b.case(b.add(Add((1, 1)), both, b.add(Concat(3), x, x, x)), sums)
