"""Single steps of emitted C, many in one program: run, compared bit by bit, counted on the RTL.

A trial is an op, perhaps with the requantizer that is fused into it, on one sample of codes. All
trials of a program lie in the same memory, one after the other, with guard bytes between them.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from qcompile.emit.c import c_environment, numbers
from qcompile.ops import Requant
from qcompile.ops.base import IntegerOp
from qcompile.plan.c_drafts import ACCUMULATING, BUILDERS, Draft
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_plan import Step
from qcompile.plan.c_requant import Finish, requantize, store
from qcompile.plan.c_storage import Place, Region
from qcompile.plan.c_types import CType, Kernel, accumulator, container
from qcompile.qtype import Ints, QType
from qcompile.resources import folder
from qcompile.rtl import Interval, Isa, compile_firmware, run
from qcompile.verify.toolchain import host_compiler

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")
GUARD = 0xA5  # bytes that no step may touch
GAP = 16
Build = Callable[[IntegerOp, Site], Code | None]


@dataclass(frozen=True, eq=False)
class Trial:
    """One step: codes of each input, and where they lie.

    `over` is the input whose memory the result takes, if any; `skew` moves every tensor by so
    many bytes from the alignment of its elements to 4.
    """

    name: str
    op: IntegerOp
    requant: Requant | None
    types: tuple[QType, ...]
    codes: tuple[Ints, ...]
    over: int | None = None
    skew: int = 0

    @property
    def raw(self) -> QType:
        return self.op.result(*self.types)

    @property
    def output(self) -> QType:
        return self.requant.result(self.raw) if self.requant else self.raw

    @property
    def wanted(self) -> Ints:
        """What the ops themselves say."""
        made = self.op.run(*(c[np.newaxis] for c in self.codes))
        return (self.requant.run(made) if self.requant else made)[0]


@dataclass(frozen=True)
class Span:
    """Bytes of the program's memory that hold a tensor."""

    start: int
    type: CType
    size: int

    @property
    def stop(self) -> int:
        return self.start + self.size * self.type.bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; `interval` is None on the host."""

    trial: Trial
    made: Ints
    wanted: Ints
    touched: int  # guard bytes that changed
    interval: Interval | None

    @property
    def right(self) -> bool:
        return not self.touched and np.array_equal(self.made, self.wanted)


def connected(build: Build) -> Callable[[int, Trial], Step]:
    """Steps made by `build`, or by the builders of the C backend where it makes none."""
    return lambda index, trial: _step(index, trial, build)


def _step(index: int, trial: Trial, build: Build) -> Step:
    kind = accumulator(trial.op.reach(*trial.types))
    name = f"t{index}"
    alone = isinstance(trial.op, Requant)
    requant, sums = (trial.op, trial.types[0]) if alone else (trial.requant, trial.raw)
    finish = _finish(name, trial, kind)
    site = Site(name, trial.types, trial.output, finish, kind, requant, sums)
    code = build(trial.op, site) or BUILDERS[type(trial.op)](trial.op, site)
    template = code.template or type(trial.op).__module__.rsplit(".", 1)[-1]
    used = finish if code.finishes else None
    draft = Draft(name, trial.name, template, name, (), code, used)
    places = tuple(Place(Region.INPUT, container(t), f"x{i}") for i, t in enumerate(trial.types))
    output = Place(Region.OUTPUT, container(trial.output), "y")
    scratch = Place(Region.ARENA, CType(8, False)) if code.scratch else None
    return Step(index, draft, places, output, scratch, trial.output.size)


def _finish(name: str, trial: Trial, kind: CType) -> Finish | None:
    result = container(trial.output)
    if not isinstance(trial.op, ACCUMULATING):
        return None
    if isinstance(trial.op, Requant):
        return requantize(name, trial.op, trial.types[0], trial.output, kind, result)
    if trial.requant is None:
        return store(kind, result)
    return requantize(name, trial.requant, trial.raw, trial.output, kind, result)


class Program:
    """All trials in one translation unit."""

    def __init__(self, trials: Sequence[Trial], make: Callable[[int, Trial], Step]) -> None:
        self.trials = trials
        self.steps = [make(i, t) for i, t in enumerate(trials)]
        self.spans: list[tuple[list[Span], Span]] = []
        self.memory = self._placed()

    def _placed(self) -> np.ndarray:
        at, parts = GAP, []
        for trial in self.trials:
            inputs = []
            for kind, codes in zip(trial.types, trial.codes, strict=True):
                span = Span(at + trial.skew, container(kind), kind.size)
                parts.append((span.start, codes.astype(span.type.dtype).tobytes()))
                inputs.append(span)
                at = _after(span)
            out = Span(at + trial.skew, container(trial.output), trial.output.size)
            if trial.over is not None:
                out = Span(inputs[trial.over].start, out.type, out.size)
            at = max(at, _after(out))
            self.spans.append((inputs, out))
        memory = np.full(at, GUARD, np.uint8)
        for start, content in parts:
            memory[start : start + len(content)] = np.frombuffer(content, np.uint8)
        return memory

    @property
    def scratch(self) -> int:
        return max((s.draft.code.scratch for s in self.steps), default=0)

    def source(self) -> str:
        """Kernels, constants and one function a trial; then `run_all(memory, scratch)`."""
        templates = c_environment()
        kernels = _merged(
            k for s in self.steps for k in (*_finishing(s.draft.finish), *s.draft.code.kernels)
        )
        context = {"plan": SimpleNamespace(kernels=kernels), "name": "steps"}
        head = templates.get_template("project/kernels.h.j2").render(context)
        parts = [head, "#ifndef MARK\n#define MARK(id)\n#endif\n"]
        for step in self.steps:
            for a in step.arrays:
                parts.append(f"static const {a.type.name} {a.name}[] = {{\n{numbers(a)}\n}};\n")
            body = templates.get_template(f"ops/{step.draft.template}.c.j2").render(
                step=step, d=step.details, upper="STEPS"
            )
            arguments = ", ".join(step.parameters)
            parts.append(
                f"static __attribute__((noinline)) void step_{step.name}({arguments})\n"
                f"{{\n{body}}}\n"
            )
        return "\n".join([*parts, self._calls()])

    def _calls(self) -> str:
        lines = ["static void run_all(unsigned char *memory, void *scratch)", "{"]
        lines.append("    (void)scratch;")
        lines.append('    __asm__ volatile("" : "+r"(memory)); /* no address is known */')
        for i, (step, (inputs, out)) in enumerate(zip(self.steps, self.spans, strict=True)):
            arguments = [
                f"(const {s.type.name} *)(const void *)(memory + {s.start})" for s in inputs
            ]
            arguments += ["scratch"] if step.scratch else []
            arguments.append(f"({out.type.name} *)(void *)(memory + {out.start})")
            lines += [
                f"    MARK({2 * i});",
                f"    step_{step.name}({', '.join(arguments)});",
                f"    MARK({2 * i + 1});",
            ]
        return "\n".join([*lines, "}", ""])

    def judged(self, after: bytes, intervals: Sequence[Interval] = ()) -> list[Outcome]:
        """Every trial's result out of the memory after the run."""
        memory = np.frombuffer(after, np.uint8)
        changed = memory != self.memory
        for _, out in self.spans:
            changed[out.start : out.stop] = False
        counted = {i.id: i for i in intervals}
        found = []
        for i, (trial, (inputs, out)) in enumerate(zip(self.trials, self.spans, strict=True)):
            made = np.frombuffer(after[out.start : out.stop], out.type.dtype).astype(np.int64)
            first = min(s.start for s in (*inputs, out)) - GAP // 2
            last = max(s.stop for s in (*inputs, out)) + GAP // 2
            found.append(
                Outcome(
                    trial,
                    made.reshape(trial.output.shape),
                    trial.wanted,
                    int(changed[first:last].sum()),
                    counted.get(2 * i),
                )
            )
        return found

    def on_rtl(self, isa: Isa) -> list[Outcome]:
        """Run as firmware."""
        size = len(self.memory)
        main = (
            '#include "qc_system.h"\n#define MARK(id) QC_MARK(id)\n'
            f"{self.source()}\n"
            f"static uint32_t scratch[{self.scratch // 4 + 1}];\n"
            "int main(void)\n{\n"
            "    run_all((unsigned char *)0x20000000u, scratch);\n    return 0;\n}\n"
        )
        with tempfile.TemporaryDirectory(prefix="qcompile-steps-") as home:
            place = Path(home) / "steps.c"
            place.write_text(main)
            include = [folder("templates") / "c"]
            firmware = compile_firmware([place], isa, include=include, flags=WARNINGS)
        done = run(firmware, self.memory.tobytes(), output=(0, size))
        assert done.exit_code == 0
        return self.judged(done.output, done.intervals)

    def on_host(self) -> list[Outcome]:
        """Run on this machine, with sanitizers; each tensor in an allocation of its own size."""
        with tempfile.TemporaryDirectory(prefix="qcompile-steps-") as home:
            (Path(home) / "steps.c").write_text(self._host_source())
            include = f"-I{folder('templates') / 'c'}"
            command = [*host_compiler(), *WARNINGS, *SANITIZERS, "-O1", include, "steps.c", "-o"]
            subprocess.run([*command, "steps"], cwd=home, check=True)
            done = subprocess.run(
                [Path(home) / "steps"],
                input=self.memory.tobytes(),
                capture_output=True,
                check=False,
            )
        assert done.returncode == 0, done.stderr.decode()
        return self.judged(done.stdout)

    def _host_source(self) -> str:
        lines = ["#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>"]
        lines += [self.source().split("static void run_all")[0]]
        lines += [f"static unsigned char memory[{len(self.memory)}];"]
        for i, (step, (inputs, out)) in enumerate(zip(self.steps, self.spans, strict=True)):
            lines += _alone(i, step, inputs, out, self.trials[i])
        calls = [f"    alone_{i}();" for i in range(len(self.steps))]
        lines += ["int main(void)", "{"]
        lines += ["    if (fread(memory, 1, sizeof memory, stdin) != sizeof memory)"]
        lines += ["        return 2;", *calls]
        lines += ["    fwrite(memory, 1, sizeof memory, stdout);", "    return 0;", "}", ""]
        return "\n".join(lines)


