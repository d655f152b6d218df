"""Every model of families A, C, D and E: simulator = HLS C++ = RTL, every bit and every cycle.

    python -m benchmarks.fpga_check [--seconds N] [--only TEXT] [--seeds 1] > table.md

Each network runs as exported and re-widthed. The oracle is the graph as read; the HLS C++ runs in
C simulation; the SystemVerilog runs in Verilator, first with eager and then with hesitant ends, and
the cycle of each word at each port is compared with the replay of the plan's schedules. Each result
is a line of JSON in the cache; what stands there, of the same code, is not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.catalogue import Entry, entries
from benchmarks.compiled import truth
from benchmarks.opening import note_of, opened
from benchmarks.riscv_figures import CACHE, fingerprint
from benchmarks.riscv_tables import found_folder, table
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.passes import lower
from qcompile.plan.dataflow import Dataflow, default_target, plan_dataflow
from qcompile.plan.tokens import Replay, Times
from qcompile.qtype import Ints
from qcompile.source import Source
from qcompile.verify.csim import CSim
from qcompile.verify.design_bench import passed, patience
from qcompile.verify.rtl_bench import ordered
from qcompile.verify.verilated import Ran, Verilated

FILE = "fpga_check.jsonl"
FAMILIES = "ACDE"
SEEDS = 1
INTERVAL = 60_000  # cycles at most: larger networks get a faster fold
CYCLES = 250_000  # of all vectors together
LEAST, MOST = 3, 12  # vectors


@dataclass(frozen=True)
class Task:
    """A model, as exported (`seed` None) or re-widthed."""

    model: str
    seed: int | None

    @property
    def widths(self) -> str:
        return "as exported" if self.seed is None else f"random, seed {self.seed}"


@dataclass(frozen=True)
class Result:
    """A row of the table. Times are in cycles; predicted and measured ones are both kept."""

    task: Task
    code: str
    processes: int = 0
    vectors: int = 0
    elements: int = 0  # of outputs, compared three times: HLS, RTL, RTL with hesitant ends
    hls_wrong: int = 0
    rtl_wrong: int = 0
    hesitant_wrong: int = 0
    times_wrong: int = 0  # words that passed a port in another cycle than predicted
    interval: int = 0
    interval_measured: int = 0
    latency: int = 0
    latency_measured: int = 0
    bound: int = 0  # cycles of the slowest process: the interval with FIFOs without end
    fifo_bits: int = 0
    plan_seconds: float = 0
    note: str = ""
    error: str = ""

    @property
    def good(self) -> bool:
        wrong = self.hls_wrong + self.rtl_wrong + self.hesitant_wrong + self.times_wrong
        return self.vectors > 0 and wrong == 0 and not self.error


def checked(task: Task, entry: Entry, folder: Path) -> Result:
    """The row of one task; what goes wrong stands in it."""
    try:
        source = opened(entry, folder, task.seed)
        return ran(task, source, lower(source), note_of(entry))
    except CompileError as error:
        why = f"{error.what} (at {error.place})"
    except Exception as error:  # a bug: it stands in the table
        why = f"{type(error).__name__}: {error}"
    return Result(task, fingerprint(), error=" ".join(why.replace(f"{folder}/", "").split())[:300])


def ran(task: Task, source: Source, model: IntegerModel, note: str) -> Result:
    """Three computations and two clocks."""
    start = time.perf_counter()
    plan = plan_dataflow(model, min(default_target(model), INTERVAL))
    seconds = time.perf_counter() - start
    count = int(np.clip(CYCLES // plan.interval, LEAST, MOST))
    codes = ordered(model, count, None)
    expected = truth(source, model, codes)
    hls = CSim.of(model, plan).run(codes)
    rtl = Verilated(model, plan)
    replay = Replay.of(plan.processes)
    eager = rtl.run(codes)
    times = replay.run(plan.depths, count)
    offers, takes = patience(plan, 1)
    hesitant = rtl.run(codes, offers, takes)
    slow = replay.run(plan.depths, count, offers, takes)
    measured = as_times(eager, count)
    return Result(
        task=task,
        code=fingerprint(),
        processes=len(plan.processes),
        vectors=count,
        elements=sum(x.size for x in eager.outputs.values()),
        hls_wrong=differing(model, expected, hls),
        rtl_wrong=differing(model, expected, eager.outputs),
        hesitant_wrong=differing(model, expected, hesitant.outputs),
        times_wrong=moved(times, eager) + moved(slow, hesitant),
        interval=times.interval,
        interval_measured=measured.interval,
        latency=times.latency,
        latency_measured=measured.latency,
        bound=plan.interval,
        fifo_bits=fifo_bits(plan),
        plan_seconds=round(seconds, 1),
        note=note,
    )


def differing(model: IntegerModel, expected: Mapping[str, Ints], found: Mapping[str, Ints]) -> int:
    pairs = [np.broadcast_arrays(expected[p.name], found[p.name]) for p in model.outputs]
    return sum(int((a != b).sum()) for a, b in pairs)


def moved(times: Times, run: Ran) -> int:
    """Words at the ports whose cycle differs."""
    pairs = [(times.given[s], run.given[s]) for s in times.given]
    pairs += [(times.taken[s], run.taken[s]) for s in times.taken]
    return sum(int(np.not_equal(*passed(a, b)).sum()) for a, b in pairs)


def as_times(run: Ran, frames: int) -> Times:
    """What the test bench saw, so that interval and latency come from the same definitions."""
    return Times(0, run.given, run.taken, {}, {}, frames)


def fifo_bits(plan: Dataflow) -> int:
    return sum(plan.depths[s.name] * s.bits for s in plan.streams)


def tasks(models: list[Entry], seeds: int) -> Iterator[tuple[Task, Entry]]:
    for seed in (None, *range(1, seeds + 1)):
        for entry in models:
            yield Task(entry.name, seed), entry


def save(path: Path, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(result)) + "\n")


def load(path: Path, keep: bool) -> dict[Task, Result]:
    """The last of each task, of this code unless others are kept."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        data = json.loads(line)
        result = Result(**data | {"task": Task(**data["task"])})
        if keep or result.code == fingerprint():
            found[result.task] = result
    return found


