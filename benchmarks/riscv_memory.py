"""RAM and flash of the networks: what they take beside what they must.

python -m benchmarks.riscv_memory
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.riscv_figures import Sizes
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import Subject, generated, rewidened, trained
from benchmarks.riscv_tables import Goal, Part, failures, ratio, show, table
from benchmarks.shapes import Shape, Widths
from qcompile.rtl import Isa

LEAST = {Shape.RESNET8: 49_152, Shape.DSCNN: 16_000, Shape.AUTOENCODER: 768}  # activations' bytes
TARGETS = (Isa.MPIC, Isa.CV32E40P, Isa.RV32IMC)
MOST_PADDING = 0.02  # of the weights' true bytes: padding and tables of runs
SEED = 1


def ram(bench: Bench, folder: Path) -> Part:
    rows, goals, seen = [], [], []
    claims: dict[str, list[str]] = {}
    for shape in Shape:
        for isa in TARGETS:
            found = bench.figures(trained(shape, folder), isa)
            s = found.sizes
            seen.append(found)
            scratch = s.arena - s.values
            cells = (s.living, s.values, s.values_bound, scratch, s.arena, s.ports, s.stack)
            rows.append((shape.value, isa.value, *cells))
            claims.setdefault(found.claim, []).append(f"{shape.value} on {isa.value}")
            name = f"{shape.value} on {isa.value}"
            goals.append(
                Goal(f"{name}: arena of activations", s.values_bound, s.values, True, 1, 0)
            )
            if shape in LEAST and isa is Isa.MPIC:
                goals.append(Goal(f"{name}: live bytes", LEAST[shape], s.living, True, 1, 0))
    text = (
        "Bytes. `live` is the most that activations take at one step, inputs and outputs counted "
        "where they live; they are the caller's, and the arena is without them. `scratch` is "
        "what copies of activations and unpacked weights add to the arena at its peak.\n\n"
    )
    header = (
        "network | target | live | arena of activations | its bound | scratch | arena "
        "| inputs and outputs | stack"
    )
    proved = "\n".join(f"- {claim}: {', '.join(names)}" for claim, names in claims.items())
    text += f"{table(header, rows)}{failures(seen)}\n\nProved of the arena:\n\n{proved}"
    return Part("RAM", text, tuple(goals))


def subjects(folder: Path) -> list[Subject]:
    """As exported, with random widths by channel, and the generated ones."""
    found = [trained(shape, folder) for shape in Shape]
    found += [rewidened(shape, folder, SEED) for shape in Shape]
    kinds = (Widths(4, 4), Widths(2, 2), Widths(8, None))
    return found + [generated(shape, widths) for shape in Shape for widths in kinds]


def flash(bench: Bench, folder: Path) -> Part:
    rows, goals, seen = [], [], []
    for subject in subjects(folder):
        found = bench.figures(subject, Isa.MPIC)
        seen.append(found)
        if found.error:
            continue
        s = found.sizes
        weights = (s.weights, s.stored, s.runs, f"{added(s):.2%}")
        rows.append((subject.title, *weights, s.parameters, s.descriptors, s.code, s.flash))
        what = f"{subject.title}: stored bytes and tables of runs"
        wanted = (1 + MOST_PADDING) * s.weights
        goals.append(Goal(what, wanted, s.stored + s.runs, True, 1, 0))
    text = (
        "Bytes on mpic. `true` are all weights at their declared widths; `runs` are the tables "
        "of runs and of how rows are coded; `parameters` biases, multipliers, shifts, steps and "
        "tables of the requantizers; `descriptors` the shapes of layers, as constants. `added` is "
        f"what is stored beside the true weights, of which {MOST_PADDING:.0%} were asked. `random "
        "widths`: the trained network, the weights of each channel cut to 0 to 8 bits.\n\n"
    )
    header = (
        "network | weights, true | stored | runs | added | parameters | descriptors | code | flash"
    )
    return Part("Flash", text + table(header, rows) + failures(seen), tuple(goals))


def added(s: Sizes) -> float:
    """Padding and tables of runs, as a share of the weights' true bytes."""
    return ratio(s.stored + s.runs, s.weights) - 1


if __name__ == "__main__":
    show(ram, __doc__)
    show(flash, __doc__)
