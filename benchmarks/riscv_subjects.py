"""The networks of the RISC-V tables: models of other projects, and generated ones."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.shapes import Shape, Single, Widths, network, single
from qcompile.export import Model
from qcompile.read import read
from qcompile.source import Source
from tests.rewidth import rewidth

TRAINED = {  # the models of MLPerf Tiny's shapes in the folder of models
    Shape.RESNET8: "mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx",
    Shape.DSCNN: "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx",
    Shape.AUTOENCODER: "mlperf_tiny/ad_ae_int8__tf2onnx17.onnx",
    Shape.MOBILENET: "tflm/person_detect__tf2onnx17_axisfix.onnx",
}


@dataclass(frozen=True)
class Subject:
    """A network, and how it is had; `title` is its name in tables, if that is another."""

    name: str
    open: Callable[[], Source] = field(compare=False)
    short: str = ""

    @property
    def title(self) -> str:
        return self.short or self.name


def trained(shape: Shape, folder: Path) -> Subject:
    """The 8-bit model of another project."""
    path = folder / TRAINED[shape]
    return Subject(TRAINED[shape], lambda: read(path), shape.value)


def rewidened(shape: Shape, folder: Path, seed: int) -> Subject:
    """The same with weights of 0 to 8 bits, drawn for each channel."""
    path = folder / TRAINED[shape]
    name = f"{TRAINED[shape]}, widths {seed}"
    return Subject(name, lambda: rewidth(read(path), seed), f"{shape.value}, random widths")


def generated(shape: Shape, widths: Widths) -> Subject:
    return Subject(f"{shape.value} {widths}", lambda: written(network(shape, widths)))


def alone(layer: Single, widths: Widths) -> Subject:
    """A layer between two others."""
    return Subject(f"{layer.value} {widths}", lambda: written(single(layer, widths)))


def written(model: Model) -> Source:
    """A generated network as a file, read."""
    with tempfile.TemporaryDirectory(prefix="qcompile-shapes-") as home:
        path = Path(home) / "network.onnx"
        model.save(path)
        return read(path)
