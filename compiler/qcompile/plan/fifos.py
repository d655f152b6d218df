"""How many words each stream holds, so that no design can lock up."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx

from qcompile.plan.processes import AddStreams, MulStreams
from qcompile.plan.streams import Process, Stream

DEPTH = 2  # words, between processes that no other path joins


def depths(processes: Sequence[Process]) -> dict[str, int]:
    """A depth for each stream, by its name.

    Where paths of a fork meet again, whoever waits for the longer path must not stop the shorter
    one. It is enough that every stream into a join holds the whole tensor: then no join ever stops
    its fork within an inference. Where a join reads two streams in step, and everything in the one
    has come through the process that writes the other, only that other one need.
    """
    producer = {s.name: p for p in processes for s in p.outputs}
    graph = _graph(processes, producer)
    found = {s.name: DEPTH for p in processes for s in p.outputs}
    for join in (p for p in processes if p.joins):
        direct = next((s for s in join.inputs if _dominates(graph, producer, s, join)), None)
        for stream in join.inputs if direct is None else (direct,):
            found[stream.name] = max(stream.words, DEPTH)
    return found


def _graph(processes: Sequence[Process], producer: dict[str, Process]) -> nx.DiGraph[str]:
    """Processes by name; an edge for each stream, and one from the outside to each source."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for p in processes:
        graph.add_node(p.name)
        if not p.inputs:
            graph.add_edge("", p.name)
        graph.add_edges_from((producer[s.name].name, p.name) for s in p.inputs)
    return graph


def _dominates(
    graph: nx.DiGraph[str], producer: dict[str, Process], stream: Stream, join: Process
) -> bool:
    """Whether two streams join, and the other one only gets words through the writer of this."""
    if not isinstance(join, AddStreams | MulStreams):
        return False
    other = join.inputs[0] if join.inputs[1] is stream else join.inputs[1]
    source = producer[stream.name].name
    without = graph.copy()
    without.remove_node(source)
    target = producer[other.name].name
    return target == source or not nx.has_path(without, "", target)
