"""Predicted cycles are those of the emitted loops: one for each turn of a pipelined body."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cases import cases
from hls_models import merged, random_conv
from qcompile.emit.hls import emit_hls
from qcompile.plan.dataflow import plan_dataflow
from qcompile.verify.csim import build, write

NAMES = (
    "residual conv_odd conv_groups max_pool sum_pool_places concat_channels gather_any "
    "pad_channels transpose_any arg_max matmul_requant add_broadcast constant_out"
).split()


def test_cycles_are_turns_of_pipelined_loops(tmp_path: Path) -> None:
    parts = [c for c in cases() if c.name in NAMES] + [random_conv(s) for s in range(4)]
    case = merged("cycles", parts)
    plan = plan_dataflow(case.model, target=60)
    one = {name: x[:1] for name, x in case.inputs.items()}
    files = {
        path: text.replace("#pragma HLS pipeline II=1", "qc_ticks++;")
        for path, text in emit_hls(case.model, case.name, plan, one).items()
    }
    count = r'    \1;\n    std::printf("%s %ld\\n", "\2", qc_ticks), qc_ticks = 0;'
    top = re.sub(r"^    (cycles::(\w+)\(.*\));$", count, files["cycles.cpp"], flags=re.MULTILINE)
    files["cycles.cpp"] = "#include <cstdio>\n" + top
    types = files["lib/qc_types.h"]
    files["lib/qc_types.h"] = types.replace(
        "namespace qc {", "inline long qc_ticks;\nnamespace qc {", 1
    )
    write(tmp_path, files)
    program = build(tmp_path, "ticks")
    done = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = dict(re.findall(r"^(\w+) (\d+)$", done.stdout, re.MULTILINE))
    assert {n: int(t) for n, t in found.items()} == {p.name: p.cycles for p in plan.processes}
