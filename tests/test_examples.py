"""The compiled code of the examples: every output code, and the accuracy of the READMEs."""

from __future__ import annotations

import pytest

from examples.accuracy import EXAMPLES, FOLDER, score

ROWS = {"riscv": "compiled C", "fpga": "compiled HLS C++"}


@pytest.mark.parametrize("target", ROWS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_compiled_code_is_as_accurate_as_the_readme_says(example: str, target: str) -> None:
    found = score(example, target)
    assert (found.images, found.unequal) == (360, 0)
    lines = (FOLDER / example / "README.md").read_text().splitlines()
    assert f"| {ROWS[target]} | {found.cells} |" in lines


@pytest.mark.parametrize("example", EXAMPLES)
def test_compiled_and_quantized_accuracies_are_equal(example: str) -> None:
    lines = (FOLDER / example / "README.md").read_text().splitlines()
    cells = dict(line.strip("| ").split(" | ", 1) for line in lines if " of 360 | " in line)
    assert cells["quantized, in training"] == cells["compiled C"] == cells["compiled HLS C++"]
