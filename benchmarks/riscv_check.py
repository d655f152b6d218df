"""Every model of families A, C and F on the core's RTL, bit by bit, as exported and re-widthed.

    python -m benchmarks.riscv_check [--seconds N] [--isas mpic,rv32imc] [--only TEXT] [--seeds 1]

Each result is a line of JSON in the cache; what stands there, of the same code, is not run again.
With `--seconds`, no model is begun after so long; the tables say what has not run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.catalogue import Entry, entries
from benchmarks.compiled import oracle, truth
from benchmarks.opening import opened
from benchmarks.riscv_figures import CACHE, fingerprint
from benchmarks.riscv_measure import Bench
from benchmarks.riscv_tables import Goal, Part, found_folder, table
from qcompile.backends import emit_for_c
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.passes import lower
from qcompile.report.document import check_limits
from qcompile.report.riscv import measure_bytes
from qcompile.rtl import Isa
from qcompile.source import Source
from qcompile.target import load as target
from qcompile.verify.firmware import FirmwareRunner
from qcompile.verify.oracle import link_codes, meant
from qcompile.verify.rtl_bench import ordered, part
from qcompile.verify.vectors import Codes

FILE = "riscv_check.jsonl"
FAMILIES = "ACF"
MOST_VECTORS = 4
CYCLES = 10_000_000  # of all vectors of a model; the first always runs
SEEDS = 1


@dataclass(frozen=True)
class Task:
    """A model, as exported (`seed` None) or re-widthed, on an instruction set."""

    isa: Isa
    model: str
    seed: int | None

    @property
    def widths(self) -> str:
        return "as exported" if self.seed is None else f"random, seed {self.seed}"


@dataclass(frozen=True)
class Result:
    """What ran; `skipped` and `error` say why nothing did."""

    task: Task
    code: str
    flash: int = 0
    ram: int = 0
    cycles: int = 0  # of the first vector
    vectors: int = 0
    elements: int = 0  # of outputs that were compared
    inner: int = 0  # of layers of the first vector
    mismatches: int = 0
    skipped: str = ""
    error: str = ""


def chosen(folder: Path, text: str = "") -> list[Entry]:
    found = [e for e in entries(folder) if e.family in FAMILIES and e.out_of_scope is None]
    return [e for e in found if text in e.name]


def tasks(models: list[Entry], isas: list[Isa], seeds: int) -> Iterator[tuple[Task, Entry]]:
    for isa in isas:
        for seed in (None, *range(1, seeds + 1)):
            for entry in models:
                yield Task(isa, entry.name, seed), entry


def checked(task: Task, entry: Entry, folder: Path) -> Result:
    """The row of one task; what goes wrong stands in it."""
    try:
        source = opened(entry, folder, task.seed)
        return ran(task, source, lower(source))
    except CompileError as error:
        why = f"{error.what} (at {error.place})"
    except Exception as error:  # a bug: it stands in the table
        why = f"{type(error).__name__}: {error}"
    return Result(task, fingerprint(), error=" ".join(why.replace(f"{folder}/", "").split())[:300])


def ran(task: Task, source: Source, model: IntegerModel) -> Result:
    """Firmware against the graph as read."""
    project = emit_for_c(model, "net", {}, task.isa)
    found = measure_bytes(project)
    flash, ram = found.totals["flash_bytes"], found.totals["ram_bytes"]
    try:
        check_limits(found, target(task.isa.value))
    except CompileError as error:
        why = " ".join(str(error).split())
        return Result(task, fingerprint(), flash, ram, skipped=why)
    runner = FirmwareRunner(project.plan, project.files)
    first = ordered(model, 1, None)
    wrong, elements = compared(source, model, runner, first)
    cycles = runner.measurement().most
    count = int(np.clip(CYCLES // max(cycles, 1), 1, MOST_VECTORS))
    if count > 1:
        more = compared(source, model, runner, part(ordered(model, count, None), 1, count))
        wrong, elements = wrong + more[0], elements + more[1]
    inner_wrong, inner = layers(source, model, runner, first)
    return Result(
        task, fingerprint(), flash, ram, cycles, count, elements, inner, wrong + inner_wrong
    )


def compared(
    source: Source, model: IntegerModel, runner: FirmwareRunner, codes: Codes
) -> tuple[int, int]:
    """(mismatches, elements) of the outputs."""
    expected, found = truth(source, model, codes), runner.run(codes)
    pairs = [np.broadcast_arrays(expected[p.name], found[p.name]) for p in model.outputs]
    return sum(int((a != b).sum()) for a, b in pairs), sum(a.size for a, _ in pairs)


def layers(
    source: Source, model: IntegerModel, runner: FirmwareRunner, codes: Codes
) -> tuple[int, int]:
    """(mismatches, elements) of every layer whose codes have a meaning in the graph as read."""
    links = meant(source, model)
    values = oracle(source, model, codes, {link.real for link in links})
    found = runner.trace(codes)
    pairs = [
        np.broadcast_arrays(link_codes(link, values[link.real]), found[link.node])
        for link in links
        if link.node in found
    ]
    return sum(int((a != b).sum()) for a, b in pairs), sum(a.size for a, _ in pairs)


def save(path: Path, result: Result) -> None:
    data = asdict(result)
    data["task"]["isa"] = result.task.isa.value
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(data) + "\n")


def load(path: Path, keep: bool) -> dict[Task, Result]:
    """The last of each task, of this code unless others are kept."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        data = json.loads(line)
        isa = Isa(data["task"]["isa"])
        result = Result(**data | {"task": Task(**data["task"] | {"isa": isa})})
        if keep or result.code == fingerprint():
            found[result.task] = result
    return found


