"""The integer graph against the oracle: every tensor that has a meaning, on every vector.

The oracle runs the graph as it was read and shares nothing with the passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qcompile.graph import Graph
from qcompile.model import IntegerModel, Link
from qcompile.ops.requant import Requant
from qcompile.progress import Progress
from qcompile.qtype import Ints, QType
from qcompile.semantics.base import Elementwise, RealOp
from qcompile.semantics.evaluate import constants, evaluate
from qcompile.semantics.number import Grid, Number
from qcompile.semantics.sources import Input
from qcompile.simulate import chunk_size, chunks
from qcompile.source import Source
from qcompile.verify.vectors import Codes, probes


@dataclass(frozen=True)
class Difference:
    """Where two computations of the same tensor part."""

    node: str  # of the integer graph
    origin: str  # the ONNX node that it comes from
    elements: int
    example: str


def compare(
    source: Source, model: IntegerModel, codes: Codes, progress: Progress
) -> Difference | None:
    """The first tensor in the order of execution whose codes differ from the oracle's."""
    links = meant(source, model)
    keep = {link.real for link in links}
    samples = len(next(iter(codes.values())))
    fixed = constants(source.graph)
    for part in chunks(samples, chunk_size(source)):
        progress.advance(part.start, samples)
        chunk = {name: c[part] for name, c in codes.items()}
        numbers = {p: p.number(chunk[p.name]) for p in model.inputs}
        # What an input's first quantizer makes of it is given, for it may not make it of itself.
        feeds = {p.name: n for p, n in numbers.items()} | {p.real: n for p, n in numbers.items()}
        feeds |= fixed
        truth = evaluate(source.graph, feeds, keep.__contains__)
        found = model.run(chunk, trace=True)
        for link in links:
            difference = compared(model, link, truth[link.real], found[link.node])
            if difference is not None:
                return difference
    return None


def meant(source: Source, model: IntegerModel) -> list[Link]:
    """The tensors that have a meaning, outputs among them, in the order of execution."""
    links = model.links | {p.node: p for p in model.outputs}
    order = [node.name for node in model.graph if node.name in links]
    inputs = {p.node for p in model.inputs}
    return [links[n] for n in order if n not in inputs and links[n].real in source.graph]


def compared(model: IntegerModel, link: Link, truth: Number, found: Ints) -> Difference | None:
    """None where `found` is what the oracle's `truth` says."""
    expected = link_codes(link, truth)
    expected, found = np.broadcast_arrays(expected, found)
    wrong = np.argwhere(expected != found)
    if not len(wrong):
        return None
    place = tuple(int(i) for i in wrong[0])
    example = f"vector {place[0]}, element {list(place[1:])}: {found[place]}, not {expected[place]}"
    return Difference(link.node, model.graph[link.node].origin, len(wrong), example)


def link_codes(link: Link, truth: Number) -> Ints:
    """The codes of an exact value, or of one that is known to a small part of a unit."""
    if isinstance(truth, Grid):
        return link.codes(truth)
    unit, offset = (a.astype(np.float64)[np.newaxis] for a in (link.unit, link.offset))
    exact = (link.stored(truth.value) - offset) / unit
    error = link.stored(np.broadcast_to(truth.error, truth.shape)) / np.abs(unit)
    codes = np.rint(exact)
    assert np.all(np.abs(codes - exact) <= error + 2.0**-20), "a value between two codes"
    assert np.all(error < 2.0**-4), "a value that is not known well enough to have a code"
    out: Ints = codes.astype(np.int64)
    return out


@dataclass(frozen=True)
class Driven:
    """How requantizers fared on the codes around their steps."""

    codes: int
    skipped: int  # requantizers that stand for no function of one tensor of the graph as read
    difference: Difference | None = None


def drive(source: Source, model: IntegerModel) -> Driven:
    """Each requantizer on the codes around each of its steps, until one differs.

    The oracle evaluates the nodes between the two tensors that the requantizer's ends mean.
    """
    total = skipped = 0
    for node in model.graph:
        if not isinstance(node.op, Requant):
            continue
        before, after = model.links.get(node.inputs[0]), model.links.get(node.name)
        path = path_between(source.graph, before, after)
        if before is None or after is None or path is None:
            skipped += 1
            continue
        kind = model.graph[node.inputs[0]].type
        assert isinstance(kind, QType)
        for codes in packed(probes(node.op, kind), kind):
            truth = follow(source.graph, path, before.real, before.number(codes))
            found = compared(model, after, truth, node.op.run(codes))
            if found is not None:
                return Driven(total, skipped, found)
            total += codes.size
    return Driven(total, skipped)


def path_between(graph: Graph, before: Link | None, after: Link | None) -> list[str] | None:
    """The nodes between the meanings of two tensors of one shape and order, or None."""
    if before is None or after is None:
        return None
    if before.shape != after.shape or before.axes != after.axes:
        return None
    if before.real not in graph or after.real not in graph:
        return None
    return between(graph, before.real, after.real)


def packed(points: Ints, kind: QType) -> Iterator[Ints]:
    """Probes [points, channels] as samples of the tensor, some of them twice."""
    places = max(kind.size // kind.channels, 1)
    samples = -(-len(points) // places)
    filled = np.resize(points, (samples * places, kind.channels))
    whole = filled.reshape(samples, *kind.shape)
    step = max((1 << 20) // max(kind.size, 1), 1)
    for part in chunks(samples, step):
        yield whole[part]


def between(graph: Graph, first: str, last: str) -> list[str] | None:
    """The nodes that make `last` of `first`, in order.

    None unless `last` is an elementwise function of `first` and of constants.
    """
    needed = {last}
    path = []
    for node in reversed(list(graph)):
        if node.name in needed and node.name != first:
            if isinstance(node.op, Input):
                return None
            path.append(node)
            needed |= set(node.inputs)
    moving = {first}
    for node in reversed(path):
        if moving & set(node.inputs):
            if not isinstance(node.op, Elementwise):
                return None
            moving.add(node.name)
    return [node.name for node in reversed(path)] if last in moving - {first} else None


def follow(graph: Graph, path: list[str], first: str, number: Number) -> Number:
    """The value of the last node of `path` when `first` is `number`."""
    values = {first: number}
    for name in path:
        node = graph[name]
        assert isinstance(node.op, RealOp)
        values[name] = node.op.run(*(values[i] for i in node.inputs))
    return values[path[-1]]
