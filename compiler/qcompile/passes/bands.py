"""The first layers of a network band by band: a few rows of every tensor at a time.

The nodes of a region are split into bands of rows, from the top of the image to its bottom. Each
band makes the next rows of every tensor in the region, as far down as the region's results need
them. The last rows of a band that the next one reads again are kept, so that no row is computed
twice. Only the results are ever there as a whole: of the tensors between the input and them, a few
rows live at a time. The values are the same, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

from qcompile import ops
from qcompile.graph import Graph, Node, copy_node
from qcompile.model import IntegerModel
from qcompile.passes.rows import ROWS, Span, height, on_rows, paces, rows_of_padding, rows_read

NEVER = -(1 << 60)  # wanted by a reader that there is not

Region = tuple[str, ...]  # names of nodes in the order of the graph


@dataclass(frozen=True, eq=False)
class Banded:
    """A model of which a region runs in bands.

    `parts` has the nodes that make the rows of each split tensor, from top to bottom, by its name
    in the model as it was.
    """

    model: IntegerModel
    parts: dict[str, tuple[str, ...]]


def banded(model: IntegerModel, region: Region, count: int) -> Banded | None:
    """The same network with the nodes of `region` in `count` bands; None where that is impossible.

    All nodes of the region are `by_rows`, and no other node stands between two of them. Nodes
    outside it keep their names; so do its results.
    """
    schedule = scheduled(model.graph, region, count)
    if schedule is None:
        return None
    made = Splitting(model.graph, region, schedule)
    graph = made.graph()
    return Banded(replace(model, graph=graph), made.parts)


def results(graph: Graph, region: Region) -> Region:
    """The tensors of a region that are read outside it, or that the network returns."""
    inside = set(region)
    return tuple(
        name
        for name in region
        if name in graph.outputs or any(u.name not in inside for u in graph.users(graph[name]))
    )


@dataclass(frozen=True)
class Schedule:
    """What each band does, by the name of the tensor."""

    ends: dict[str, list[int]]  # how many rows are made after each band
    kept: dict[str, list[int]]  # the first row that is read after each band

    @property
    def bands(self) -> int:
        return len(next(iter(self.ends.values())))

    def rows(self, name: str, band: int) -> Span:
        """The rows that a band makes."""
        return Span(self.ends[name][band - 1] if band else 0, self.ends[name][band])

    def there(self, name: str, band: int) -> Span:
        """The rows that a band finds or makes."""
        return Span(self.kept[name][band - 1] if band else 0, self.ends[name][band])


def scheduled(graph: Graph, region: Region, count: int) -> Schedule | None:
    """Even steps for every tensor: a result goes from its top to its bottom in `count` bands.

    What lies before the results is ahead of them by the rows that their windows reach down; it
    gets there in bands of the same size, in which the results have no rows yet. None where a
    tensor consists of padding.
    """
    sizes = {name: height(graph[name].type.shape) for name in region}
    lead, needed = 1, paced(graph, region, count, 1)
    while any(stops[0] >= count for stops in needed.values()):
        lead, needed = 2 * lead, paced(graph, region, count, 2 * lead)
    idle = min(sum(stop < count for stop in stops) for stops in needed.values())
    ends = {
        name: [max(stop // count, 0) for stop in stops[idle:]] for name, stops in needed.items()
    }
    firsts = {name: [size] * len(ends[name]) for name, size in sizes.items()}
    for name in region:
        for band, rows in enumerate(map(Span, [0, *ends[name]], ends[name])):
            read = rows_read(graph, graph[name], rows) if rows.size else ()
            for source, span in zip(graph[name].inputs, read, strict=False):
                if span is not None and not span.size:
                    return None
                if span is not None and source in firsts:
                    firsts[source][band] = min(firsts[source][band], span.first)
    return Schedule(ends, {name: kept(ends[name], firsts[name]) for name in region})


def paced(graph: Graph, region: Region, count: int, lead: int) -> dict[str, list[int]]:
    """The rows that must be there after each of `lead + count` bands, in parts of `count` to a row.

    Negative for what is above the image. As rows are made when all of their parts are wanted, and
    windows move by whole rows, what is wanted of the inputs is enough.
    """
    sizes = {name: height(graph[name].type.shape) * count for name in region}
    bands = range(1 - lead, count + 1)
    stops = {name: [NEVER] * len(bands) for name in region}
    for name in results(graph, region):
        stops[name] = [sizes[name] // count * band for band in bands]
    for name in reversed(region):
        padding = rows_of_padding(graph, graph[name])
        stops[name] = [with_padding(stop, count, sizes[name], padding) for stop in stops[name]]
        for source, pace in zip(graph[name].inputs, paces(graph, graph[name]), strict=True):
            if source in sizes and pace is not None:
                wanted = [stop * pace.stride + pace.ahead * count for stop in stops[name]]
                stops[source] = list(map(max, stops[source], wanted))
    return stops


def with_padding(stop: int, count: int, size: int, padding: tuple[int, int]) -> int:
    """`stop`, but that rows of padding alone are made together with others."""
    top, bottom = padding
    if count <= stop < (top + 1) * count and top:
        return (top + 1) * count
    return min(stop, size) if stop < size - bottom * count else size


def kept(ends: list[int], firsts: list[int]) -> list[int]:
    """The first row that any later band reads, or the first that is not made yet."""
    later = [*accumulate(reversed(firsts[1:]), min)][::-1]
    return [min(end, first) for end, first in zip(ends, [*later, ends[-1]], strict=True)]


class Splitting:
    """Makes the graph with a region in bands."""

    def __init__(self, graph: Graph, region: Region, schedule: Schedule) -> None:
        self._old, self._region, self._schedule = graph, region, schedule
        self._new = Graph()
        self._there: dict[str, tuple[str, Span]] = {}  # what can be read of each tensor
        self._last = {name: node for node in region for name in graph[node].inputs}
        self.parts: dict[str, tuple[str, ...]] = dict.fromkeys(region, ())

    def graph(self) -> Graph:
        """Nodes that the region needs, its bands, its results as wholes, all other nodes."""
        inside, before = set(self._region), self._sources()
        for node in self._old:
            if node.name in before:
                copy_node(self._new, node, node.inputs)
        for band in range(self._schedule.bands):
            for name in self._region:
                self._make(self._old[name], band)
        for name in results(self._old, self._region):
            self._add(name, ops.Concat(ROWS), self.parts[name], self._old[name])
        for node in self._old:
            if node.name not in inside | before:
                copy_node(self._new, node, node.inputs)
        self._new.outputs = self._old.outputs
        return self._new

    def _sources(self) -> set[str]:
        """What the region needs of the nodes outside it."""
        needed = set(self._region)
        for node in reversed(list(self._old)):
            if node.name in needed:
                needed |= set(node.inputs)
        return needed - set(self._region)

    def _make(self, node: Node, band: int) -> None:
        """The rows of one band, behind those that were kept; what is not read any more goes."""
        rows, there = self._schedule.rows(node.name, band), self._schedule.there(node.name, band)
        if rows.size:
            read = rows_read(self._old, node, rows)
            inputs = [self._rows(i, span) for i, span in zip(node.inputs, read, strict=True)]
            op = on_rows(self._old, node, rows)
            made = self._add(named(node.name, rows), op, inputs, node)
            self.parts[node.name] += (made,)
            if there.size > rows.size:
                older, _ = self._there[node.name]
                made = self._add(named(node.name, there), ops.Concat(ROWS), (older, made), node)
            self._there[node.name] = (made, there)
        for name in dict.fromkeys(node.inputs):
            if self._last[name] == node.name and name in self._schedule.kept:
                self._keep(name, band)

    def _keep(self, name: str, band: int) -> None:
        """Of the rows that are there, those that a later band reads, in a tensor of their own."""
        if name not in self._there:
            return
        _, there = self._there[name]
        rows = Span(self._schedule.kept[name][band], there.stop)
        if rows.size in (0, there.size):
            return
        view = self._rows(name, rows)
        copy = self._add(f"{named(name, rows)}.kept", ops.Concat(ROWS), (view,), self._old[name])
        self._there[name] = (copy, rows)

    def _rows(self, name: str, rows: Span | None) -> str:
        """Rows of a tensor by the old name: of what is there of it, or of all of it."""
        if rows is None:
            return name
        whole = Span(0, height(self._old[name].type.shape))
        made, there = self._there.get(name, (name, whole))
        if rows == there:
            return made
        found = f"{made}.{named('', rows)}"
        if found in self._new:
            return found
        places = tuple(range(rows.first - there.first, rows.stop - there.first))
        return self._add(found, ops.Gather(ROWS, places), (made,), self._old[name])

    def _add(
        self, name: str, op: ops.IntegerOp, inputs: list[str] | tuple[str, ...], of: Node
    ) -> str:
        return self._new.add(name, op, *inputs, origin=of.origin)


def named(name: str, rows: Span) -> str:
    return f"{name}[{rows.first}:{rows.stop}]"
