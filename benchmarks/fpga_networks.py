"""MLPerf Tiny on the XC7Z020: cycles from the RTL in Verilator, cells from Yosys, beside the goals.

    python -m benchmarks.fpga_networks [--only TEXT] > table.md

Yosys maps each module alone. Each result is a line of JSON in the cache; what stands there, of the
same code, is not run again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.catalogue import Entry
from benchmarks.opening import opened
from benchmarks.riscv_figures import CACHE, fingerprint
from benchmarks.riscv_tables import found_folder, table
from qcompile.backends import emit_for_fpga
from qcompile.passes import lower
from qcompile.plan.rate import RateWish
from qcompile.report.cells import measure_cells
from qcompile.report.summary import count
from qcompile.target import Target, load
from qcompile.verify.design_bench import DesignRunner
from qcompile.verify.rtl_bench import ordered

VECTORS = 3
TARGET = "pynq-z2"
FILE = "fpga_networks.jsonl"


@dataclass(frozen=True)
class Subject:
    """A network, the rate that is asked of the compiler, and the goal."""

    name: str
    model: str
    fps: float  # asked for
    least_fps: float = 0
    most_us: float = 0  # latency


SUBJECTS = (
    Subject("ResNet8", "mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx", 2431, least_fps=2431),
    Subject("DS-CNN", "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx", 3088, least_fps=3088),
    Subject("KWS MLP W3A3", "qonnx_zoo/kwsmlp_w3a3.onnx", 250_000, most_us=17.5),
    Subject("autoencoder", "mlperf_tiny/ad_ae_int8__tf2onnx17.onnx", 60_000, most_us=18.7),
)

HEADER = (
    "network | interval | latency | inferences/s | latency us | goal | met | "
    "LUT | FF | BRAM36 | DSP | fits"
)


Row = list[str]


def measured(s: Subject, target: Target, folder: Path) -> Row:
    """A network folded for its rate, run, compared with the simulator, and mapped."""
    clock = target.clock_mhz
    assert clock is not None
    model = lower(opened(Entry("A", s.model), folder, None))
    codes = ordered(model, VECTORS, None)
    project = emit_for_fpga(model, "net", codes, RateWish(s.fps), clock)
    runner = DesignRunner(model, project.plan)
    found, wanted = runner.run(codes), model.run(codes)
    assert all(np.array_equal(found[p], wanted[p]) for p in wanted), s.name
    assert runner.pace is not None
    fps, micro = clock * 1e6 / runner.pace.interval, runner.pace.latency / clock
    met = fps >= s.least_fps if s.least_fps else micro <= s.most_us
    goal = f">= {s.least_fps:g} inf/s" if s.least_fps else f"<= {s.most_us:g} us"
    cells = measure_cells(project, target).totals
    has = {key: getattr(target.limits, key) for key in ("lut", "ff", "bram36", "dsp")}
    fits = all(limit is None or cells[key] <= limit for key, limit in has.items())
    return [
        s.name,
        count(runner.pace.interval),
        count(runner.pace.latency),
        f"{fps:,.0f}",
        f"{micro:.1f}",
        goal,
        "yes" if met else "no",
        *(f"{cells[key]:,} of {limit:,}" for key, limit in has.items()),
        "yes" if fits else "no",
    ]


def load_rows(path: Path, keep: bool) -> dict[str, Row]:
    """What stands in the cache, by network: of this code, unless others are kept."""
    lines = path.read_text().splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return {r["name"]: r["row"] for r in found if keep or r["code"] == fingerprint()}


def report(path: Path, keep: bool) -> str:
    rows = load_rows(path, keep)
    missing = [s.name for s in SUBJECTS if s.name not in rows]
    text = table(HEADER, (rows[s.name] for s in SUBJECTS if s.name in rows))
    return text + (f"\n\nNot run: {', '.join(missing)}." if missing else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE / FILE, help="JSON lines")
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--only", default="", help="networks whose name has this text")
    parser.add_argument("--keep", action="store_true", help="results of other code are welcome")
    options = parser.parse_args()
    folder = found_folder(options.models)
    done = load_rows(options.cache, options.keep)
    for s in SUBJECTS:
        if s.name not in done and options.only.lower() in s.name.lower():
            row = measured(s, load(TARGET), folder)
            options.cache.parent.mkdir(parents=True, exist_ok=True)
            with options.cache.open("a") as file:
                file.write(json.dumps({"name": s.name, "code": fingerprint(), "row": row}) + "\n")
    print(report(options.cache, options.keep))


if __name__ == "__main__":
    main()
