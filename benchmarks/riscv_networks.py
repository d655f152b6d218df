"""The trained 8-bit networks of MLPerf Tiny on the RISC-V targets, against goals, peers and bounds.

python -m benchmarks.riscv_networks
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import riscv_bounds
from benchmarks.riscv_bounds import bound
from benchmarks.riscv_figures import Figures, Kind, Layer
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import TRAINED, trained
from benchmarks.riscv_tables import Goal, Part, failures, millions, rate, ratio, show, table
from benchmarks.shapes import Shape
from qcompile.rtl import Isa

MOST = {  # million cycles
    Isa.MPIC: {
        Shape.RESNET8: 6.6,
        Shape.DSCNN: 1.95,
        Shape.AUTOENCODER: 0.165,
        Shape.MOBILENET: 5.7,
    },
    Isa.MPIC_Q: {
        Shape.RESNET8: 5.7,
        Shape.DSCNN: 1.4,
        Shape.AUTOENCODER: 0.15,
        Shape.MOBILENET: 3.9,
    },
}

# Million cycles of the fastest portable build of CMSIS-NN in tflite-micro on this very core, the
# bytes of its flatbuffer, and the smaller arena of its two builds.
PEERS = {
    Shape.RESNET8: (75.8, 98_000, 54_364),
    Shape.DSCNN: (18.3, 54_000, 22_780),
    Shape.AUTOENCODER: (1.68, 277_000, 2_380),
    Shape.MOBILENET: (56.4, 333_000, 100_668),
}
PEER_CODE = 67_000  # bytes of its smaller build, the reference kernels
SHARE = {Isa.RV32IMC: 0.55, Isa.CV32E40P: 1 / 8, Isa.MPIC: 1 / 9, Isa.MPIC_Q: 1 / 12}
SHARE_OF_DENSE = 1 / 11  # of the autoencoder on mpic-q

MODEL_ERROR = 0.05  # of convolutions and dense layers
MODELLED = (Isa.CV32E40P, Isa.MPIC, Isa.MPIC_Q)
BOUNDED = (Isa.MPIC, Isa.MPIC_Q)


def share(shape: Shape, isa: Isa) -> float:
    """Of the peers' cycles."""
    dense = (shape, isa) == (Shape.AUTOENCODER, Isa.MPIC_Q)
    return SHARE_OF_DENSE if dense else SHARE[isa]


def ends(bench: Bench, folder: Path) -> Part:
    """End to end on every target."""
    rows, goals, seen = [], [], []
    for shape in Shape:
        for isa in Isa:
            found = bench.figures(trained(shape, folder), isa)
            seen.append(found)
            cycles, times = found.cycles, ratio(PEERS[shape][0] * 1e6, found.cycles)
            speed = rate(ratio(found.macs, cycles))
            asked = (millions(MOST[isa][shape] * 1e6) if isa in MOST else "", 1 / share(shape, isa))
            cells = (millions(cycles), asked[0], speed, rate(times), rate(asked[1]))
            rows.append((shape.value, isa.value, *cells))
            goals += goals_of(found, shape)
    text = (
        "As exported, 8 bits throughout: "
        + ", ".join(f"{s.value} is `{TRAINED[s]}`" for s in Shape)
        + ". The peers are tflite-micro with CMSIS-NN's portable "
        "kernels, the fastest of their builds, on the same core and memory: "
        + ", ".join(f"{s.value} {PEERS[s][0]} M" for s in Shape)
        + " cycles. `at most` and `at least` are what was asked.\n\n"
    )
    header = "network | target | M cycles | at most | MAC/cycle | times the peers | at least"
    return Part("MLPerf Tiny, 8 bits", text + table(header, rows) + failures(seen), tuple(goals))


def goals_of(found: Figures, shape: Shape) -> list[Goal]:
    """In cycles, and beside the peers."""
    name = f"{shape.value} on {found.isa.value}"
    peer = PEERS[shape][0] * 1e6
    least = sum(map(bound, found.layers)) if found.isa in MOST else 0
    what, wanted = f"{name}, times as fast as the peers", 1 / share(shape, found.isa)
    goals = [Goal(what, wanted, ratio(peer, found.cycles), best=ratio(peer, least))]
    if found.isa in MOST:
        most = MOST[found.isa][shape] * 1e6
        goals.append(Goal(f"{name}, M cycles", most, found.cycles, True, 1e6, best=least))
    return goals


def memories(bench: Bench, folder: Path) -> Part:
    """Flash and RAM beside the peers'."""
    rows, goals = [], []
    for shape in Shape:
        _, flatbuffer, arena = PEERS[shape]
        for isa in Isa:
            sizes = bench.figures(trained(shape, folder), isa).sizes
            own, flash = sizes.arena + sizes.ports, flatbuffer + PEER_CODE
            rows.append((shape.value, isa.value, sizes.flash, flash, own, arena))
            name = f"{shape.value} on {isa.value}"
            flat = Goal(f"{name}, flash bytes", flash, sizes.flash, most=True, digits=0)
            goals += [flat, Goal(f"{name}, RAM bytes", arena, own, most=True, digits=0)]
    text = (
        "Bytes. Own flash is code and constants, own RAM the arena, inputs and outputs; the "
        "peers' are the code of their smaller build with the flatbuffer, and their smaller "
        "arena, which holds inputs and outputs as well. Neither has the stack.\n\n"
    )
    header = "network | target | flash | peers' flash | RAM | peers' RAM"
    return Part("Flash and RAM beside the peers'", text + table(header, rows), tuple(goals))


