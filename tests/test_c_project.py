"""Emitted C projects: what a firmware engineer relies on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from builder import Builder, Case, Random, codes
from c_runner import SANITIZERS, WARNINGS, compile_c
from cases import dense, residual
from qcompile.emit.base import LICENCE
from qcompile.emit.c import emit_c
from qcompile.ops import Add
from qcompile.plan.c_plan import Step, plan_c
from qcompile.verify.host import HostLibrary
from qcompile.verify.toolchain import host_compiler, riscv_compiler, riscv_sizes, write_files


def network(seed: int) -> Case:
    return residual(Builder(f"net{seed}", seed))


def test_emission_is_repeatable_and_licensed() -> None:
    first, second = (emit_c(network(1).model, "kws", network(1).inputs) for _ in range(2))
    assert first == second
    for path, text in first.items():
        assert LICENCE in "\n".join(text.splitlines()[:3]), path


TWO = """
#include <cstdint>
#include <cstdio>
#include "one.h"
#include "two.h"
#include "one_float.h"
#include "two_float.h"

static union {
    unsigned char one[ONE_ARENA_BYTES];
    unsigned char two[TWO_ARENA_BYTES];
    uint64_t aligned;
} arena;
static one_input_t a; static one_output_t x, again;
static two_input_t b; static two_output_t y;

