"""The trained 8-bit networks of MLPerf Tiny on the RISC-V targets, against goals, peers and bounds.

python -m benchmarks.riscv_networks
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import riscv_bounds
from benchmarks.riscv_bounds import bound
from benchmarks.riscv_figures import Figures, Kind, Layer
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import trained
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
MODELLED = (Isa.MPIC, Isa.MPIC_Q)


def share(shape: Shape, isa: Isa) -> float:
    """Of the peers' cycles."""
    dense = (shape, isa) == (Shape.AUTOENCODER, Isa.MPIC_Q)
    return SHARE_OF_DENSE if dense else SHARE[isa]


def ends(bench: Bench, folder: Path) -> Part:
    """End to end on every target."""
    rows, goals, seen = [], [], []
    for shape in Shape:
        peer = PEERS[shape][0] * 1e6
        for isa in Isa:
            found = bench.figures(trained(shape, folder), isa)
            seen.append(found)
            cycles, times = found.cycles, ratio(peer, found.cycles)
            speed = rate(ratio(found.macs, cycles))
            rows.append((shape.value, isa.value, millions(cycles), speed, rate(times)))
            if isa in MOST:
                wanted = MOST[isa][shape] * 1e6
                what = f"{shape.value} on {isa.value}, M cycles"
                goals.append(Goal(what, wanted, cycles, most=True, scale=1e6, digits=3))
            what = f"{shape.value} on {isa.value}, times as fast as the peers"
            goals.append(Goal(what, 1 / share(shape, isa), times))
    text = (
        "As exported, 8 bits throughout. The peers are tflite-micro with CMSIS-NN's portable "
        "kernels on the same core and memory: "
        + ", ".join(f"{s.value} {PEERS[s][0]} M" for s in Shape)
        + " cycles.\n\n"
    )
    header = "network | target | cycles (M) | MAC/cycle | times as fast as the peers"
    return Part("MLPerf Tiny, 8 bits", text + table(header, rows) + failures(seen), tuple(goals))


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


def layers(bench: Bench, folder: Path) -> Part:
    """Every layer on mpic and mpic-q, with what the model of cycles and the bound say."""
    parts, goals = [], []
    for shape in Shape:
        pair = [bench.figures(trained(shape, folder), isa) for isa in MODELLED]
        if any(f.error for f in pair):
            continue
        both = list(zip(*(f.layers for f in pair), strict=True))
        rows = [row(i, *couple) for i, couple in enumerate(both)]
        header = (
            "step | layer | MAC | mpic cycles | MAC/cycle | bound | model | error "
            "| mpic-q cycles | MAC/cycle | bound | model | error"
        )
        parts.append(f"### {shape.value}\n\n{table(header, rows)}")
        goals += [worst(f, shape) for f in pair]
    text = (
        "Cycles as measured; the bound counts instructions (below); the model is what the plan "
        "expected before anything ran.\n\n"
    )
    return Part("Layer by layer", text + "\n\n".join(parts), tuple(g for g in goals if g))


def row(index: int, plain: Layer, unit: Layer) -> tuple[object, ...]:
    return (index, plain.title, f"{plain.macs:,}", *measures(plain), *measures(unit))


def measures(layer: Layer) -> tuple[str, ...]:
    off = error(layer)
    return (
        f"{layer.cycles:,}",
        rate(layer.rate),
        f"{bound(layer):,.0f}",
        "" if layer.model is None else f"{layer.model:,}",
        "" if off is None else f"{off:+.1%}",
    )


def error(layer: Layer) -> float | None:
    """Of the model of cycles, as a share of what was measured."""
    if layer.model is None or not layer.cycles:
        return None
    return layer.model / layer.cycles - 1


def worst(found: Figures, shape: Shape) -> Goal:
    """The largest error of a convolution or dense layer; all of them must have a model."""
    linear = [x for x in found.layers if x.kind in (Kind.PRODUCT, Kind.DEPTHWISE)]
    errors = [error(x) for x in linear]
    what = f"{shape.value} on {found.isa.value}, largest error of the model of cycles, %"
    known = [abs(e) for e in errors if e is not None]
    largest = max(known) if known and len(known) == len(errors) else 0.0
    return Goal(what, 100 * MODEL_ERROR, 100 * largest, most=True, digits=1)


def bounds(bench: Bench, folder: Path) -> Part:
    """The networks against the instructions that they need."""
    rows = []
    for shape in Shape:
        for isa in MODELLED:
            found = bench.figures(trained(shape, folder), isa)
            least = sum(bound(x) for x in found.layers)
            above = ratio(found.cycles, least)
            cells = (millions(least), millions(found.cycles), f"{above - 1:+.0%}" if above else "")
            rows.append((shape.value, isa.value, *cells))
    header = "network | target | bound (M) | cycles (M) | above"
    return Part("Bounds", f"{riscv_bounds.TEXT}\n\n{table(header, rows)}")


if __name__ == "__main__":
    for report in (ends, memories, layers, bounds):
        show(report, __doc__)
