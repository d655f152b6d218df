"""Builds many emitted C projects into one sanitized program, and runs them by name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from builder import Case
from qcompile.emit.c import emit_plan
from qcompile.plan.c_plan import CPlan, plan_c
from qcompile.qtype import Ints
from qcompile.verify.host import host_source, pack, structure
from qcompile.verify.toolchain import host_compiler, write_files

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=undefined,address", "-fno-sanitize-recover=all")

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE(name) int name##_host(const void *, void *, size_t, unsigned char *);
#include "cases.inc"
#undef CASE

typedef int run(const void *, void *, size_t, unsigned char *);
static const struct { const char *name; run *host; } table[] = {
#define CASE(name) {#name, name##_host},
#include "cases.inc"
};

/* NAME SAMPLES INPUT OUTPUT TRACE: runs the case on stdin; sizes are bytes of one sample. */
int main(int argc, char **argv)
{
    size_t n = (size_t)atol(argv[2]), in = (size_t)atol(argv[3]), out = (size_t)atol(argv[4]);
    size_t trace = (size_t)atol(argv[5]);
    void *given = malloc(n * in);
    unsigned char *made = malloc(n * (out + trace));
    if (argc != 6 || fread(given, in, n, stdin) != n)
        return 2;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, argv[1]) == 0 && table[i].host(given, made, n, made + n * out))
            return 3;
    fwrite(made, out + trace, n, stdout);
    free(given);
    free(made);
    return 0;
}
"""


class Runner:
    """One program for many cases, with the address and undefined-behaviour sanitizers in it."""

    def __init__(self, folder: Path, cases: Iterable[Case]) -> None:
        self.folder = folder
        self.plans: dict[str, CPlan] = {}
        for case in cases:
            self.plans[case.name] = plan = plan_c(case.model, case.name)
            files = {**emit_plan(plan, case.inputs), "host.c": host_source(plan)}
            write_files(folder / case.name, files)
        names = "".join(f"CASE({name})\n" for name in self.plans)
        write_files(folder, {"main.c": MAIN, "cases.inc": names})
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            objects = [o for made in pool.map(self._objects, self.plans) for o in made]
        main = ["-std=c99", "main.c", *objects, "-o", "cases"]
        compile_c([*host_compiler(), *SANITIZERS, *main], folder)

    def _objects(self, name: str) -> list[str]:
        sources = (f"{name}.c", f"{name}_weights.c", "host.c")
        flags = [*WARNINGS, *SANITIZERS, "-O1", f"-D{name.upper()}_TRACE"]
        compile_c([*host_compiler(), *flags, "-c", *sources], self.folder / name)
        return [f"{name}/{Path(s).stem}.o" for s in sources]

    def run(self, case: Case) -> tuple[dict[str, Ints], dict[str, Ints]]:
        """Outputs by port name, and the values of all steps by node name."""
        plan = self.plans[case.name]
        samples = len(next(iter(case.inputs.values())))
        given = pack(plan.inputs, structure(plan.inputs), case.inputs)
        kind = structure(plan.outputs)
        traced = sum(s.bytes for s in plan.steps)
        numbers = (samples, given.dtype.itemsize, kind.itemsize, traced)
        done = subprocess.run(
            [self.folder / "cases", case.name, *map(str, numbers)],
            input=given.tobytes(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        made = np.frombuffer(done.stdout, kind, samples)
        outputs = {
            p.port.name: made[p.name].reshape(samples, *p.qtype.shape).astype(np.int64)
            for p in plan.outputs
        }
        values = np.frombuffer(done.stdout, np.uint8, offset=samples * kind.itemsize)
        return outputs, steps(plan, values.reshape(samples, traced))


def steps(plan: CPlan, values: np.ndarray) -> dict[str, Ints]:
    """The steps' values from the bytes that a trace build wrote, one row a sample."""
    found = {}
    start = 0
    for step in plan.steps:
        part = np.ascontiguousarray(values[:, start : start + step.bytes])
        shape = plan.model.graph[step.draft.node].type.shape
        codes = part.view(step.output.type.dtype).astype(np.int64)
        found[step.draft.node] = codes.reshape(len(values), *shape)
        start += step.bytes
    return found


def compile_c(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