int main()
{
    if (fread(&a, sizeof a, 1, stdin) != 1 || fread(&b, sizeof b, 1, stdin) != 1) return 2;
    if (one_run(&a, &x, &arena) || two_run(&b, &y, &arena) || one_run(&a, &again, &arena)) return 3;
    fwrite(&x, sizeof x, 1, stdout);
    fwrite(&y, sizeof y, 1, stdout);
    fwrite(&again, sizeof again, 1, stdout);
    if (one_run(nullptr, &x, &arena) != ONE_ERROR) return 4;
    if (one_run(&a, nullptr, &arena) != ONE_ERROR) return 5;
    if (two_run(&b, &y, nullptr) != TWO_ERROR) return 6;
    if (two_run(&b, &y, arena.one + 1) != TWO_ERROR) return 7;
    return 0;
}
"""


def test_two_networks_in_one_program_share_an_arena(tmp_path: Path) -> None:
    """Linked with a C++ program that includes both headers."""
    cases = {"one": network(1), "two": network(2)}
    for name, case in cases.items():
        write_files(tmp_path, emit_c(case.model, name, case.inputs))
        sources = [f"{name}.c", f"{name}_weights.c"]
        compile_c([*host_compiler(), *WARNINGS, *SANITIZERS, "-c", *sources], tmp_path)
    (tmp_path / "main.cpp").write_text(TWO)
    objects = [f"{n}{part}.o" for n in cases for part in ("", "_weights")]
    compile_c(
        ["g++", "-Wall", "-Werror", *SANITIZERS, "main.cpp", *objects, "-o", "both"], tmp_path
    )
    given = b"".join(c.inputs["x0"][2].astype(np.int8).tobytes() for c in cases.values())
    done = subprocess.run([tmp_path / "both"], input=given, capture_output=True, check=True)
    made = np.frombuffer(done.stdout, np.int32).reshape(3, 10)
    wanted = [c.model.run(c.inputs)["y0"][2] for c in cases.values()]
    np.testing.assert_array_equal(made, [*wanted, wanted[0]])


def make(project: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", "CFLAGS=-O1 -Werror", *targets]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_selftest_passes(tmp_path: Path) -> None:
    case = network(3)
    write_files(tmp_path, emit_c(case.model, "kws", case.inputs))
    done = make(tmp_path, "all", "selftest")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [f"kws: vector {i}: right, 0 cycles" for i in range(3)]
    assert done.stdout.splitlines() == lines


def with_flipped_bit(weights: str, array: str, place: int) -> str:
    """The text of the weights file with bit 1 of one entry of an array of packed bits flipped."""
    start = weights.index("{", weights.index(f" {array}["))
    at = [m.start() for m in re.finditer("0x", weights[start:])][place] + start
    digits = re.compile("[0-9a-f]+").match(weights, at + 2)
    assert digits is not None
    flipped = f"{int(digits[0], 16) ^ 2:0{len(digits[0])}x}"
    return weights[: at + 2] + flipped + weights[digits.end() :]


def faulty(case: Case) -> Iterator[tuple[Step, dict[str, str]]]:
    """The project of a case with a weight bit flipped that matters, for each layer with weights."""
    files = emit_c(case.model, "kws", case.inputs)
    plan = plan_c(case.model, "kws")
    right = HostLibrary(plan, files).trace(case.inputs)
    for step in plan.steps:
        if not step.weight_bytes:
            continue
        array = next(a for a in step.arrays if a.packed)
        for place in range(len(array.values)):
            text = with_flipped_bit(files["kws_weights.c"], array.name, place)
            broken = {**files, "kws_weights.c": text}
            made = HostLibrary(plan, broken).trace(case.inputs)
            if any((made[n][:3] != right[n][:3]).any() for n in right):
                yield step, broken
                break
        else:
            raise AssertionError("no bit of this layer matters")


def test_selftest_names_the_layer_of_a_flipped_weight_bit(tmp_path: Path) -> None:
    count = 0
    for step, files in faulty(network(3)):
        write_files(tmp_path, files)
        done = make(tmp_path, "selftest")
        assert done.returncode != 0
        named = [line for line in done.stdout.splitlines() if "differs" in line]
        assert named == [f"layer {step.index} ({step.name}) differs"]
        count += 1
    assert count == 4


def test_a_flipped_weight_bit_is_located_by_the_trace() -> None:
    case = network(3)
    wanted = case.model.run(case.inputs, trace=True)
    plan = plan_c(case.model, "kws")
    for step, files in faulty(case):
        traced = HostLibrary(plan, files).trace(case.inputs)
        wrong = [n for n, v in traced.items() if (v != wanted[n]).any()]
        assert wrong[0] == step.draft.node


SECTIONS = """
#include <stdio.h>
extern const char __start_model[], __stop_model[], __start_fast[], __stop_fast[];
static int calls;
void hook(int layer) { calls += layer; }
#include "kws.h"
int main(void)
{
    static kws_input_t in; static kws_output_t out; static uint64_t arena[KWS_ARENA_BYTES / 8 + 1];
    static const char *const names[KWS_LAYERS] = KWS_LAYER_NAMES;
    int failed = kws_run(&in, &out, arena);
    printf("%d %d %d %d %s", failed, calls, (int)(__stop_model - __start_model),
           __stop_fast - __start_fast > 100, names[KWS_LAYERS - 1]);
    return 0;
}
"""


def test_sections_and_layer_hook(tmp_path: Path) -> None:
    case = network(4)
    plan = plan_c(case.model, "kws")
    write_files(tmp_path, {**emit_c(case.model, "kws", case.inputs), "main.c": SECTIONS})
    flags = [
        '-DKWS_WEIGHTS_ATTR=__attribute__((section("model"), aligned(1)))',
        '-DKWS_CODE_ATTR=__attribute__((section("fast")))',
        "-DKWS_LAYER_HOOK(i)=hook(i)",
        "-include",
        "hook.h",
    ]
    (tmp_path / "hook.h").write_text("void hook(int layer);\n")
    sources = ["main.c", "kws.c", "kws_weights.c"]
    compile_c([*host_compiler(), "-std=c99", *flags, *sources, "-o", "program"], tmp_path)
    said = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True).stdout
    failed, calls, constants, fast, last = said.split()
    assert (failed, fast, last) == ("0", "1", plan.steps[-1].name)
    assert int(calls) == sum(range(len(plan.steps)))
    assert int(constants) >= sum(a.bytes for a in plan.arrays)


FLOATS = """
#include <stdio.h>
#include "net_float.h"
int main(void)
{
    float real[NET_INPUT_X0_SIZE], back[NET_OUTPUT_Y0_SIZE]; int8_t codes[NET_INPUT_X0_SIZE];
    NET_OUTPUT_Y0_TYPE made[NET_OUTPUT_Y0_SIZE];
    if (fread(real, sizeof real, 1, stdin) != 1) return 1;
    net_quantize_x0(real, codes);
    for (int i = 0; i < NET_OUTPUT_Y0_SIZE; i++) made[i] = codes[i];
    net_dequantize_y0(made, back);
    fwrite(codes, sizeof codes, 1, stdout); fwrite(back, sizeof back, 1, stdout);
    return 0;
}
"""


def test_float_helpers_round_to_even_and_saturate(tmp_path: Path) -> None:
    b = Builder("floats", 5)
    case = b.case(dense(b, b.input((10,), 4), 10, (8,)))
    write_files(tmp_path, {**emit_c(case.model, "net", case.inputs), "main.c": FLOATS})
    compile_c([*host_compiler(), *WARNINGS, *SANITIZERS, "main.c", "-o", "floats"], tmp_path)
    real = np.array([0, 0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6, 900, -900]) / 16  # the scale is 1/16
    done = subprocess.run(
        [tmp_path / "floats"],
        input=real.astype(np.float32).tobytes(),
        capture_output=True,
        check=True,
    )
    wanted = np.array([0, 0, 2, 2, 0, -2, 2, -3, 7, -8])
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.int8, 10), wanted)
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.float32, 10, 10), wanted / 16)


def test_riscv_object_has_no_variables(tmp_path: Path) -> None:
    """Built by clang for rv32imc, warnings as errors: code and constants only."""
    case = network(6)
    files = emit_c(case.model, "kws", case.inputs)
    compiler = riscv_compiler()
    assert compiler is not None, "ziglang is one of the tests' packages"
    write_files(tmp_path, files)
    compile_c([*compiler, *WARNINGS, "-O2", "-c", "kws.c", "kws_weights.c"], tmp_path)
    found = riscv_sizes(files, "kws")
    assert found is not None
    arrays = sum(a.bytes for a in plan_c(case.model, "kws").arrays)
    assert (found.data, found.bss) == (0, 0)
    assert 500 < found.text < 20_000
    assert arrays <= found.rodata < arrays + 3_000


def test_hostile_names_stay_in_comments(tmp_path: Path) -> None:
    b = Builder('*/ int x; /* "\n??/', 7)
    x = b.graph.add('x */ "quoted"\n', Add((1, 1)), *(b.input((3,), 4) for _ in range(2)))
    case = b.case(x)
    write_files(tmp_path, emit_c(case.model, "kws", case.inputs))
    done = make(tmp_path, "selftest")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("seed", range(3))
def test_random_networks_on_many_vectors(seed: int) -> None:
    """Through the shared library that verification uses."""
    case = network(100 + seed)
    random: Random = np.random.default_rng(seed)
    inputs = {
        p.name: np.concatenate([codes(random, case.model.type_of(p)) for _ in range(20)])
        for p in case.model.inputs
    }
    library = HostLibrary.of(case.model)
    for name, made in library.run(inputs).items():
        np.testing.assert_array_equal(made, case.model.run(inputs)[name])
