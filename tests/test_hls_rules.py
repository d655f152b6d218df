"""The checker of the canonical dataflow form catches what a vendor tool rejects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases import cases
from qcompile.emit.hls import emit_hls
from qcompile.plan.dataflow import plan_dataflow
from qcompile.verify.dataflow_rules import violations

Files = dict[str, str]
TOP, LAYERS = "residual.cpp", "residual_layers.cpp"


@pytest.fixture(scope="module")
def files() -> Files:
    case = next(c for c in cases() if c.name == "residual")
    return emit_hls(case.model, case.name, plan_dataflow(case.model), case.inputs)


def replaced(path: str, old: str, new: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        assert old in files[path], old
        return {**files, path: files[path].replace(old, new, 1)}

    return change


CALL = "    residual::conv_window(conv_lanes_out, conv_window_out);\n"
LOOP = "for (int column = 0; column < columns; column++) {"

FAULTS = {
    "neither a stream nor a call": replaced(TOP, CALL, "    int x = 0;\n" + CALL),
    "neither a stream nor a call: 'if": replaced(TOP, CALL, "    if (x) {" + CALL + "    }\n"),
    "has 1 producers and 2 consumers": replaced(TOP, CALL, CALL + CALL.replace("window_", "x_")),
    "has 2 producers and 1 consumers": replaced(TOP, CALL, CALL + CALL),
    "has 0 producers": replaced(TOP, CALL, ""),
    "is read before it is written": replaced(
        TOP, CALL, "    residual::conv_window(conv_window_out, conv_lanes_out);\n"
    ),
    "is not a process of 1 streams": replaced(
        TOP, "conv_window(conv_lanes_out, conv_window_out)", "conv_window(conv_lanes_out)"
    ),
    "stream conv_window_out has no depth": replaced(
        TOP, "#pragma HLS stream variable=conv_window_out depth=2\n", ""
    ),
    "no dataflow pragma": replaced(TOP, "#pragma HLS dataflow\n", ""),
    "port x0 has no axis interface": replaced(TOP, "#pragma HLS interface axis port=x0\n", ""),
    "a loop has one exit, a counted one": replaced(
        LAYERS, LOOP, LOOP + "\nif (turn == 3) { break; }"
    ),
    "a loop has one exit": replaced(LAYERS, LOOP, LOOP + "\nif (turn == 3) { return; }"),
    "'while'": replaced(LAYERS, LOOP, "while (column < columns) {"),
    "a loop counts to a bound": replaced(LAYERS, LOOP, LOOP.replace("columns;", "columns && ok;")),
    "a loop does not change its counter": replaced(LAYERS, LOOP, LOOP + "\ncolumn += 2;"),
    "a loop has braces": replaced(LAYERS, LOOP, LOOP.removesuffix("{") + "f();"),
    "a stream has one direction": replaced(LAYERS, "= in.read();", "= in.read(); in.write(x);"),
    "streams are read and written": replaced(LAYERS, "= in.read();", "= in.empty() ? x : y;"),
    "keeps nothing between": replaced(
        LAYERS, "    const int turns", "    static int n;\n    const int turns"
    ),
    "memory is fixed": replaced(
        LAYERS, "    const int turns", "    int* p = new int;\n    const int turns"
    ),
    "only ap_int.h and hls_stream.h": replaced(
        "lib/qc_window.h", "int loaded = 0;", "std::vector<int> v; int loaded = 0;"
    ),
    "integers only": replaced("lib/qc_window.h", "int loaded = 0;", "double d; int loaded = 0;"),
    "no recursion": replaced(LAYERS, LOOP, LOOP + " conv_matrix(in, out);"),
    "there is no top function": lambda files: {**files, TOP: ""},
}


def test_emitted_projects_are_canonical(files: Files) -> None:
    assert violations(files, "residual_top") == []


@pytest.mark.parametrize("why", FAULTS)
def test_faults_are_caught(files: Files, why: str) -> None:
    found = violations(FAULTS[why](files), "residual_top")
    assert any(why in str(v) for v in found), [str(v) for v in found]
