"""Networks on the core's RTL: one vector, compared bit by bit and counted layer by layer."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.riscv_figures import CACHE, Figures, Kind, Layer, Sizes, fingerprint, load, save
from benchmarks.riscv_kept import Kept
from benchmarks.riscv_subjects import Subject
from qcompile.backends import emit_for_c
from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.ops import Add, Conv, Dense, MaxPool, Requant, RoundedSumPool, SumPool
from qcompile.passes import lower
from qcompile.passes.uniform_form import Limits, Machine, UniformForm, uniform_form
from qcompile.plan.c_plan import CPlan, Step
from qcompile.plan.c_storage import Place, Region
from qcompile.plan.layers import Layer as Fused
from qcompile.plan.layers import layers
from qcompile.progress import QUIET
from qcompile.qtype import QType
from qcompile.rtl import Isa
from qcompile.verify.counts import Counts
from qcompile.verify.oracle import compare
from qcompile.verify.rtl_bench import FirmwareBench, ordered
from qcompile.verify.run import Missing, Project, mismatch
from qcompile.verify.toolchain import riscv_sizes

Flags = NDArray[np.bool_]

RUN_BYTES = 28  # of a qc_run
CODING = ("_widths", "_step", "_base")  # ends of the names of tables that say how rows are coded
COST = {Machine.UNIT: 1, Machine.WORD: 3, Machine.SPLIT: 5}  # instructions a result
LONG = 8  # shift, upper half of a product, rounding, clip; `mulh` takes 5 cycles


class Bench:
    """Measures what its file does not have; `keep` takes figures of other code as well.

    `others` keeps tables that are not figures of a network as it is.
    """

    def __init__(self, path: Path, keep: bool) -> None:
        self.path, self.keep = path, keep
        self.others = Kept.load(path.with_name(f"{path.stem}_others.jsonl"), keep)
        self._found = load(path)
        self._opened: tuple[str, IntegerModel] | None = None

    def figures(self, subject: Subject, isa: Isa) -> Figures:
        old = self._found.get((subject.name, isa))
        if old is not None and (self.keep or old.code == fingerprint()):
            return old
        print(f"{subject.name} on {isa.value}", file=sys.stderr, flush=True)
        found = self._measured(subject, isa)
        save(self.path, found)
        self._found[(subject.name, isa)] = found
        return found

    def _measured(self, subject: Subject, isa: Isa) -> Figures:
        """What goes wrong stands in the figures."""
        try:
            return measured(self.model(subject), subject.name, isa)
        except (CompileError, Missing) as error:
            why = str(error)
        except Exception as error:  # a bug: it stands in the tables
            why = f"{type(error).__name__}: {error}"
        return Figures(subject.name, isa, fingerprint(), error=" ".join(why.split())[:300])

    def model(self, subject: Subject) -> IntegerModel:
        """Compared with the graph as read; the last one stays, for the other instruction sets."""
        if self._opened is None or self._opened[0] != subject.name:
            source = subject.open()
            model = lower(source)
            found = compare(source, model, ordered(model, 1, None), QUIET)
            if found is not None:
                raise mismatch("the integer graph", "the graph as read", found)
            self._opened = subject.name, model
        return self._opened[1]


def arguments(parser: ArgumentParser, given: list[str]) -> tuple[Namespace, Bench]:
    """The options that all these scripts have, and the bench that they say."""
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--cache", type=Path, default=CACHE / "riscv.jsonl", help="JSON lines")
    parser.add_argument("--keep", action="store_true", help="figures of other code are welcome")
    options = parser.parse_args(given)
    return options, Bench(options.cache, options.keep)


def measured(model: IntegerModel, name: str, isa: Isa) -> Figures:
    """Raises CompileError where a bit differs, and Missing without the packages."""
    project = emit_for_c(model, "net", {}, isa)
    bench = FirmwareBench(isa, lambda _: project)
    counts = bench.measure(model, project, None)
    plan = project.plan
    fused = {layer.last.name: layer for layer in layers(plan.model.graph)}
    rows = tuple(
        layer_of(plan.model, fused[step.draft.node], step, c, isa)
        for step, c in zip(plan.steps, counts.steps, strict=True)
    )
    found = sizes_of(project, isa, counts.stack_bytes)
    return Figures(name, isa, fingerprint(), rows, found, plan.storage.claim)


def layer_of(model: IntegerModel, fused: Fused, step: Step, counts: Counts, isa: Isa) -> Layer:
    """The row of a step."""
    op, output = fused.main.op, fused.output
    types = [model.graph[name].type for name in fused.inputs]
    sources = [t for t in types if isinstance(t, QType)]
    copied = step.draft.template == "copy"
    taps, widths = 0, Counter[int]()
    if isinstance(op, Conv | Dense) and not copied:
        taps, widths = int(op.weight[0].size), Counter(op.weight_bits)
    return Layer(
        "copy" if copied else title(op, sources, output),
        Kind.OTHER if copied else kind(op),
        output.size * taps,
        output.size // output.channels,
        output.channels,
        taps,
        sum(t.size for t in sources),
        max((t.bits for t in sources), default=0),
        dict(sorted(widths.items())),
        requantizing(fused, isa),
        counts.cycles,
        counts.instructions,
        counts.loads,
        counts.stores,
        getattr(step.draft.code, "cycles_model", None),
    )


def kind(op: Any) -> Kind:
    match op:
        case Conv():
            return Kind.PRODUCT if op.groups == 1 else Kind.DEPTHWISE
        case Dense():
            return Kind.PRODUCT
        case Add():
            return Kind.ADD
        case SumPool() | RoundedSumPool() | MaxPool():
            return Kind.POOL
    return Kind.OTHER


def title(op: Any, sources: list[QType], output: QType) -> str:
    """Such as `conv 3x3 16->32, 16x16`."""
    place = "x".join(map(str, output.shape[1:-1]))
    place = f", {place}" if place else ""
    match op:
        case Conv():
            name = "depthwise" if op.groups > 1 else "conv"
            name = "pointwise" if op.groups == 1 and op.kernel == (1, 1) else name
            size = "" if name == "pointwise" else f" {op.kernel[0]}x{op.kernel[1]}"
            return f"{name}{size} {sources[0].channels}->{output.channels}{place}"
        case Dense():
            return f"dense {sources[0].channels}->{output.channels}"
    return f"{op.title} {output.channels}{place}"


def requantizing(fused: Fused, isa: Isa) -> int:
    """Instructions a result takes in the cheapest form that serves all channels."""
    if fused.requant is None:
        return 0
    op = fused.requant.op
    assert isinstance(op, Requant)
    machines = (Machine.UNIT,) if isa is Isa.MPIC_Q else ()
    form = uniform_form(op, fused.accumulator, *machines, Machine.WORD, Machine.SPLIT)
    return LONG if form is None else instructions(form)


def instructions(form: UniformForm) -> int:
    """Two more for limits that no clip instruction has, one for a clamped sum."""
    more = (form.bound is not None) + (1 if isinstance(form.clip, Limits) else 0)
    return COST[form.machine] + more


def sizes_of(project: Project, isa: Isa, stack: int) -> Sizes:
    """Flash and RAM of the project's own code and constants."""
    plan: CPlan = project.plan
    sections = riscv_sizes(project.files, plan.prefix, isa)
    if sections is None:
        raise Missing("install qcompile[sim]")
    graph, arrays = plan.model.graph, sum(a.bytes for a in plan.arrays)
    ops = [node.op for node in graph if isinstance(node.op, Conv | Dense)]
    bits = sum(int(op.weight[0].size) * sum(op.weight_bits) for op in ops)
    stored = sum(s.weight_bytes for s in plan.steps)
    runs = sum(a.bytes for a in plan.arrays if a.name.endswith(CODING))
    tables = sum(run_tables(s.details) for s in plan.steps)
    return Sizes(
        flash=sections.flash,
        code=sections.text,
        weights=-(-bits // 8),
        stored=stored,
        runs=runs + tables,
        descriptors=sections.flash - sections.text - arrays - tables,
        parameters=arrays - stored - runs,
        arena=plan.memory.size,
        arena_bound=plan.memory.lower_bound,
        values=plan.storage.values.size,
        values_bound=plan.storage.values.lower_bound,
        ports=sum(p.qtype.size * p.type.bytes for p in (*plan.inputs, *plan.outputs)),
        living=living(plan),
        stack=stack,
    )


def run_tables(details: Any) -> int:
    """Bytes of the tables of runs that the code of a layer has."""
    return RUN_BYTES * sum(len(p.runs) for p in getattr(details, "passes", ()))


def living(plan: CPlan) -> int:
    """The most bytes of activations in use at one step, inputs and outputs counted as well.

    A byte is in use from the step that writes it to the last that reads it; those of an input from
    the start, those of an output to the end.
    """
    used = {(Region.ARENA, ""): np.zeros(plan.memory.size, bool)}
    for region, ports in ((Region.INPUT, plan.inputs), (Region.OUTPUT, plan.outputs)):
        for port in ports:
            size = port.qtype.size * port.type.bytes
            used[region, port.name] = np.full(size, region is Region.OUTPUT)
    peak = 0
    for step in reversed(plan.steps):
        sizes = [
            bytes_at(plan, *pair) for pair in zip(step.draft.sources, step.inputs, strict=True)
        ]
        taken = [(step.output, step.bytes), *zip(step.inputs, sizes, strict=True)]
        for place, size in taken:
            mark(used, place, size, True)
        peak = max(peak, sum(int(region.sum()) for region in used.values()))
        mark(used, step.output, step.bytes, False)
        for place, size in taken[1:]:
            mark(used, place, size, True)
    return peak


def bytes_at(plan: CPlan, name: str, place: Place) -> int:
    """Of a value that lies there."""
    kind = plan.model.graph[name].type
    assert isinstance(kind, QType)
    return kind.size * place.bits // 8


def mark(used: dict[tuple[Region, str], Flags], place: Place, size: int, value: bool) -> None:
    """Constants are in no memory that counts."""
    region = used.get((place.region, "" if place.region is Region.ARENA else place.name))
    if region is not None:
        region[place.offset : place.offset + size] = value
