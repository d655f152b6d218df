"""How many test images the compiled code of an example gets right, for both targets.

    python -m examples.accuracy [digits_cnn] [digits_mlp]

Compiles the code for this machine, runs it on every test image, and compares each output code with
exact arithmetic on the graph (`exact.py`, which shares nothing with the compiler).
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qcompile
from examples import exact

FOLDER = Path(__file__).parent
EXAMPLES = ("digits_cnn", "digits_mlp")
TARGETS = ("riscv", "fpga")

Array = NDArray[Any]


@dataclass(frozen=True)
class Score:
    """Of the compiled code on the test images."""

    right: int
    images: int
    unequal: int  # output codes that are not those of exact arithmetic

    @property
    def cells(self) -> str:
        """As in the README of the example."""
        return f"{self.right} of {self.images} | {100 * self.right / self.images:.2f} %"


def score(example: str, target: str) -> Score:
    """Compile and run; equal scores count for the lower digit."""
    images, labels = images_and_labels(example)
    codes = compiled_codes(example, target, images)
    expected = exact.output_codes(FOLDER / example / "model.onnx", images)
    right = int((codes.argmax(axis=1) == labels).sum())
    return Score(right, len(images), int((codes != expected).sum()))


def images_and_labels(example: str) -> tuple[Array, Array]:
    """Images and labels."""
    with np.load(FOLDER / example / "inputs.npz") as arrays:
        return arrays["input"], arrays["labels"]


def compiled_codes(example: str, target: str, images: Array) -> Array:
    """What the compiled code gives: [images, 10]."""
    with tempfile.TemporaryDirectory() as folder:
        path = FOLDER / example / "model.onnx"
        build = qcompile.compile(path, target, output=Path(folder) / "out", verify="no")
        (codes,) = build.run(images).values()
    return codes


def main(names: list[str]) -> None:
    for name in names or EXAMPLES:
        for target in TARGETS:
            found = score(name, target)
            unequal = f"{found.unequal} codes unlike exact arithmetic"
            print(f"| {name}, {target} | {found.cells} | {unequal} |")


if __name__ == "__main__":
    main(sys.argv[1:])
