"""Compiles every model of the catalogue, as exported and re-widthed, and compares what it computes.

    python -m benchmarks.compile_models --cache DIR/results.jsonl [--hls] [--only TEXT] [--seeds 1]

Each result is a line of JSON in the cache; what stands there is not run again, so that a run can
go on where it stopped. `--table` prints the table of the cache.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.catalogue import Entry, entries, models_folder
from benchmarks.compiled import Backend, Limits, Result, Task, compiled, failed
from benchmarks.rows import cell

HEADER = (
    "| model | weights | forms of the requantizers | vectors | distinct results | elements "
    "| elements of layers | mismatches | rv32 flash bytes | arena bytes | lower s | compile s | |"
)
COLUMNS = HEADER.count("|") - 1


def main() -> None:
    options = arguments()
    folder = models_folder(options.models)
    if folder is None:
        raise SystemExit("the models are not there: set QCOMPILE_MODELS")
    if options.table:
        print(tables(load(options.cache)))
        return
    limits = Limits(options.vectors, options.seconds)
    backend = Backend.HLS if options.hls else Backend.C
    chosen = [e for e in entries(folder) if selected(e, options.only, options.families)]
    done = {} if options.again else {r.task: r for r in load(options.cache)}
    seeds = ([None] if not options.rewidthed else []) + list(range(1, options.seeds + 1))
    for task in tasks(chosen, backend, seeds):
        old = done.get(task)
        if old is not None and not (options.retry and (old.error or old.mismatches)):
            continue
        result = isolated(task, folder, limits, options.timeout)
        save(options.cache, result)
        print(line(result), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True, help="file of results, JSON lines")
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--only", default="", help="models whose path has this text")
    parser.add_argument("--families", default="ACDEFGHIZ")
    parser.add_argument("--hls", action="store_true", help="C simulation of HLS instead of C")
    parser.add_argument("--rewidthed", action="store_true", help="leave out the exported widths")
    parser.add_argument("--seeds", type=int, default=1, help="re-widthed networks a model")
    parser.add_argument("--vectors", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30, help="of running vectors, a model")
    parser.add_argument("--timeout", type=float, default=600, help="seconds a model, all in all")
    parser.add_argument("--retry", action="store_true", help="run what failed again")
    parser.add_argument("--again", action="store_true", help="run everything again")
    parser.add_argument("--table", action="store_true", help="print the tables of the cache")
    return parser.parse_args()


def selected(entry: Entry, text: str, families: str) -> bool:
    return entry.out_of_scope is None and text in entry.name and entry.family in families


def tasks(chosen: list[Entry], backend: Backend, seeds: Iterable[int | None]) -> list[Task]:
    return [Task(e.family, e.name, backend, seed) for e in chosen for seed in seeds]


def isolated(task: Task, folder: Path, limits: Limits, timeout: float) -> Result:
    """The row of a task from a process of its own, which may crash or hang."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=worker, args=(theirs, task, folder, limits))
    process.start()
    theirs.close()
    try:
        if not ours.poll(timeout):
            process.kill()
            return failed(task, f"takes longer than {timeout:g} s")
        result: Result = ours.recv()
        return result
    except EOFError:
        process.join()
        return failed(task, f"the process ended with {process.exitcode}")
    finally:
        process.join()


def worker(pipe: Connection, task: Task, folder: Path, limits: Limits) -> None:
    pipe.send(compiled(task, folder, limits))
    pipe.close()


def save(cache: Path, result: Result) -> None:
    """Append a line; the last line of a task counts."""
    data = asdict(result) | {"task": asdict(result.task) | {"backend": result.task.backend.value}}
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("a") as file:
        file.write(json.dumps(data) + "\n")


def load(cache: Path) -> list[Result]:
    """The newest result of each task, in the order of their first."""
    found: dict[Task, Result] = {}
    if cache.exists():
        for text in cache.read_text().splitlines():
            data = json.loads(text)
            task = data["task"]
            task = Task(**task | {"backend": Backend(task["backend"])})
            found[task] = Result(**data | {"task": task})
    return list(found.values())


def line(result: Result) -> str:
    """A result on the terminal."""
    task = result.task
    verdict = result.error or (
        f"{result.mismatches} of {result.elements:,} differ on {result.vectors} vectors"
    )
    seconds = f"lower {result.lower_seconds} s, compile {result.compile_seconds} s"
    return f"{task.backend.value} {task.family} {task.model} ({task.widths}): {verdict}; {seconds}"


def shares(forms: dict[str, int]) -> str:
    """How many channels of all have which form, in percent."""
    total = sum(forms.values())
    ordered = sorted(forms.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * n / total:.3g} %" for name, n in ordered if n)


def row(result: Result) -> str:
    cells: tuple[object, ...] = (
        result.task.model,
        result.task.widths,
        shares(result.forms),
        result.vectors or "",
        result.distinct or "",
        f"{result.elements:,}" if result.elements else "",
        f"{result.inner:,}" if result.inner else "",
        result.mismatches if result.elements else "",
        "" if result.flash_bytes is None else f"{result.flash_bytes:,}",
        "" if result.arena_bytes is None else f"{result.arena_bytes:,}",
        result.lower_seconds or "",
        result.compile_seconds or "",
        "; ".join(filter(None, (result.note, result.error))),
    )
    return "| " + " | ".join(map(cell, cells)) + " |"


def total(results: list[Result]) -> str:
    """The sums of a table in a sentence."""
    ran = [r for r in results if not r.error]
    wrong = sum(1 for r in ran if r.mismatches)
    vectors, elements = sum(r.vectors for r in ran), sum(r.elements for r in ran)
    return (
        f"{len(ran)} of {len(results)} compiled and ran; {vectors:,} vectors, {elements:,} "
        f"elements of outputs and {sum(r.inner for r in ran):,} of layers, "
        f"{sum(r.mismatches for r in ran):,} mismatches in {wrong} networks; "
        f"{len(results) - len(ran)} errors."
    )


def tables(results: list[Result]) -> str:
    """All tables as Markdown: one a backend and kind of widths."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        kind = "as exported" if result.task.seed is None else "random widths"
        groups.setdefault(f"{result.task.backend.value}, {kind}", []).append(result)
    blocks = []
    for title, found in groups.items():
        lines = [HEADER, "|" + "---|" * COLUMNS, *map(row, found)]
        blocks.append(f"### {title}\n\n{total(found)}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(blocks)


if __name__ == "__main__":
    main()
