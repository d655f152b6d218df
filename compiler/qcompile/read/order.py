"""The nodes of an ONNX graph that its outputs need, each after those it reads."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict

import networkx as nx
import onnx

from qcompile.errors import CompileError, CompileErrors
from qcompile.read.site import origin


def ordered(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Raises CompileErrors for names made twice, names nobody makes, and cycles."""
    nodes = list(graph.node)
    errors = duplicates(graph)
    if errors:
        raise CompileErrors(errors)
    maker = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    given = {v.name for v in graph.input} | {t.name for t in graph.initializer}
    for i in sorted(needed(graph, maker)):
        errors += [
            CompileError(
                f"nothing makes the tensor {name}",
                at=origin(nodes[i]),
                help="the file is damaged or was cut apart; export it again",
            )
            for name in nodes[i].input
            if name and name not in maker and name not in given
        ]
    for value in graph.output:
        if value.name not in maker and value.name not in given:
            what = f"nothing makes the output {value.name}"
            errors.append(CompileError(what, at=value.name, help="export the model again"))
    if errors:
        raise CompileErrors(errors)
    return _sorted(nodes, maker, needed(graph, maker))


def duplicates(graph: onnx.GraphProto) -> list[CompileError]:
    """Every tensor has one maker: a node, an input or an initializer."""
    errors = []
    names = [t.name for t in graph.initializer]
    stored = set(names)
    names += [v.name for v in graph.input if v.name not in stored]
    places = {name: name for name in names}
    for node in graph.node:
        for name in node.output:
            if name:
                names.append(name)
                places[name] = origin(node)
    for name, count in Counter(names).items():
        if count > 1:
            errors.append(
                CompileError(
                    f"{count} things are called {name}",
                    at=places[name],
                    help="every tensor of an ONNX graph has a name of its own; export it again",
                )
            )
    return errors


def needed(graph: onnx.GraphProto, maker: dict[str, int]) -> set[int]:
    """The nodes on which the outputs depend."""
    found: set[int] = set()
    pending = [maker[v.name] for v in graph.output if v.name in maker]
    while pending:
        i = pending.pop()
        if i not in found:
            found.add(i)
            pending += [maker[name] for name in graph.node[i].input if name in maker]
    return found


def _sorted(
    nodes: list[onnx.NodeProto], maker: dict[str, int], alive: set[int]
) -> list[onnx.NodeProto]:
    """In the order of the file as far as that is possible."""
    waiting = {i: len({maker[n] for n in nodes[i].input if n in maker}) for i in alive}
    readers: dict[int, list[int]] = defaultdict(list)
    for i in sorted(alive):
        for source in {maker[n] for n in nodes[i].input if n in maker}:
            readers[source].append(i)
    ready = [i for i, count in waiting.items() if not count]
    heapq.heapify(ready)
    done = []
    while ready:
        i = heapq.heappop(ready)
        done.append(i)
        for reader in readers[i]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, reader)
    if len(done) < len(alive):
        raise CompileErrors(_cycles(nodes, maker, alive - set(done)))
    return [nodes[i] for i in done]


def _cycles(
    nodes: list[onnx.NodeProto], maker: dict[str, int], left: set[int]
) -> list[CompileError]:
    """An error for each node that lies on a cycle; the others only wait for one."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    for i in left:
        graph.add_edges_from((maker[n], i) for n in nodes[i].input if n in maker)
    rings = (g for g in nx.strongly_connected_components(graph) if len(g) > 1)
    on_cycle = {i for ring in rings for i in ring} | {i for i in left if graph.has_edge(i, i)}
    help = "a graph without cycles is needed; unroll the loop when exporting"
    what = "the node depends on its own result"
    return [CompileError(what, at=origin(nodes[i]), help=help) for i in sorted(on_cycle)]