def counts(bench: Bench, folder: Path) -> Part:
    """What the core executes for an inference."""
    rows = []
    for shape in Shape:
        for isa in Isa:
            found = bench.figures(trained(shape, folder), isa).layers
            sums = [sum(values) for values in zip(*map(executed, found), strict=True)]
            if not sums:
                continue
            cycles, instructions, loads, stores = sums
            each = rate(ratio(cycles, instructions))
            rows.append(
                (shape.value, isa.value, *map(millions, (instructions, loads, stores)), each)
            )
    text = (
        "Of one inference, in millions: instructions that the core retires, and accesses of its "
        "data bus (a misaligned one makes two). What is above one cycle an instruction is waited "
        "for: branches that are taken, loads whose value is used at once, `mulh`, divisions.\n\n"
    )
    header = "network | target | instructions | loads | stores | cycles an instruction"
    return Part("Instructions, loads, stores", text + table(header, rows))


def executed(layer: Layer) -> tuple[int, int, int, int]:
    return layer.cycles, layer.instructions, layer.loads, layer.stores


def layers(bench: Bench, folder: Path) -> Part:
    """Every layer on mpic and mpic-q, with what the model of cycles and the bound say."""
    parts, goals, errors = [], [], []
    for shape in Shape:
        for isa in MODELLED:
            found = bench.figures(trained(shape, folder), isa)
            if not found.error:
                errors.append((shape.value, isa.value, *deviations(found)))
                goals.append(worst(found, shape))
        pair = [bench.figures(trained(shape, folder), isa) for isa in BOUNDED]
        if any(f.error for f in pair):
            continue
        both = list(zip(*(f.layers for f in pair), strict=True))
        rows = [(one.title, f"{one.macs:,}", *measures(one), *measures(two)) for one, two in both]
        header = (
            "layer | MAC | mpic cycles | MAC/cycle | bound | model "
            "| mpic-q cycles | MAC/cycle | bound | model"
        )
        parts.append(f"### {shape.value}\n\n{table(header, rows)}")
    text = (
        "Cycles as measured; the bound counts instructions (below); the model is what the plan "
        "expected before anything ran, as a difference to what was measured, which shall be below "
        f"{MODEL_ERROR:.0%} for convolutions and dense layers. It is made for the core with its "
        "extensions: portable C on `rv32imc` has none.\n\n"
        f"{table('network | target | convolutions and dense layers | least | most', errors)}\n\n"
    )
    return Part("Layer by layer, and the model of cycles", text + "\n\n".join(parts), tuple(goals))


def measures(layer: Layer) -> tuple[str, ...]:
    off = error(layer)
    return (
        f"{layer.cycles:,}",
        rate(layer.rate),
        f"{bound(layer):,.0f}",
        "" if off is None else f"{off:+.1%}",
    )


def error(layer: Layer) -> float | None:
    """Of the model of cycles, as a share of what was measured."""
    if layer.model is None or not layer.cycles:
        return None
    return layer.model / layer.cycles - 1


def linear(found: Figures) -> list[float | None]:
    """Errors of the model, of convolutions and dense layers."""
    return [error(x) for x in found.layers if x.kind in (Kind.PRODUCT, Kind.DEPTHWISE)]


def deviations(found: Figures) -> tuple[int, str, str]:
    """How many layers have a model, and its errors."""
    known = [e for e in linear(found) if e is not None]
    return len(known), f"{min(known, default=0):+.1%}", f"{max(known, default=0):+.1%}"


def worst(found: Figures, shape: Shape) -> Goal:
    """The largest error of a convolution or dense layer; all of them must have a model."""
    errors = linear(found)
    what = f"{shape.value} on {found.isa.value}, largest error of the model of cycles, %"
    known = [abs(e) for e in errors if e is not None]
    largest = max(known) if known and len(known) == len(errors) else 0.0
    return Goal(what, 100 * MODEL_ERROR, 100 * largest, most=True, digits=1)


def bounds(bench: Bench, folder: Path) -> Part:
    """The networks against the instructions that they need."""
    rows = []
    for shape in Shape:
        for isa in BOUNDED:
            found = bench.figures(trained(shape, folder), isa)
            least = sum(bound(x) for x in found.layers)
            above = ratio(found.cycles, least)
            asked = min(MOST[isa][shape], PEERS[shape][0] * share(shape, isa)) * 1e6
            room = ratio(asked, least)
            cells = map(millions, (least, asked, found.cycles))
            rows.append((shape.value, isa.value, *cells, percent(room), percent(above)))
    text = f"{riscv_bounds.TEXT}\n\nM cycles; of what was asked, the lowest.\n\n"
    header = "network | target | bound | asked | cycles | asked above bound | cycles above bound"
    return Part("Bounds", text + table(header, rows))


def percent(times: float) -> str:
    return f"{times - 1:+.0%}" if times else ""


if __name__ == "__main__":
    for report in (ends, memories, layers, bounds, counts):
        show(report, __doc__)
