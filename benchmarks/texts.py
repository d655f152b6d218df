"""The tables of the comparisons, and what has to be said about them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.rows import load, table, totals

TITLES = {
    "A": "QDQ int8, against onnxruntime layer by layer",
    "C": "Integer operators, against onnxruntime layer by layer",
    "D": "QONNX, against the `qonnx` executor layer by layer",
    "E": "FINN, against the `qonnx` executor layer by layer",
    "F": "Integer dialects, against the projects' layer outputs and float64 references",
    "G": "Deeploy networks, against the project's outputs",
    "H": "Deeploy kernels, against the project's outputs",
    "I": "QONNX unit graphs, against the `qonnx` executor layer by layer",
    "Z": "Degenerate networks, against float64 references",
    "node": "Node tests of ONNX's quantized operators",
}

TEXTS = {
    "A": "onnxruntime runs with its optimisations off, one sample at a time, the output of every "
    "QuantizeLinear exposed; each layer of the oracle reads onnxruntime's own codes. A difference "
    "is explained if it is one code, and the exact value lies within 2^-10 of a code from the "
    "boundary. End to end such differences cascade; that column is not judged.",
    "C": "As above under the semantics `ort`. The integer operators must be equal; only a "
    "QuantizeLinear after float32 arithmetic may differ as in family A.",
    "D": "Codes of every quantizer, weights and biases included; each layer of the oracle reads "
    "the executor's own codes. A difference is explained if a value within the bound of the "
    "float32 error of the executor's chain rounds to the executor's code.",
    "F": "The float64 references follow from the operators' definitions, up to the rounding of "
    "float64 in a last layer with real weights; onnxruntime in float32 drops bits of sums and "
    "products beyond 2^24. Of DORY's files, layers are compared in whichever order of axes the "
    "file was written in, the same for all layers.",
}


def fragment(cache: Path) -> str:
    """The tables of everything in the cache, as Markdown."""
    rows = load(cache)
    parts = []
    for family, title in TITLES.items():
        mine = [row for row in rows if row.family == family]
        if mine:
            text = f"{TEXTS[family]}\n\n" if family in TEXTS else ""
            parts.append(f"### {title}\n\n{text}{totals(mine)}.\n\n{table(mine)}\n")
    return "\n".join(parts)