HEADER = (
    "model | weights | processes | vectors | elements | HLS wrong | RTL wrong | hesitant wrong | "
    "times wrong | interval, predicted = measured | slowest process | latency, predicted = measured"
    " | FIFO bits | plan s"
)


def row(result: Result) -> tuple[object, ...]:
    def both(predicted: int, measured: int) -> str:
        return f"{predicted:,}" if predicted == measured else f"{predicted:,} != {measured:,}"

    wrong = (result.hls_wrong, result.rtl_wrong, result.hesitant_wrong, result.times_wrong)
    name = f"{result.task.model} ({result.note})" if result.note else result.task.model
    return (
        name,
        result.task.widths,
        result.processes,
        result.vectors,
        f"{result.elements:,}",
        *wrong,
        both(result.interval, result.interval_measured),
        f"{result.bound:,}",
        both(result.latency, result.latency_measured),
        f"{result.fifo_bits:,}",
        result.plan_seconds,
    )


def summary(found: list[Result], missing: int) -> str:
    """The sums in a sentence, and why some did not run."""
    good = sum(r.good for r in found)
    text = f"{good} of {len(found) + missing} networks without any difference; {missing} not run."
    errors = [f"- {r.task.model}, {r.task.widths}: {r.error}" for r in found if r.error]
    return text + ("\n\n" + "\n".join(errors) if errors else "")


def chosen(folder: Path) -> list[Entry]:
    return [e for e in entries(folder) if e.family in FAMILIES and e.out_of_scope is None]


def report(cache: Path, keep: bool, folder: Path) -> str:
    """The sums, and the table of what the cache has."""
    done = load(cache, keep)
    every = [task for task, _ in tasks(chosen(folder), SEEDS)]
    found = [done[task] for task in every if task in done]
    rows = table(HEADER, (row(r) for r in found if r.vectors))
    return f"{summary(found, len(every) - len(found))}\n\n{rows}"


def main() -> None:
    options = arguments()
    folder = found_folder(options.models)
    done = load(options.cache, options.keep)
    end = time.monotonic() + options.seconds
    models = [e for e in chosen(folder) if options.only in e.name]
    for task, entry in tasks(models, options.seeds):
        if task not in done and time.monotonic() < end:
            done[task] = checked(task, entry, folder)
            save(options.cache, done[task])
    print(report(options.cache, options.keep, folder))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE / FILE, help="JSON lines")
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--only", default="", help="models whose path has this text")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="re-widthed networks a model")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--keep", action="store_true", help="results of other code are welcome")
    return parser.parse_args()


if __name__ == "__main__":
    main()
