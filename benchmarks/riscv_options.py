"""What the options that trade cycles give and take: layers in bands of rows, flash that waits.

python -m benchmarks.riscv_options
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.riscv_kept import ERROR, Table
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_subjects import TRAINED, Subject, trained
from benchmarks.riscv_tables import Goal, Part, millions, show, table
from benchmarks.shapes import Shape
from qcompile.backends import riscv_project
from qcompile.model import IntegerModel
from qcompile.plan.bands import Wish
from qcompile.report.riscv import counted, measure_bytes
from qcompile.rtl import Isa
from qcompile.target import load
from qcompile.verify.rtl_bench import FirmwareBench

BANDED = (Shape.RESNET8, Shape.MOBILENET)
TARGETS = (Isa.CV32E40P, Isa.MPIC)
SHARE = 2  # the arena in bands shall be this part of the bound without

WAITING = Shape.DSCNN
WAITS = (1, 2, 4)  # cycles


@dataclass(frozen=True)
class Options:
    """Of the command `qcompile`; `ram` in bytes."""

    bands: str = "no"
    ram: int | None = None
    flash_wait: int = 0

    @property
    def text(self) -> str:
        """As they are typed."""
        words = [f"--bands {self.bands}"] if self.bands != "no" else []
        words += [f"--ram {self.ram}"] if self.ram is not None else []
        words += [f"--flash-wait {self.flash_wait}"] if self.flash_wait else []
        return " ".join(words)


def totals(bench: Bench, subject: Subject, isa: Isa, options: Options) -> Table:
    """What report.json has in `totals`; every bit of one vector is compared."""
    name = f"{subject.name} on {isa.value} {options.text}"
    return bench.others.table(name, lambda: measured(bench.model(subject), isa, options))


def measured(model: IntegerModel, isa: Isa, options: Options) -> Table:
    target = load(isa.value).limited(None, options.ram)
    project = riscv_project(model, "net", {}, target, Wish.of(options.bands))
    runner = FirmwareBench(isa, lambda _: project, options.flash_wait)
    found = counted(project.plan, target, runner.measure(model, project, None))
    return (measure_bytes(project) | found).totals


def bands(bench: Bench, folder: Path) -> Part:
    """Less RAM for more cycles."""
    rows, goals, failed = [], [], []
    for shape in BANDED:
        for isa in TARGETS:
            subject = trained(shape, folder)
            plain = bench.figures(subject, isa)
            bound = plain.sizes.values_bound
            half = plain.sizes.ports + bound // SHARE
            name = (shape.value, isa.value)
            arena = plain.sizes.arena
            share = f"{arena / bound:.0%}" if bound else ""
            rows.append(
                (*name, "no", "", arena, share, plain.sizes.values, millions(plain.cycles), "", "")
            )
            for options in (Options("auto", half), Options("least")):
                found = totals(bench, subject, isa, options)
                if ERROR in found:
                    failed.append(f"{' on '.join(name)}, {options.text}: {found[ERROR]}")
                    continue
                rows.append((*name, options.text.removeprefix("--bands "), *cells(found, bound)))
                what = f"{' on '.join(name)} with {options.text}: arena"
                goals.append(Goal(what, bound // SHARE, found["arena_bytes"], True, 1, 0))
    text = (
        "The first layers in bands of rows: a band goes through all of them before the next one, "
        "so that no large tensor is ever there at once; rows that two bands need are kept, or "
        "made again. `auto` takes the cheapest way that fits the target, here `--ram` of half the "
        "activations' bound beside inputs and outputs; `least` takes the smallest arena. Bytes; "
        "the arena also as a share of the bound of activations without bands. The summary of "
        "`qcompile` prints the same price.\n\n"
    )
    header = (
        "network | target | `--bands` | layers, bands | arena | of the bound | activations "
        "| M cycles | cycles more | flash more"
    )
    return Part(
        "Layers in bands of rows", text + table(header, rows) + missing(failed), tuple(goals)
    )


def cells(found: Table, bound: int) -> tuple[object, ...]:
    """What bands make of a network, and their price."""
    row, arena = found.get("bands"), found["arena_bytes"]
    sizes = (arena, f"{arena / bound:.0%}", found["activation_bytes"], millions(found["cycles"]))
    if row is None:
        return ("none", *sizes, "", "")
    more = found["cycles"] / found["cycles_without_bands"] - 1
    flash = found["flash_bytes"] - found["flash_bytes_without_bands"]
    return (f"{row['layers']}, {row['bands']}", *sizes, f"{more:+.2%}", f"{flash:+,}")


def waits(bench: Bench, folder: Path) -> Part:
    """Cycles of flash that does not answer at once."""
    rows, failed = [], []
    for isa in Isa:
        subject = trained(WAITING, folder)
        cycles = bench.figures(subject, isa).cycles
        prices = []
        for wait in WAITS:
            found = totals(bench, subject, isa, Options(flash_wait=wait))
            if ERROR in found:
                failed.append(f"{isa.value}, {wait} wait states: {found[ERROR]}")
                continue
            slow = found["slow_flash"]["cycles"]
            prices.append(f"{millions(slow)} ({slow / cycles - 1:+.0%})")
        if len(prices) == len(WAITS):
            rows.append((isa.value, millions(cycles), *prices))
    text = (
        f"`--flash-wait N`: M cycles of {WAITING.value} ({TRAINED[WAITING]}) when every fetch and "
        "every load from flash takes N cycles more. Code and weights are both in flash, and there "
        "is no cache.\n\n"
    )
    header = " | ".join(("target", "no wait", *(f"{wait} more" for wait in WAITS)))
    return Part("Wait states of flash", text + table(header, rows) + missing(failed))


def missing(failed: list[str]) -> str:
    """What was not measured, and why."""
    return "\n\nNot measured:\n\n" + "\n".join(f"- {line}" for line in failed) if failed else ""


if __name__ == "__main__":
    show(bands, __doc__)
    show(waits, __doc__)
