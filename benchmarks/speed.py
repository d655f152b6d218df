"""How fast graphs are simulated and compiled, beside the `qonnx` executor, in one run.

    python -m benchmarks.speed [--models FOLDER]

Seconds of this process's own CPU time, so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qcompile
from benchmarks import qonnx_executor
from benchmarks.catalogue import models_folder
from qcompile.simulate import prepared

Array = NDArray[Any]

INFERENCES = 1000
SLOW = 20  # inferences of the executor

SIMULATED = {  # a network, and the QONNX network of its size that the executor runs beside it
    "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx": (
        "mlperf_tiny_hls4ml_finn/ic_cifar10_tiny_qkeras__qonnx.onnx"
    ),
    "qonnx_zoo/kwsmlp_w3a3.onnx": "qonnx_zoo/kwsmlp_w3a3.onnx",
}
COMPILED = (
    "mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx",
    "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx",
)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def samples(path: Path) -> Array:
    """As many inputs as are simulated, the stored ones again and again."""
    stem = path.stem.split("__tf2onnx17")[0]
    with np.load(path.with_name(f"{stem}__io.npz")) as arrays:
        stored: Array = arrays["input"]
    return np.resize(stored, (INFERENCES, *stored.shape[1:]))


def executor(path: Path) -> tuple[float, float]:
    """Milliseconds an inference of the qonnx executor takes."""
    source = qcompile.read(path)
    ((name, array),) = prepared(source, samples(path)[:SLOW]).items()
    model = qonnx_executor.prepared(path)
    qonnx_executor.run(model, name, array[:2], set())
    cpu, wall = seconds(lambda: qonnx_executor.run(model, name, array, set()))
    return cpu * 1e3 / SLOW, wall * 1e3 / SLOW


def simulated(path: Path) -> tuple[float, float]:
    """Milliseconds an inference of the oracle takes, reading left out."""
    source, inputs = qcompile.read(path), samples(path)
    qcompile.simulate(source, inputs[:2])
    cpu, wall = seconds(lambda: qcompile.simulate(source, inputs))
    return cpu * 1e3 / INFERENCES, wall * 1e3 / INFERENCES


def compiled(path: Path, target: str) -> tuple[float, float]:
    """Seconds from reading to written files, without verification."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        return seconds(lambda: qcompile.compile(path, target, output=output, verify="no"))


def report(folder: Path) -> str:
    """Both tables as Markdown."""
    lines = [
        f"Simulating {INFERENCES:,} inputs; milliseconds an inference, CPU time (wall time).",
        "",
        "| model | qcompile simulate | qonnx executor | of | faster |",
        "|---|---|---|---|---|",
    ]
    for name, other in SIMULATED.items():
        own, reference = simulated(folder / name), executor(folder / other)
        lines.append(
            f"| {name} | {own[0]:.2f} ({own[1]:.2f}) | {reference[0]:.2f} ({reference[1]:.2f}) "
            f"| {other} | {reference[0] / own[0]:.1f} times |"
        )
    lines += [
        "",
        "From reading to written files, without verification; seconds, CPU time (wall time).",
        "",
        "| model | target | time |",
        "|---|---|---|",
    ]
    for name in COMPILED:
        for target in ("riscv", "fpga"):
            cpu, wall = compiled(folder / name, target)
            lines.append(f"| {name} | {target} | {cpu:.1f} ({wall:.1f}) |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models")
    folder = models_folder(parser.parse_args(arguments).models)
    if folder is None:
        print("error: there is no folder of models; give --models", file=sys.stderr)
        return 1
    print(report(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
