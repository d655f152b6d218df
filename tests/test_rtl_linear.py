"""Windows, matrix-vector units, lanes and ports in RTL: every bit, and the cycle of every word."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builder import Builder, Case
from cases import conv, dense
from hls_models import folded, merged
from qcompile.ops import Conv, Dense
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.plan.fifos import depths
from qcompile.plan.folding import Fold
from qcompile.plan.multipliers import Multiplier
from qcompile.plan.process_moves import Convert, Drain, Fork
from qcompile.plan.processes import Depthwise, MatrixVector
from qcompile.resources import folder
from qcompile.rtl.packages import cxx_compiler, package
from qcompile.rtl.simulator import run_together
from rtl_models import check

STYLES = tuple(Multiplier)


def with_multiplier(plan: Dataflow, multiplier: Multiplier) -> Dataflow:
    """The plan with all products made in one way; streams as deep as its latencies ask for."""
    processes = tuple(
        replace(p, multiplier=multiplier) if isinstance(p, MatrixVector | Depthwise) else p
        for p in plan.processes
    )
    return replace(plan, processes=processes, depths=depths(processes))


def random_conv(seed: int) -> Case:
    """A convolution of random shape: strides, dilations, pads, groups, images, widths."""
    b = Builder(f"conv{seed}", seed)
    draw = b.random.integers
    groups = int(draw(1, 5)) if seed % 3 else 1
    inputs = groups * (1 if seed % 3 == 1 else int(draw(1, 4)))
    kernel = (int(draw(1, 5)), int(draw(1, 5)))
    dilations = (int(draw(1, 4)), int(draw(1, 3)))
    pads = tuple(int(draw(0, 4)) for _ in range(4))
    size = [
        max((k - 1) * d + 1 - pads[i] - pads[i + 2], 1) + int(draw(0, 7))
        for i, (k, d) in enumerate(zip(kernel, dilations, strict=True))
    ]
    x = b.input((int(draw(1, 3)), *size, inputs), int(draw(1, 9)), bool(draw(0, 2)), True)
    widths = tuple(int(w) for w in draw(0, 9, 4 if seed % 2 else 1))
    strides = (int(draw(1, 4)), int(draw(1, 4)))
    options = {"strides": strides, "dilations": dilations, "pads": pads, "groups": groups}
    outputs = groups * int(draw(1, 4))
    return b.case(conv(b, x, kernel, outputs, widths, pad_value=int(draw(-3, 4)), **options))


@pytest.mark.parametrize("style", STYLES)
def test_random_convolutions(style: Multiplier) -> None:
    first = 9 * style.value
    case = merged("convs", [random_conv(seed) for seed in range(first, first + 9)])
    check(case, with_multiplier(plan_dataflow(case.model), style), style.value)


@pytest.mark.parametrize("style", STYLES)
def test_random_folds(style: Multiplier) -> None:
    """Groups of unlike widths, unlike numbers of turns, blocks."""
    parts = [folded(seed) for seed in range(2 * style.value, 2 * style.value + 2)]
    case = merged("folds", [part for part, _ in parts])
    folds = {name: fold for _, chosen in parts for name, fold in chosen.items()}
    check(case, with_multiplier(plan_dataflow(case.model, folds=folds), style), style.value)


def every_fold(name: str, make: str) -> tuple[list[Case], dict[str, Fold]]:
    """One case for each fold of a layer of 6 inputs and 4 outputs."""
    cases: list[Case] = []
    folds: dict[str, Fold] = {}
    for simd in (1, 2, 3, 6):
        for pe in (1, 2, 3, 4):
            b = Builder(f"{name}_{simd}_{pe}", 10 * simd + pe)
            x = b.input((1, 3, 2, 6), 5, signed=bool(pe % 2))
            y = dense(b, x, 4, (4,)) if make == "dense" else conv(b, x, (2, 2), 4, (3,))
            cases.append(b.case(y))
            folds[f"{cases[-1].name}/{y}"] = Fold(pe, simd)
    return cases, folds


@pytest.mark.parametrize("make", ["dense", "conv"])
def test_every_fold(make: str) -> None:
    cases, folds = every_fold(make, make)
    case = merged(make, cases)
    check(case, plan_dataflow(case.model, folds=folds))


def widths(seed: int) -> Case:
    """Activations from 1 to 32 bits with weights that are coded, plain, and wide."""
    b = Builder(f"widths{seed}", seed)
    outputs = []
    for bits in (1, 2, 3, 5, 8, 9, 13, 16, 24, 32):
        x = b.input((6,), bits, signed=bool(seed % 2))
        weight = 1 + (seed + bits) % 8 if bits < 32 else 12
        outputs.append(dense(b, x, 4, (weight,)))
    x = b.input((3, 8), 4, signed=False)
    unsigned = b.random.integers(0, 255, (2, 8), endpoint=True)
    unsigned[:, 0], unsigned[:, 1] = 0, 255
    steps = b.random.integers(-2, 1, (2, 8), endpoint=True) * 12 - 7
    steps[:, 0], steps[:, 1] = -31, 5
    for rows, bits in ((unsigned, 8), (steps, 2)):
        outputs.append(b.add(Dense(rows, b.bias(2), (bits,) * 2), x))
    outputs.append(b.add(Dense(np.zeros((2, 8), np.int64), b.bias(2), (0, 0)), x))
    outputs.append(dense(b, x, 3, (14,)))
    return b.case(*outputs)


@pytest.mark.parametrize("style", STYLES)
def test_widths(style: Multiplier) -> None:
    case = merged("widths", [widths(style.value)])
    check(case, with_multiplier(plan_dataflow(case.model), style))


def test_ports_forks_and_converters() -> None:
    """Slots of every size, signed and not; an input that nobody reads, and one read thrice."""
    b = Builder("moves", 7)
    shapes = ((12, 1, False), (12, 8, True), (5, 9, True), (6, 16, False), (7, 31, True))
    outputs = [b.input((n,), bits, signed) for n, bits, signed in shapes]
    outputs.append(b.between((4,), -(2**40), 2**39))
    b.input((3,), 4)
    x = b.input((2, 12), 6)
    outputs += [dense(b, x, 5, (3,)), x, x, dense(b, x, 3, (2,))]
    case = b.case(*outputs)
    folds = {outputs[6]: Fold(1, 4), outputs[9]: Fold(3, 3)}
    plan = plan_dataflow(case.model, target=24, folds=folds)
    kinds = {type(p) for p in plan.processes}
    assert kinds >= {Convert, Drain, Fork}
    assert {p.widens for p in plan.processes if isinstance(p, Convert)} == {True, False}
    check(case, plan)


def test_windows_in_padding_only() -> None:
    """Rows of windows that see no pixel, before, after, and instead of those that do."""
    cases = []
    for i, (size, kernel, pads, strides) in enumerate(
        [
            ((2, 3), (1, 1), (2, 1, 2, 1), (1, 1)),
            ((3, 2), (2, 1), (3, 0, 3, 0), (1, 2)),
            ((5, 5), (1, 1), (0, 0, 0, 0), (3, 2)),
            ((5, 4), (2, 2), (0, 0, 0, 0), (4, 4)),
            ((4, 4), (1, 1), (1, 1, 0, 0), (6, 6)),
            ((1, 1), (3, 3), (1, 1, 1, 1), (1, 1)),
        ]
    ):
        b = Builder(f"padding{i}", i)
        x = b.input((2, *size, 2), 4)
        options = {"pads": pads, "strides": strides, "pad_value": -3}
        cases.append(b.case(conv(b, x, kernel, 2, (3,), **options)))
    case = merged("padding", cases)
    assert all(isinstance(n.op, Conv) for n in case.model.graph if "conv" in n.name.split("/")[1])
    check(case, plan_dataflow(case.model))


# x counts through all codes, the two weights through all codes or through the ends of their range.
PRODUCTS = """
module products_of #(
    parameter int MULTIPLIER = 0,
    parameter int X = 8,
    parameter bit X_SIGNED = 0,
    parameter int W = 8,
    parameter bit ENDS = 0
) (
    input logic clk,
    input logic [24:0] count,
    output logic bad
);
    logic [X-1:0] x;
    logic [W-1:0] low, high, ends;
    logic signed [63:0] wide, wanted_low, wanted_high;
    logic [X+1:0] triple;
    logic [2*(X+W)-1:0] totals;
    logic [X+W-1:0] upper;
    logic [1:0] carries;
    logic valid, wrong, unused;
    assign unused = &{1'b0, count, carries, wanted_low, wanted_high, wide};
    assign x = count[X-1:0];
    assign low = count[X+:W];
    always_comb begin
        case (count[X+W+:2])
            2'd0: ends = '0;
            2'd1: ends = '1;
            2'd2: ends = {1'b1, {(W - 1){1'b0}}};
            default: ends = {1'b0, {(W - 1){1'b1}}};
        endcase
    end
    assign high = ENDS ? ends : count[X+W+:W];
    assign wide = X_SIGNED ? 64'(signed'(x)) : 64'(x);
    assign triple = (X + 2)'(wide * 3);
    qc_dots #(
        .MULTIPLIER(MULTIPLIER), .PE(2), .SIMD(1), .SHARED(1), .X(X), .X_SIGNED(X_SIGNED),
        .W(W), .SUM(X + W)
    ) u_dots (.clk, .en(1'b1), .x, .triple, .weights({high, low}), .totals, .carries);
    assign upper = totals[2*(X+W)-1:X+W] + (X + W)'(carries[1]);
    assign wrong = {upper, totals[X+W-1:0]} != {wanted_high[X+W-1:0], wanted_low[X+W-1:0]};
    always_ff @(posedge clk) begin
        valid <= 1'b1;
        wanted_low <= wide * 64'(signed'(low));
        wanted_high <= wide * 64'(signed'(high));
        if (valid && wrong) bad <= 1'b1;
    end
    initial bad = 1'b0;
    initial valid = 1'b0;