def _alone(index: int, step: Step, inputs: list[Span], out: Span, trial: Trial) -> list[str]:
    """A function that runs one step on allocations of exactly its tensors' sizes."""
    lines = [f"static void alone_{index}(void)", "{"]
    skew = trial.skew
    for i, s in enumerate(inputs):
        size = s.stop - s.start
        lines.append(f"    unsigned char *x{i} = (unsigned char *)malloc({size + skew});")
        lines.append(f"    memcpy(x{i} + {skew}, memory + {s.start}, {size});")
    size = out.stop - out.start
    own = trial.over is None
    target = f"(unsigned char *)malloc({size + skew})" if own else f"x{trial.over}"
    lines.append(f"    unsigned char *y = {target};")
    scratch = step.draft.code.scratch
    if step.scratch:
        lines.append(f"    void *scratch = malloc({scratch});")
    arguments = [
        f"(const {s.type.name} *)(const void *)(x{i} + {skew})" for i, s in enumerate(inputs)
    ]
    arguments += ["scratch"] if step.scratch else []
    arguments.append(f"({out.type.name} *)(void *)(y + {skew})")
    lines.append(f"    step_{step.name}({', '.join(arguments)});")
    lines.append(f"    memcpy(memory + {out.start}, y + {skew}, {size});")
    freed = [f"x{i}" for i in range(len(inputs))]
    freed += ["y"] if own else []
    freed += ["scratch"] if step.scratch else []
    return [*lines, *(f"    free({name});" for name in freed), "}"]


def _after(span: Span) -> int:
    return -(-(span.stop + GAP) // 8) * 8


def _finishing(finish: Finish | None) -> tuple[Kernel, ...]:
    return (finish.kernel,) if finish else ()


def _merged(kernels: Iterable[Kernel]) -> tuple[Kernel, ...]:
    """Each once, in the order of first need; a requantizer knows the forms of all its users."""
    found: dict[str, Kernel] = {}
    for k in kernels:
        forms = k.forms | (found[k.function].forms if k.function in found else 0)
        found[k.function] = Kernel(k.name, k.types, k.macros, int(forms))
    return tuple(found.values())
