"""Which layers run in bands of rows, and in how many: for the least memory, or for enough of it.

Candidates are judged on their graphs alone; those that look best are planned. See `passes.bands`
for what running in bands means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from qcompile.errors import CompileError
from qcompile.graph import Graph
from qcompile.model import IntegerModel
from qcompile.passes.bands import Banded, Region, banded, results
from qcompile.passes.rows import by_rows, height
from qcompile.plan.c_plan import Bands, CPlan, Step, plan_c
from qcompile.plan.c_product_code import ProductCode
from qcompile.plan.layers import layers
from qcompile.plan.outline import Outline, Overhead
from qcompile.plan.tiles import QUAD
from qcompile.rtl import Isa

STEPS = 1000  # of a program, at most
ROWS = (1, 2, 3, 4, 6, 8, 12, 16, 24)  # of the tallest tensor in a band
PLANNED = 3  # candidates, at most
WEIGHT_CYCLES = 5  # of a weight that is unpacked, about


class Mode(Enum):
    """When layers run in bands."""

    NO = "no"
    AUTO = "auto"  # where the network does not fit the target's RAM without
    LEAST = "least"  # for the least RAM
    COUNT = "count"  # in a number of bands


@dataclass(frozen=True)
class Wish:
    """What the user asks for."""

    mode: Mode = Mode.AUTO
    count: int = 0

    @classmethod
    def of(cls, text: str) -> Wish:
        """`auto`, `no`, `least` or a number of bands; raises CompileError for another word."""
        modes = {mode.value: mode for mode in (Mode.NO, Mode.AUTO, Mode.LEAST)}
        if text in modes:
            return cls(modes[text])
        if not (text.isascii() and text.isdigit()) or int(text) < 2:
            raise CompileError(
                f"{text!r} is no number of bands",
                at="--bands",
                help="auto, no, least, or a number from 2",
            )
        return cls(Mode.COUNT, int(text))

    @property
    def text(self) -> str:
        """The word that asks for this."""
        return str(self.count) if self.mode is Mode.COUNT else self.mode.value


@dataclass(frozen=True, eq=False)
class Candidate:
    """A region in bands, the arena that it seems to need, and its price in cycles, about."""

    banded: Banded
    region: Region
    count: int
    memory: int
    price: int


def plan_in_bands(
    model: IntegerModel, prefix: str, isa: Isa, wish: Wish, ram: int | None = None
) -> CPlan:
    """The plan of `model` as C, its first layers in bands where that is wished for.

    `ram` are the bytes that the target has for the arena, the inputs and the outputs. Raises
    CompileError where a number of bands is asked for and nothing is gained by it.
    """
    plain = plan_c(model, prefix, isa)
    room = None if ram is None else ram - plain.port_bytes
    fits = room is None or plain.memory.size <= room
    if wish.mode is Mode.NO or (wish.mode is Mode.AUTO and fits):
        return plain
    enough = room if wish.mode is Mode.AUTO else None
    found = _best(plain, list(_candidates(plain, wish)), enough)
    if found is None and wish.mode is Mode.COUNT:
        raise CompileError(
            f"no layers of this network need less memory in {wish.count} bands",
            at="--bands",
            help="use another number, or --bands least",
        )
    return plain if found is None else found


def _best(plain: CPlan, candidates: list[Candidate], enough: int | None) -> CPlan | None:
    """The cheapest plan that needs no more than `enough`; else the smallest, if it is smaller."""
    if enough is None:
        candidates.sort(key=lambda c: (c.memory, c.price))
    else:
        candidates.sort(key=lambda c: (max(c.memory - enough, 0), c.price))
    best: CPlan | None = None
    for candidate in candidates[:PLANNED]:
        made = plan_c(candidate.banded.model, plain.prefix, plain.isa)
        if made.memory.size < (best or plain).memory.size:
            best = replace(made, bands=Bands(plain, candidate.count, candidate.banded.parts))
        if best is not None and enough is not None and best.memory.size <= enough:
            break
    return best


def _candidates(plain: CPlan, wish: Wish) -> Iterator[Candidate]:
    """Those that look smaller than the plain plan."""
    graph = plain.model.graph
    overheads = {s.draft.node: _overhead(s) for s in plain.steps}
    whole = Outline.of(plain.model, plain.isa, overheads)
    for region in _worthwhile(graph, whole):
        for count in sorted({wish.count} if wish.count else _counts(graph, region)):
            if count * len(region) > STEPS:
                break
            made = banded(plain.model, region, count)
            if made is None:
                continue
            outline = Outline.of(made.model, plain.isa, _of_parts(overheads, made))
            if outline.peak < plain.memory.size:
                yield Candidate(made, region, count, outline.peak, outline.price - whole.price)


def _counts(graph: Graph, region: Region) -> set[int]:
    """Numbers of bands in which the tallest tensor makes a sensible number of rows."""
    tallest = max(height(graph[name].type.shape) for name in region)
    return {-(-tallest // rows) for rows in ROWS if rows < tallest}


def _overhead(step: Step) -> Overhead:
    """What each part of a layer takes: weights that are stored narrow are unpacked every time."""
    details = step.draft.code.details
    unpackings = [p.unpacking for p in details.passes] if isinstance(details, ProductCode) else []
    weights = sum(u.quads * QUAD * u.taps for u in unpackings if u is not None)
    return Overhead(step.draft.code.scratch, WEIGHT_CYCLES * weights)


def _of_parts(plain: Mapping[str, Overhead], made: Banded) -> dict[str, Overhead]:
    """By node: a part needs as much as the whole layer, about."""
    found = dict(plain)
    for name, parts in made.parts.items():
        if name in plain:
            found |= dict.fromkeys(parts, plain[name])
    return found


def regions(graph: Graph) -> Iterator[Region]:
    """What can run in bands: the first layer, the first two, ..., as the names of their nodes."""
    inside: set[str] = set()
    for layer in layers(graph):
        nodes = [n for n in (layer.main, layer.requant) if n is not None]
        if all(by_rows(graph, n) for n in nodes):
            inside |= {n.name for n in nodes}
            yield tuple(n.name for n in graph if n.name in inside)
        elif any(name in inside for name in layer.inputs):
            return


def _worthwhile(graph: Graph, outline: Outline) -> Iterator[Region]:
    """Regions with smaller results than all before them, or after which less memory is needed."""
    best: list[tuple[int, int]] = []
    for region in regions(graph):
        size = sum(outline.sizes.get(name, 0) for name in results(graph, region))
        after = outline.least(region)
        if not any(s <= size and a <= after for s, a in best):
            best.append((size, after))
            yield region
