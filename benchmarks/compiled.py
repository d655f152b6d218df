"""One model compiled and run: emitted C or HLS C++ against the oracle on the graph as read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from benchmarks.catalogue import Entry
from benchmarks.opening import note_of, opened
from qcompile.backends import build_hls, emit_for_c, emit_for_fpga
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.passes import lower
from qcompile.qtype import Ints
from qcompile.semantics.evaluate import evaluate
from qcompile.semantics.number import Number
from qcompile.simulate import chunk_size
from qcompile.source import Source
from qcompile.verify.host import HostLibrary
from qcompile.verify.oracle import link_codes, meant
from qcompile.verify.run import Project, Runner
from qcompile.verify.toolchain import riscv_sizes
from qcompile.verify.vectors import Codes, vectors

MOST_AT_ONCE = 16  # vectors between two looks at the clock
TRACED = range(4, 12)  # the vectors, after the corners, whose layers are compared one by one


class Backend(Enum):
    """What is emitted and run."""

    C = "C"
    HLS = "HLS"


@dataclass(frozen=True)
class Task:
    """A model, as exported (`seed` None) or re-widthed, for a backend."""

    family: str
    model: str
    backend: Backend
    seed: int | None

    @property
    def widths(self) -> str:
        return "as exported" if self.seed is None else f"random, seed {self.seed}"


@dataclass(frozen=True)
class Limits:
    """How much one task may run."""

    vectors: int
    seconds: float  # of running vectors; the first chunk always runs


@dataclass(frozen=True)
class Result:
    """A row of the table."""

    task: Task
    forms: dict[str, int]
    vectors: int = 0
    distinct: int = 0  # different results among those of the vectors
    elements: int = 0
    inner: int = 0  # elements of layers before the outputs that were compared as well
    mismatches: int = 0
    flash_bytes: int | None = None
    arena_bytes: int | None = None
    lower_seconds: float = 0
    compile_seconds: float = 0
    note: str = ""
    error: str = ""


def compiled(task: Task, folder: Path, limits: Limits) -> Result:
    """The row of one task; what goes wrong stands in it."""
    entry = Entry(task.family, task.model)
    try:
        return measured(task, opened(entry, folder, task.seed), limits, note_of(entry))
    except CompileError as error:
        return failed(task, f"{error.what} (at {error.place})".replace(f"{folder}/", ""))
    except Exception as error:  # a bug: it stands in the table
        return failed(task, f"{type(error).__name__}: {error}".replace(f"{folder}/", ""))


def failed(task: Task, why: str) -> Result:
    return Result(task, {}, error=why[:300])


def measured(task: Task, source: Source, limits: Limits, note: str) -> Result:
    """Lower, emit, compile, run, compare."""
    start = time.perf_counter()
    model = lower(source)
    lowered = time.perf_counter()
    forms = Counter[str]()
    for proof in model.proofs:
        forms.update(proof.forms)
    project = emitted(task.backend, model)
    flash, arena = sizes(project) if task.backend is Backend.C else (None, None)
    built = time.perf_counter()
    runner = runnable(task.backend, model, project)
    compiled_at = time.perf_counter()
    tally = run(source, model, runner, limits)
    if isinstance(runner, HostLibrary):
        tally = tally.with_layers(*layers(source, model, runner, limits))
    return Result(
        task,
        dict(forms),
        tally.vectors,
        tally.distinct,
        tally.elements,
        tally.inner,
        tally.mismatches,
        flash,
        arena,
        round(lowered - start, 2),
        round(compiled_at - built, 2),
        note,
    )


def emitted(backend: Backend, model: IntegerModel) -> Project:
    if backend is Backend.C:
        return emit_for_c(model, "net", {})
    return emit_for_fpga(model, "net", vectors(model, 1))


def sizes(project: Project) -> tuple[int | None, int]:
    """(flash bytes of the rv32imc objects if there is a compiler, bytes of the arena)."""
    found = riscv_sizes(project.files, project.plan.prefix)
    return (None if found is None else found.flash), project.plan.arena_bytes


def runnable(backend: Backend, model: IntegerModel, project: Project) -> Runner:
    if backend is Backend.C:
        return HostLibrary(project.plan, project.files)
    return build_hls(model, project)


@dataclass(frozen=True)
class Tally:
    vectors: int
    distinct: int
    elements: int
    mismatches: int
    inner: int = 0

    def with_layers(self, elements: int, wrong: int) -> Tally:
        """With what was compared of the layers before the outputs."""
        return replace(self, inner=elements, mismatches=self.mismatches + wrong)


def run(source: Source, model: IntegerModel, runner: Runner, limits: Limits) -> Tally:
    """Corners first, then random vectors, until there are enough or the time is over."""
    given = vectors(model, limits.vectors)
    end = time.perf_counter() + limits.seconds
    done = elements = wrong = 0
    results: set[bytes] = set()
    for part in parts(limits.vectors, min(chunk_size(source), MOST_AT_ONCE)):
        chunk = {name: codes[part] for name, codes in given.items()}
        expected, found = truth(source, model, chunk), runner.run(chunk)
        results |= distinct(found)
        for port in model.outputs:
            own, other = np.broadcast_arrays(expected[port.name], found[port.name])
            elements += own.size
            wrong += int(np.count_nonzero(own != other))
        done = part.stop
        if time.perf_counter() > end:
            break
    return Tally(done, len(results), elements, wrong)


def layers(
    source: Source, model: IntegerModel, runner: HostLibrary, limits: Limits
) -> tuple[int, int]:
    """(elements, mismatches) of every layer whose codes have a meaning, on a few random vectors.

    Outputs of some networks are all alike whatever comes in; their layers are not.
    """
    links = meant(source, model)
    wanted = {link.real for link in links}
    given = vectors(model, TRACED.stop)
    end = time.perf_counter() + limits.seconds / 2
    elements = wrong = 0
    for i in range(TRACED.start, TRACED.stop):
        codes = {name: c[i : i + 1] for name, c in given.items()}
        values = oracle(source, model, codes, wanted)
        found = runner.trace(codes)
        for link in links:
            if link.node in found:
                pair = np.broadcast_arrays(link_codes(link, values[link.real]), found[link.node])
                elements += pair[0].size
                wrong += int(np.count_nonzero(pair[0] != pair[1]))
        if time.perf_counter() > end:
            break
    return elements, wrong


def distinct(outputs: Codes) -> set[bytes]:
    """What each sample's outputs are, to be counted."""
    return {b"".join(sample) for sample in zip(*map(rows, outputs.values()), strict=True)}


def rows(x: Ints) -> list[bytes]:
    return [sample.tobytes() for sample in x]


def parts(count: int, most: int) -> Iterator[slice]:
    """Slices of growing size, so that slow networks stop early."""
    start, size = 0, 1
    while start < count:
        stop = min(start + size, count)
        yield slice(start, stop)
        start, size = stop, min(2 * size, most)


def truth(source: Source, model: IntegerModel, codes: Codes) -> dict[str, Ints]:
    """The output codes by port name, [samples, *stored], as the graph as read says."""
    values = oracle(source, model, codes, {port.real for port in model.outputs})
    return {port.name: link_codes(port, values[port.real]) for port in model.outputs}


def oracle(
    source: Source, model: IntegerModel, codes: Codes, wanted: set[str]
) -> dict[str, Number]:
    """The values of nodes of the graph as read, for input codes by port name."""
    numbers = [(port, port.number(codes[port.name])) for port in model.inputs]
    feeds = {port.name: n for port, n in numbers} | {port.real: n for port, n in numbers}
    return evaluate(source.graph, feeds, wanted.__contains__)