HEADER = "model | weights | vectors | elements | mismatches | cycles (M) | flash | RAM"


def row(result: Result) -> tuple[object, ...]:
    counts = (result.vectors, f"{result.elements + result.inner:,}", result.mismatches)
    sizes = (f"{result.flash:,}", f"{result.ram:,}")
    name, widths = result.task.model, result.task.widths
    return (name, widths, *counts, f"{result.cycles / 1e6:.3f}", *sizes)


def notes(found: list[Result]) -> str:
    """Why some did not run."""
    left = [r for r in found if r.skipped or r.error]
    lines = [f"- {r.task.model}, {r.task.widths}: {r.skipped or r.error}" for r in left]
    return "\n\nDid not run:\n\n" + "\n".join(lines) if lines else ""


def checks(bench: Bench, folder: Path) -> Part:
    """The tables of what the cache beside the bench's has."""
    found = load(bench.path.with_name(FILE), bench.keep)
    every = [task for task, _ in tasks(chosen(folder), list(Isa), SEEDS)]
    parts, goals = [], []
    for isa in Isa:
        mine = [found[t] for t in every if t.isa is isa and t in found]
        missing = sum(t.isa is isa and t not in found for t in every)
        good = [r for r in mine if r.skipped or (r.vectors and not r.mismatches)]
        parts.append(
            f"### {isa.value}\n\n{summary(mine, missing)}\n\n"
            f"{table(HEADER, (row(r) for r in mine if r.vectors))}{notes(mine)}"
        )
        what = f"{isa.value}: networks without a mismatch, or told that they do not fit"
        goals.append(Goal(what, len(mine) + missing, len(good), digits=0))
    text = (
        "Models of families A, C and F for 2 MB of flash and 512 kB of RAM, as exported and with "
        "the weights of every output channel at a random width of 0 to 8 bits. Outputs of all "
        "vectors, and every layer of the first, are compared with the graph as read.\n\n"
    )
    return Part("Models of other projects", text + "\n\n".join(parts), tuple(goals))


def summary(found: list[Result], missing: int) -> str:
    """The sums in a sentence."""
    done = [r for r in found if r.vectors]
    skipped, failed = (sum(bool(getattr(r, k)) for r in found) for k in ("skipped", "error"))
    vectors, elements = sum(r.vectors for r in done), sum(r.elements for r in done)
    text = (
        f"{len(done)} networks ran, {vectors:,} vectors, {elements:,} elements of outputs and "
        f"{sum(r.inner for r in done):,} of layers, {sum(r.mismatches for r in done):,} "
        f"mismatches; {skipped} do not fit, {failed} failed."
    )
    return f"{text} {missing} have not run." if missing else text


def main() -> None:
    options = arguments()
    folder = found_folder(options.models)
    done = {} if options.again else load(options.cache, options.keep)
    isas = [Isa(name) for name in options.isas.split(",")]
    end = time.monotonic() + options.seconds
    for task, entry in tasks(chosen(folder, options.only), isas, options.seeds):
        if task in done and not (options.retry and (done[task].error or done[task].mismatches)):
            continue
        if time.monotonic() > end:
            print("the time is over", flush=True)
            return
        result = checked(task, entry, folder)
        save(options.cache, result)
        print(task.isa.value, *row(result), flush=True)


def arguments() -> argparse.Namespace:
    every = ",".join(isa.value for isa in (Isa.MPIC, Isa.MPIC_Q, Isa.CV32E40P, Isa.RV32IMC))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE / FILE, help="JSON lines")
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--only", default="", help="models whose path has this text")
    parser.add_argument("--isas", default=every, help="one after the other")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="re-widthed networks a model")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--keep", action="store_true", help="results of other code are welcome")
    parser.add_argument("--retry", action="store_true", help="run what failed again")
    parser.add_argument("--again", action="store_true", help="run everything again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
