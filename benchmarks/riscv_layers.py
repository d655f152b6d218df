"""Single layers on the RISC-V targets: every pair of widths, and narrow weights on plain cores.

python -m benchmarks.riscv_layers
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.riscv_bounds import DENSE, bound, dense_bound, dense_rate
from benchmarks.riscv_figures import Figures, Layer
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import alone
from benchmarks.riscv_tables import Goal, Part, failures, rate, ratio, show, table
from benchmarks.shapes import MEASURED, Single, Widths
from qcompile.rtl import Isa

PAIRS = [(a, w) for a in (8, 4, 2) for w in (8, 4, 2)]  # activations, weights

# MAC a cycle of whole layers: eml-eda/plinio, plinio/cost/mpic_latency.py.
PUBLISHED = {
    (8, 8): 2.1, (8, 4): 2.3, (8, 2): 2.5,
    (4, 8): 2.1, (4, 4): 3.5, (4, 2): 3.9,
    (2, 8): 2.2, (2, 4): 4.0, (2, 2): 6.5,
}  # fmt: skip

# MAC a cycle of the inner loop of a 4 x 4 tile alone, measured on the same core; wider weights
# than activations are executed as if both were so wide.
BARE = {(8, 8): 2.66, (8, 4): 2.91, (8, 2): 3.04, (4, 4): 5.32, (4, 2): 5.81, (2, 2): 10.63}
SHARE = 0.9  # of the bare loop that whole layers shall reach

LEAST = {  # MAC a cycle on cv32e40p with 8-bit weights
    Single.SMALL_CONV: 2.0,
    Single.POINTWISE: 1.9,
    Single.DEPTHWISE: 0.8,
    Single.DENSE: 1.85,
}
MOST_LOSS = 0.18  # of the speed, by 4- and 2-bit weights on cv32e40p


def layer(figures: Figures) -> Layer | None:
    """The one that is measured."""
    return figures.products[MEASURED] if figures.products else None


def speed(figures: Figures) -> float:
    found = layer(figures)
    return found.rate if found else 0.0


def bare(a: int, w: int) -> float:
    return BARE[max(a, w), w]


def pairs(bench: Bench, folder: Path) -> Part:
    """A convolution for each pair of widths, on both mixed-precision targets."""
    rows, goals, seen = [], [], []
    for a, w in PAIRS:
        subject = alone(Single.CONV, Widths(a, w))
        plain, unit = (bench.figures(subject, isa) for isa in (Isa.MPIC, Isa.MPIC_Q))
        seen += [plain, unit]
        found, wanted, aim = speed(plain), PUBLISHED[a, w], SHARE * bare(a, w)
        most = [ratio(x.macs, bound(x)) for f in (plain, unit) if (x := layer(f))]
        ceiling = f"{most[0]:.2f} / {most[1]:.2f}" if len(most) == 2 else ""
        best = most[0] if most else 0
        name = f"a{a}w{w} on mpic, MAC/cycle"
        goals.append(Goal(f"{name}: MPIC's published table", wanted, found, best=best))
        goals.append(Goal(f"{name}: 90 % of the bare loop", aim, found, best=best))
        share = f"{found / bare(a, w):.0%}"
        rows.append(
            (f"a{a}w{w}", wanted, bare(a, w), ceiling, rate(found), share, rate(speed(unit)))
        )
    text = (
        f"{Single.CONV.value}: MAC a cycle of the whole layer (copies of its input, "
        "requantization and packing of its output included); input and output are packed at the "
        "width of the activations. The published table is of layers computed in tiles of 4 x 2; of "
        f"the bare loop of a 4 x 4 tile, {SHARE:.0%} were asked. "
        "`bound` counts instructions as below, on mpic / mpic-q.\n\n"
    )
    header = "widths | published | bare 4x4 loop | bound | mpic | of the bare loop | mpic-q"
    return Part("Every pair of widths", text + table(header, rows) + failures(seen), tuple(goals))


def plain_cores(bench: Bench, folder: Path) -> Part:
    """Narrow weights where no instruction takes them."""
    rows, goals, seen = [], [], []
    for single in LEAST:
        for isa in (Isa.CV32E40P, Isa.RV32IMC):
            found = [bench.figures(alone(single, Widths(8, w)), isa) for w in (8, 4, 2)]
            seen += found
            rows.append(row(single, isa, [speed(f) for f in found]))
            goals += asked(single, isa, found)
    text = (
        "8-bit activations; MAC a cycle of the whole layer, and how much faster or slower 4- and "
        f"2-bit weights are than 8-bit ones: on cv32e40p they shall lose at most {MOST_LOSS:.0%}, "
        "on rv32imc nothing.\n\n"
    )
    header = "layer | target | w8 | asked | w4 | w2 | w4 to w8 | w2 to w8"
    return Part(
        "Narrow weights without instructions for them",
        text + table(header, rows) + failures(seen) + "\n\n" + dense(),
        tuple(goals),
    )


def dense() -> str:
    """What bounds dense layers on cv32e40p."""
    rates = [dense_rate(width) for width in (8, 4, 2)]
    changes = [f"{r / rates[0] - 1:+.1%}" for r in rates[1:]]
    row = ("dense", *map(rate, rates), *changes)
    return f"{DENSE}\n\n{table('bound, MAC/cycle | w8 | w4 | w2 | w4 to w8 | w2 to w8', [row])}"


def row(single: Single, isa: Isa, speeds: list[float]) -> tuple[str, ...]:
    changes = [f"{x - 1:+.1%}" if (x := ratio(s, speeds[0])) else "" for s in speeds[1:]]
    least = rate(LEAST[single]) if isa is Isa.CV32E40P else ""
    eight, *narrow = map(rate, speeds)
    return (single.value, isa.value, eight, least, *narrow, *changes)


def asked(single: Single, isa: Isa, found: list[Figures]) -> list[Goal]:
    """Of 8-bit weights on cv32e40p, and of narrow weights beside those."""
    goals = []
    on_bytes = isa is Isa.CV32E40P
    eight = speed(found[0])
    name = f"{single.value} on {isa.value}"
    if on_bytes:
        best = most_dense(single, found[0], 8)
        goals.append(Goal(f"{name}, MAC/cycle", LEAST[single], eight, best=best))
    for width, figures in zip((4, 2), found[1:], strict=True):
        what = f"{name}: speed of w{width} to that of w8"
        best = ratio(most_dense(single, figures, width), eight) if on_bytes else 0
        least = 1 - MOST_LOSS if on_bytes else 1.0
        goals.append(Goal(what, least, ratio(speed(figures), eight), best=best))
    return goals


def most_dense(single: Single, figures: Figures, width: int) -> float:
    """The bound of a dense layer on cv32e40p; 0 for others."""
    found = layer(figures)
    if single is not Single.DENSE or found is None:
        return 0
    return found.macs / dense_bound(found, width)


if __name__ == "__main__":
    show(pairs, __doc__)
    show(plain_cores, __doc__)
