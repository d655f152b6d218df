"""MLPerf Tiny's shapes in other widths, against the sum of times of MPIC's published table.

python -m benchmarks.riscv_mixed
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.riscv_bounds import bound, executed
from benchmarks.riscv_figures import Figures, Kind, Layer
from benchmarks.riscv_layers import PUBLISHED
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import generated
from benchmarks.riscv_tables import Goal, Part, failures, millions, rate, ratio, show, table
from benchmarks.shapes import Shape, Widths
from qcompile.rtl import Isa

TARGETS = (Isa.MPIC, Isa.MPIC_Q)
WIDTHS = (Widths(8, 8), Widths(4, 4), Widths(2, 2), Widths(8, None), Widths(4, None))


def published(layer: Layer) -> float:
    """Cycles by the table: the sum of the times of the channels of each width."""
    a = executed(layer.input_bits)
    return sum(
        layer.macs * channels / layer.outputs / PUBLISHED[a, executed(width)]
        for width, channels in layer.widths.items()
        if width
    )


def total(layers: Iterable[Layer]) -> tuple[int, float]:
    """(cycles, those of the table)."""
    chosen = list(layers)
    return sum(x.cycles for x in chosen), sum(published(x) for x in chosen)


def mixed(bench: Bench, folder: Path) -> Part:
    rows, goals, seen = [], [], []
    for shape in Shape:
        for widths in WIDTHS:
            for isa in TARGETS:
                found = bench.figures(generated(shape, widths), isa)
                seen.append(found)
                if found.error:
                    continue
                rows.append((f"{shape.value} {widths}", isa.value, *row(found)))
                if isa is Isa.MPIC and widths != Widths(8, 8):
                    goals.append(goal(f"{shape.value} {widths}", found))
    text = (
        "Generated networks of the shapes of the four models, weights random, every tensor "
        "(inputs of the network too) as wide as its column says; `w{2,4,8}` draws the width of "
        "each output channel from these. M cycles. The published table has one figure for a pair "
        "of widths and knows no other layers than convolutions, no copies, no additions: a "
        "mixture takes the sum of the times of its channels. Layers by kind: their M cycles, and "
        "the share of the table's time; `bound` counts instructions as below.\n\n"
    )
    header = (
        "network | target | cycles | table | of the table "
        "| convolutions and dense | depthwise | other layers | bound"
    )
    return Part(
        "Narrower networks and mixtures",
        text + table(header, rows) + failures(seen) + "\n\n" + depthwise(seen),
        tuple(goals),
    )


def row(found: Figures) -> tuple[str, ...]:
    kinds = (Kind.PRODUCT, Kind.DEPTHWISE)
    cells = [shared(*total(x for x in found.layers if x.kind is kind)) for kind in kinds]
    whole = total(found.products)[1]
    others = sum(x.cycles for x in found.layers if not x.macs)
    share = f"{ratio(found.cycles, whole):.0%}"
    least = sum(map(bound, found.layers))
    return (*map(millions, (found.cycles, whole)), share, *cells, *map(millions, (others, least)))


def shared(cycles: int, of: float) -> str:
    return f"{millions(cycles)} ({ratio(cycles, of):.0%})" if cycles else ""


def goal(name: str, found: Figures) -> Goal:
    """The table's time is what is asked."""
    _, wanted = total(found.products)
    what = f"{name} on {found.isa.value}, M cycles: the table's"
    least = sum(map(bound, found.layers))
    return Goal(what, wanted, found.cycles, most=True, scale=1e6, best=least)


def depthwise(found: list[Figures]) -> str:
    """What depthwise layers reach, and the reasons."""
    rows = []
    for f in found:
        layers = [x for x in f.layers if x.kind is Kind.DEPTHWISE]
        if not layers:
            continue
        macs, (cycles, table_cycles) = sum(x.macs for x in layers), total(layers)
        results = sum(x.pixels * x.outputs for x in layers)
        least = sum(bound(x) for x in layers)
        speeds = [rate(ratio(macs, c)) for c in (cycles, table_cycles, least)]
        rows.append((f.subject, f.isa.value, *speeds, f"{cycles / results:.1f}"))
    header = "network | target | MAC/cycle | table | bound | cycles a result"
    return (
        "Depthwise layers fall short of a table made for dense convolutions. A result of theirs "
        "is a sum of 9 products: what is paid once a result (its start, requantization, its "
        "place in memory) is spread over 9 multiply-accumulates and not over 9 times the "
        "channels. A word of activations serves one output channel a lane, so that no dot "
        "product can use it before four pixels of a channel stand in one word, which takes "
        "shuffles; narrow weights save no products, since 9 taps fill three words of 8-bit lanes "
        "and one or two of narrower ones. "
        "`bound` counts instructions as below.\n\n" + table(header, rows)
    )


if __name__ == "__main__":
    show(mixed, __doc__)
