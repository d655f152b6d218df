"""Compile: the straight line from a file to a folder of proved code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qcompile import __version__
from qcompile.backends import BACKENDS, STORED_VECTORS, Wishes
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.output import REPORT, check_destination, manifest, write_files, write_tree
from qcompile.passes import lower
from qcompile.passes.graph_layout import graph_layout as in_graph_order
from qcompile.plan.bands import Wish
from qcompile.plan.rate import RateWish
from qcompile.progress import QUIET, Progress
from qcompile.qtype import Ints
from qcompile.read import read
from qcompile.report.certificate import certificate
from qcompile.report.certificate import dump as json_text
from qcompile.report.document import check_limits, document, joined, target_row, tools
from qcompile.report.measured import Measured
from qcompile.semantics.evaluate import constants, evaluate
from qcompile.simulate import chunk_size, chunks, feed, prepared, stacked
from qcompile.source import Semantics, Source
from qcompile.target import Family, Target, load
from qcompile.verify.oracle import link_codes
from qcompile.verify.run import Effort, Level, Missing, Project, Runner, verify
from qcompile.verify.vectors import SEED, Codes, vectors

Table = dict[str, Any]
Arrays = Mapping[str, ArrayLike] | ArrayLike


@dataclass(frozen=True, eq=False)
class Build:
    """What a compile made."""

    source: Source
    model: IntegerModel
    target: Target
    project: Project
    report: Table
    folder: Path

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.int64]]:
        """The outputs of the compiled code as codes, in ONNX's order of axes.

        `inputs` are as for `simulate`; so are the batches. The code is compiled for this machine
        on the first call. For an FPGA it is the HLS C++ that runs.
        """
        codes = input_codes(self.source, self.model, inputs)
        found = self._runner.run(codes)
        return {p.name: stacked(p.restored(found[p.name])) for p in self.model.outputs}

    @cached_property
    def _runner(self) -> Runner:
        bench = BACKENDS[self.target.family].benches(self.target, 0)[0]
        try:
            return bench.build(self.model, self.project)
        except Missing as missing:
            raise CompileError(f"the code cannot be run: {missing}", help=str(missing)) from None


def compile(
    path: str | Path,
    target: str = "riscv",
    *,
    output: str | Path = "",
    name: str = "",
    semantics: str | Semantics | None = None,
    grids: Mapping[str, str] | None = None,
    inputs: Arrays | None = None,
    verify: str = "usual",
    flash: int | None = None,
    ram: int | None = None,
    bands: str = "auto",
    fps: float | None = None,
    clock: float | None = None,
    folding: str | Path = "",
    measure: bool = False,
    graph_layout: bool = False,
    flash_wait: int = 0,
    dump: str | Path = "",
    progress: Progress = QUIET,
) -> Build:
    """Compile the ONNX file `path` for `target` into the folder `output`.

    Raises CompileError for what the user can mend, and then writes nothing. `grids` declares
    inputs that no quantizer reads, by name, as `--input` does; `inputs` are samples to verify
    with, and `verify` says how much: "no", "usual" or "full"; `name` is the prefix of emitted
    names; `bands` is "auto", "no", "least" or a number, see `--bands`; `fps` are the inferences a
    second that an FPGA is to reach, `clock` its MHz, `folding` a file with folds of some layers,
    and `measure` maps the design with Yosys; `graph_layout` keeps inputs and outputs in the order
    of the graph's axes; `flash_wait` asks for the cycles with so many wait states of flash as well;
    `dump` is a folder for the graph of each stage.
    """
    folder = Path(output) if output else Path(f"{Path(path).stem}-{Path(str(target)).stem}")
    check_destination(folder)
    settings = Settings(
        load(target).limited(flash, ram).clocked(clock),
        name,
        chosen(semantics),
        grids or {},
        Effort(verify),
        graph_layout,
        flash_wait,
        Wishes(Wish.of(bands), RateWish.of(fps, folding)),
        measure,
    )
    progress.step("reading")
    source = read(path, semantics=settings.semantics, inputs=dict(settings.grids))
    given = prepared(source, inputs) if inputs is not None else None
    progress.step("integers")
    model = integers(source, settings)
    if dump:
        write_files(Path(dump), graphs(source, model))
    codes = quantized(source, model, given) if given is not None else None
    build, files = built(source, model, settings, codes, folder, progress)
    progress.step("writing")
    write_tree(folder, files)
    return build


@dataclass(frozen=True)
class Settings:
    """What decides an output, besides the model and the vectors."""

    target: Target
    name: str
    semantics: Semantics | None
    grids: Mapping[str, str]
    effort: Effort
    graph_layout: bool
    flash_wait: int = 0
    wishes: Wishes = field(default_factory=Wishes)
    measure: bool = False

    def command(self, source: Source) -> str:
        """The command for the report, without the places of this machine."""
        limits = self.target.limits
        words: dict[str, object] = {
            "--target": self.target.name,
            "--semantics": source.semantics.value,
            "--name": self.name,
            "--flash": limits.flash_bytes,
            "--ram": limits.ram_bytes,
            "--bands": None if self.wishes.bands == Wish() else self.wishes.bands.text,
            "--fps": self.wishes.rate.fps,
            "--folding": "FILE" if self.wishes.rate.folds else None,
            "--io-layout": "graph" if self.graph_layout else None,
            "--flash-wait": self.flash_wait,
            "--verify": self.effort.value,
        }
        spelled = [f"{key} {value}" for key, value in words.items() if value]
        spelled += ["--measure"] if self.measure else []
        spelled += [f"--input {name}={grid}" for name, grid in self.grids.items()]
        return " ".join(["qcompile", source.name, *spelled])


def built(
    source: Source,
    model: IntegerModel,
    settings: Settings,
    codes: Codes | None,
    folder: Path,
    progress: Progress,
) -> tuple[Build, dict[str, str]]:
    """Emitted, verified and reported: what goes into the folder, by path."""
    backend = BACKENDS[settings.target.family]
    progress.step("emitting")
    stored = vectors(model, STORED_VECTORS, codes)
    name = settings.name or source.name
    project = backend.emit(model, name, stored, settings.target, settings.wishes)
    found = backend.measure(project)
    if settings.measure:
        progress.step("measuring")
        found |= backend.measure_cells(project, settings.target)
    check_limits(found, settings.target)
    benches = backend.benches(settings.target, settings.flash_wait)
    levels = verify(source, model, project, benches, settings.effort, codes, progress)
    found |= backend.measure_run(project, settings.target, levels)
    report = reported(source, model, settings, found, levels)
    files = project.files | {"certificate.json": certificate(source, model, __version__)}
    report["files"] = manifest(files)
    files[REPORT] = json_text(report)
    return Build(source, model, settings.target, project, report, folder), files


def graphs(source: Source, model: IntegerModel) -> dict[str, str]:
    """The graphs of the stages, as text."""
    return {"read.txt": f"{source.graph}\n", "integer.txt": f"{model.graph}\n"}


def integers(source: Source, settings: Settings) -> IntegerModel:
    """The integer model with its ports in the order that is asked for."""
    model = lower(source)
    if not settings.graph_layout:
        return model
    if settings.target.family is not Family.RISCV:
        raise CompileError(
            "an FPGA takes its tensors channels last", at="--io-layout", help="leave it out"
        )
    return in_graph_order(model)


def chosen(semantics: str | Semantics | None) -> Semantics | None:
    """Raises CompileError for a word that names none."""
    if semantics is None or isinstance(semantics, Semantics):
        return semantics
    try:
        return Semantics(semantics)
    except ValueError:
        raise CompileError(
            f"there are no semantics {semantics!r}", at="--semantics", help="exact or ort"
        ) from None


def reported(
    source: Source,
    model: IntegerModel,
    settings: Settings,
    found: Measured,
    levels: tuple[Level, ...],
) -> Table:
    """report.json, but for the list of files."""
    target = settings.target
    count = max((level.vectors for level in levels), default=0)
    return joined(document(source, model, __version__), found) | {
        "target": target_row(target),
        "tools": tools(target, settings.command(source), found.versions, SEED),
        "verify": {"vectors": count, "levels": {level.name: level.row() for level in levels}},
    }


def input_codes(source: Source, model: IntegerModel, inputs: Arrays) -> Codes:
    """The codes [N, *stored] that the user's arrays are to the emitted code."""
    return quantized(source, model, prepared(source, inputs))


def quantized(
    source: Source, model: IntegerModel, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, Ints]:
    """Arrays [N, *declared] as codes: a declared grid's, or those of the first quantizer."""
    keep = {port.real for port in model.inputs}
    parts: dict[str, list[Ints]] = {port.name: [] for port in model.inputs}
    samples = len(next(iter(arrays.values()))) if arrays else 0
    fixed = constants(source.graph)
    for part in chunks(samples, chunk_size(source)):
        feeds = fixed | {
            name: feed(source.graph[name], array[part]) for name, array in arrays.items()
        }
        values = evaluate(source.graph, feeds, keep.__contains__)
        for port in model.inputs:
            parts[port.name].append(link_codes(port, values[port.real]))
    return {name: np.concatenate(found) for name, found in parts.items()}
