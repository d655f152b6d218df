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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qcompile
from benchmarks import qonnx_executor
from benchmarks.catalogue import models_folder
from qcompile.export import Model, Quantizer
from qcompile.export.builder import Tensor
from qcompile.simulate import prepared

Array = NDArray[Any]

INFERENCES = 1000
SLOW = 20  # inferences of the executor

DSCNN = "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx"
KWSMLP = "qonnx_zoo/kwsmlp_w3a3.onnx"
COMPILED = ("mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx", DSCNN)


@dataclass(frozen=True)
class Times:
    """Of one piece of work: this process's own time, and that of the clock on the wall."""

    cpu: float
    wall: float

    def scaled(self, factor: float) -> Times:
        return Times(self.cpu * factor, self.wall * factor)

    def __format__(self, spec: str) -> str:
        return f"{self.cpu:{spec}} ({self.wall:{spec}})"


def seconds(work: Callable[[], object]) -> Times:
    """One call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Times(time.process_time() - cpu, time.perf_counter() - wall)


def samples(path: Path) -> Array:
    """As many inputs as are simulated, the stored ones again and again."""
    stem = path.stem.split("__tf2onnx17")[0]
    with np.load(path.with_name(f"{stem}__io.npz")) as arrays:
        stored: Array = arrays["input"]
    return np.resize(stored, (INFERENCES, *stored.shape[1:]))


def dscnn(path: Path) -> None:
    """Write a QONNX network of DS-CNN's layers and sizes, with random weights."""
    rng = np.random.default_rng(0)
    model = Model("dscnn")
    codes = Quantizer(0.05, 8, signed=True)

    def layer(x: Tensor, shape: tuple[int, ...], **window: Any) -> Tensor:
        weights = Quantizer(rng.uniform(0.001, 0.003, shape[0]), 8)
        kernel = rng.normal(0, 0.1, shape)
        x = model.conv(x, kernel, weights, bias=rng.normal(0, 1, shape[0]), **window)
        return model.quantize(model.relu(x), codes)

    x = model.quantize(model.input("input", (1, 1, 49, 10)), codes)
    x = layer(x, (64, 1, 10, 4), strides=(2, 2), pads=(4, 1, 5, 1))
    for _ in range(4):
        x = layer(x, (64, 1, 3, 3), pads=(1, 1, 1, 1), groups=64)
        x = layer(x, (64, 64, 1, 1))
    x = model.flatten(model.quantize(model.average_pool(x, (25, 5)), codes))
    model.output(model.dense(x, rng.normal(0, 0.1, (12, 64)), Quantizer(0.002, 8)))
    model.save(path)


def executor(path: Path, inputs: Array) -> Times:
    """Milliseconds an inference of the qonnx executor takes."""
    ((name, array),) = prepared(qcompile.read(path), inputs[:SLOW]).items()
    model = qonnx_executor.prepared(path)
    qonnx_executor.run(model, name, array[:2], set())
    return seconds(lambda: qonnx_executor.run(model, name, array, set())).scaled(1e3 / SLOW)


def simulated(path: Path, inputs: Array) -> Times:
    """Milliseconds an inference of the oracle takes, reading left out."""
    source = qcompile.read(path)
    qcompile.simulate(source, inputs[:2])
    return seconds(lambda: qcompile.simulate(source, inputs)).scaled(1e3 / INFERENCES)


def compiled(path: Path, target: str) -> Times:
    """Seconds from reading to written files, without verification."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        return seconds(lambda: qcompile.compile(path, target, output=output, verify="no"))


def simulation(folder: Path) -> list[str]:
    """The first table."""
    with tempfile.TemporaryDirectory() as made:
        twin = Path(made) / "dscnn.onnx"
        dscnn(twin)
        images = np.random.default_rng(1).normal(0, 3, (INFERENCES, 1, 49, 10)).astype(np.float32)
        reference = executor(twin, images)
        rows = [
            (DSCNN, simulated(folder / DSCNN, samples(folder / DSCNN)), reference),
            ("DS-CNN in QONNX, random weights", simulated(twin, images), reference),
        ]
    inputs = samples(folder / KWSMLP)
    rows.append((KWSMLP, simulated(folder / KWSMLP, inputs), executor(folder / KWSMLP, inputs)))
    lines = [
        f"Simulating {INFERENCES:,} inputs; milliseconds an inference, CPU time (wall time). The",
        "executor's figure beside DS-CNN is of a QONNX network of the same layers and sizes.",
        "",
        "| model | qcompile simulate | qonnx executor | faster |",
        "|---|---|---|---|",
    ]
    for name, own, other in rows:
        lines.append(f"| {name} | {own:.2f} | {other:.2f} | {other.cpu / own.cpu:.0f} times |")
    return lines


def compilation(folder: Path) -> list[str]:
    """The second table."""
    lines = [
        "From reading to written files, without verification; seconds, CPU time (wall time).",
        "",
        "| model | target | time |",
        "|---|---|---|",
    ]
    for name in COMPILED:
        for target in ("riscv", "fpga"):
            lines.append(f"| {name} | {target} | {compiled(folder / name, target):.1f} |")
    return lines


def report(folder: Path) -> str:
    """Both tables as Markdown."""
    return "\n".join([*simulation(folder), "", *compilation(folder)]) + "\n"


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
