"""Puts benchmarks/models.md together from what the other scripts have found.

    python -m benchmarks.models --references FOLDER --compiled FILE [FILE ...] --speed FILE

`references` and `compile_models` keep their results in a folder and in files; `speed` prints its
tables. Of a network that several files of `--compiled` have, the last one counts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import compile_models
from benchmarks.catalogue import FAMILIES, OUT_OF_SCOPE
from benchmarks.compiled import Backend, Result
from benchmarks.rows import Row, Status, cell
from benchmarks.rows import load as load_references
from benchmarks.texts import fragment

MODELS_MD = Path(__file__).with_name("models.md")

TEXT = """\
# The models of other projects

Networks that this project did not make: read, simulated, compiled for both targets and run. Nothing
is left out: what fails or is rejected stands in the tables with its reason.

{summary}

"Explained" differences come from the float32 arithmetic of the reference and are shown to, one by
one; what counts as one stands above each table. "Random widths" are the same networks with every
weight tensor edited to random bit-widths of 0 to 8 in each output channel.

## To make this file again

The models are not part of this repository: `--models FOLDER` or `QCOMPILE_MODELS` says where they
are, `../shared/models` is tried otherwise. A run goes on where it was stopped.

    python -m benchmarks.references --cache references
    python -m benchmarks.compile_models --cache compiled.jsonl --seeds 2
    python -m benchmarks.compile_models --cache compiled.jsonl --hls
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed > speed.md
    python -m benchmarks.models --references references --compiled compiled.jsonl --speed speed.md
    python -m benchmarks.readme

## Read and simulated, against references

By `benchmarks.references`. The graph as read, before any pass, against what computes the model in
its own project.

{references}
## Compiled and run, against the graph as read

By `benchmarks.compile_models`. The emitted code, compiled for the host, on corner and random input
codes (as many as fit a time limit, at most 100), against the oracle on the graph as read, which
shares no code with the passes and the backends. "Distinct results" counts different outputs, so
that a network that always answers the same is seen; of the C, the layers before the outputs are
compared too, on a few vectors. The forms are those of the channels of all
requantizers; each is proved for every value that can arrive. Flash bytes are the code and constants
of the rv32imc objects at -O2, without start-up code and the C library. Seconds are wall time on two
shared cores.

{compiled}
## Speed

By `benchmarks.speed`, with one thread (`OMP_NUM_THREADS=1`, `OPENBLAS_NUM_THREADS=1`) on a shared
machine; CPU time is that of the process itself, without the RISC-V compiler that measures flash.

{speed}
## Out of scope

Not compiled, and rejected with an error:

{outside}
Not in the tables at all: DeepQuant's transformer pieces and floating-point models.
"""


def main() -> None:
    options = arguments()
    references = load_references(options.references)
    compiled = merged(options.compiled)
    text = TEXT.format(
        summary=summary(references, compiled),
        references=fragment(options.references),
        compiled=compile_models.tables(compiled),
        speed=options.speed.read_text().rstrip() + "\n",
        outside="".join(f"- {name}: {why}\n" for name, why in OUT_OF_SCOPE.items()),
    )
    options.output.write_text(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--references", type=Path, required=True, help="cache of references")
    parser.add_argument(
        "--compiled", type=Path, required=True, nargs="+", help="caches of compile_models"
    )
    parser.add_argument("--speed", type=Path, required=True, help="what speed printed")
    parser.add_argument("--output", type=Path, default=MODELS_MD)
    return parser.parse_args()


def merged(caches: list[Path]) -> list[Result]:
    """The results of all files, C before HLS, as exported before re-widthed, family by family."""
    found = {result.task: result for cache in caches for result in compile_models.load(cache)}
    return sorted(found.values(), key=place)


def place(result: Result) -> tuple[bool, bool, int, str, int]:
    task = result.task
    exported, seed = task.seed is None, task.seed or 0
    family = FAMILIES.index(task.family)
    return task.backend is Backend.HLS, not exported, family, task.model, seed


def summary(references: list[Row], compiled: list[Result]) -> str:
    """A table of the tables."""
    models = [row for row in references if row.family != "node"]
    nodes = [row for row in references if row.family == "node"]
    lines = [
        "| | networks | vectors | elements compared | result |",
        "|---|---|---|---|---|",
        reference_line("simulated, against references", models),
        reference_line("node tests of ONNX's quantized operators", nodes),
    ]
    for backend in Backend:
        for exported, widths in ((True, "as exported"), (False, "random widths")):
            found = [
                r
                for r in compiled
                if r.task.backend is backend and (r.task.seed is None) == exported
            ]
            if found:
                lines.append(compiled_line(f"compiled to {backend.value}, {widths}", found))
    return "\n".join(lines)


def reference_line(title: str, rows: list[Row]) -> str:
    ran = [row for row in rows if row.status is not Status.REJECTED]
    failed = sum(row.status in (Status.DIFFERS, Status.ERROR) for row in ran)
    cells = (
        title,
        len(ran),
        f"{sum(row.samples for row in ran):,}",
        f"{sum(row.elements for row in ran):,}",
        f"{differences(ran)}; {failed} failed; {len(rows) - len(ran)} out of scope",
    )
    return "| " + " | ".join(map(cell, cells)) + " |"


def differences(rows: list[Row]) -> str:
    """How many elements differ, and whether there is a reason for each."""
    differing = sum(row.differing for row in rows)
    unexplained = sum(row.unexplained for row in rows)
    if not differing:
        return "0 differ"
    why = f"{unexplained:,} of them unexplained" if unexplained else "each of them explained"
    return f"{differing:,} differ, {why}"


def compiled_line(title: str, results: list[Result]) -> str:
    ran = [r for r in results if not r.error]
    inner = sum(r.inner for r in ran)
    cells = (
        title,
        len(ran),
        f"{sum(r.vectors for r in ran):,}",
        f"{sum(r.elements for r in ran):,}" + (f" and {inner:,} of layers" if inner else ""),
        f"{sum(r.mismatches for r in ran):,} mismatches; {len(results) - len(ran)} failed",
    )
    return "| " + " | ".join(map(cell, cells)) + " |"


if __name__ == "__main__":
    main()