endmodule
"""
TOP = """
module products (
    input logic clk,
    input logic [24:0] count,
    output logic [7:0] wrong  // the first unit that is, from 1 on
);
    logic [{count}-1:0] bad;
    always_comb begin
        wrong = 0;
        for (int i = {count} - 1; i >= 0; i--) if (bad[i]) wrong = 8'(i + 1);
    end
"""
DRIVER = """
#include "Vproducts.h"
int main() {
    Vproducts top;
    for (unsigned i = 0; i < (1u << BITS) + 2; i++) {
        top.count = i & ((1u << BITS) - 1);
        top.clk = 0; top.eval();
        top.clk = 1; top.eval();
    }
    return top.wrong;
}
"""
Unit = tuple[Multiplier, int, bool, int, bool]


def small_units() -> list[Unit]:
    """All widths whose products are seen in 14 bits of counting, all codes of all operands."""
    pairs = [(x, w) for x in range(1, 9) for w in range(1, 7) if x + 2 * w <= 14]
    return [(m, x, s, w, False) for m in STYLES for x, w in pairs for s in (False, True)]


def large_units() -> list[Unit]:
    """8 x 8 bits: all activations and lower weights, the ends of the upper weights."""
    return [(m, 8, s, 8, True) for m in STYLES for s in (False, True)]


@pytest.mark.parametrize(("units", "bits"), [(small_units(), 14), (large_units(), 18)])
def test_products_of_all_codes(tmp_path: Path, units: list[Unit], bits: int) -> None:
    sources = list(instances(units))
    lines = [TOP.format(count=len(units)), *sources, "endmodule", ""]
    (tmp_path / "products.sv").write_text("\n".join(lines))
    (tmp_path / "products_of.sv").write_text(PRODUCTS)
    (tmp_path / "driver.cpp").write_text(DRIVER)
    verilator, cxx = package("verilator"), cxx_compiler()
    library = folder("templates") / "rtl/lib"
    command = [verilator / "bin/verilator_bin", "--cc", "-Wall", "--no-timing", "-O3"]
    command += ["-y", library, "-y", ".", "--Mdir", "obj", "products.sv"]
    run_together([command], tmp_path, {"VERILATOR_ROOT": str(verilator)})
    runtime = verilator / "include"
    made = [*sorted((tmp_path / "obj").glob("*.cpp")), runtime / "verilated.cpp"]
    made += [runtime / "verilated_threads.cpp", tmp_path / "driver.cpp"]
    (tmp_path / "all.cpp").write_text("".join(f'#include "{path}"\n' for path in made))
    flags = ["-std=c++17", "-O1", "-DVL_TIME_CONTEXT", f"-DBITS={bits}"]
    paths = [f"-I{p}" for p in (tmp_path / "obj", runtime, runtime / "vltstd")]
    run_together([[*cxx, *flags, *paths, "all.cpp", "-o", "run", "-lpthread"]], tmp_path)
    done = subprocess.run([tmp_path / "run"], check=False)
    assert done.returncode == 0, f"wrong: {units[done.returncode - 1]}"


def instances(units: Iterable[Unit]) -> Iterable[str]:
    for i, (multiplier, x, signed, w, ends) in enumerate(units):
        yield (
            f"products_of #(.MULTIPLIER({multiplier.value}), .X({x}), .X_SIGNED({int(signed)}), "
            f".W({w}), .ENDS({int(ends)})) u_{i} (.clk, .count, .bad(bad[{i}]));"
        )
