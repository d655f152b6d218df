"""MLPerf Tiny on the XC7Z020: cycles from the RTL in Verilator, cells from Yosys, beside the goals.

    python -m benchmarks.fpga_networks [--only TEXT] > table.md

Yosys maps each module alone; its results are kept in the user's cache folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.catalogue import Entry
from benchmarks.opening import opened
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
    Subject("KWS MLP W3A3", "qonnx_zoo/kwsmlp_w3a3.onnx", 150_000, most_us=17.5),
    Subject("autoencoder", "mlperf_tiny/ad_ae_int8__tf2onnx17.onnx", 60_000, most_us=18.7),
)

HEADER = (
    "network | interval | latency | inferences/s | latency us | goal | met | "
    "LUT | FF | BRAM36 | DSP | fits"
)


Row = tuple[object, ...]


def rows(subjects: list[Subject], target: Target, models: str | None) -> Iterator[Row]:
    """Each network folded for its rate, run, compared with the simulator, and mapped."""
    folder = found_folder(models)
    clock = target.clock_mhz
    assert clock is not None
    for s in subjects:
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
        has = {"lut": target.limits.lut, "ff": target.limits.ff}
        has |= {"bram36": target.limits.bram36, "dsp": target.limits.dsp}
        fits = all(limit is None or cells[key] <= limit for key, limit in has.items())
        yield (
            s.name,
            count(runner.pace.interval),
            count(runner.pace.latency),
            f"{fps:,.0f}",
            f"{micro:.1f}",
            goal,
            "yes" if met else "no",
            *(f"{cells[key]:,} of {limit:,}" for key, limit in has.items()),
            "yes" if fits else "no",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--only", default="", help="networks whose name has this text")
    options = parser.parse_args()
    subjects = [s for s in SUBJECTS if options.only.lower() in s.name.lower()]
    for row in rows(subjects, load(TARGET), options.models):
        print(table(HEADER, [row]), flush=True)


if __name__ == "__main__":
    main()
