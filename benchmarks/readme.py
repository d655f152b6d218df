"""Writes the parts of README.md that are output: a run, the tables, the operators.

    python -m benchmarks.readme

The parts stand between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test checks each.
"""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qcompile
from benchmarks.models import MODELS_MD
from examples.accuracy import EXAMPLES
from examples.accuracy import FOLDER as EXAMPLES_FOLDER
from qcompile.compare import compare
from qcompile.inputs import load_arrays
from qcompile.read import elementwise, fold, table
from qcompile.read import quant_qdq as qdq
from qcompile.read import quant_qonnx as qonnx
from qcompile.report.comparison import comparison
from qcompile.report.summary import count, size, summary

README = Path(__file__).parents[1] / "README.md"

SHOWN = "digits_cnn"  # the example of the run
BOARD = "esp32c3"
SUMMARY_KEY = 12  # characters
FUNCTION = "layer_classifier"  # of its C
TARGETS = (BOARD, "pynq-z2")

CORE = "mpic"  # of the options
BANDS, FLASH_WAIT = "least", 1
PRICES = ("flash", "RAM", "in bands", "cycles", "slow flash")  # lines of the summary

MODELS = {  # of models.md: what the README calls them
    "mlperf_tiny/ic_resnet8_int8__tf2onnx17.onnx": "ResNet8 (QDQ, MLPerf Tiny)",
    "mlperf_tiny/kws_dscnn_int8__tf2onnx17.onnx": "DS-CNN (QDQ, MLPerf Tiny)",
    "mlperf_tiny/ad_ae_int8__tf2onnx17.onnx": "autoencoder (QDQ, MLPerf Tiny)",
    "mlperf_tiny_v13_k1/k1_ic_resnet8__qoperator.onnx": "ResNet8 (QOperator)",
    "tinyengine/vww__tf2onnx17.onnx": "visual wake words (QDQ, TinyEngine)",
    "hls4ml_example_models/keras/hgq_mnist_heterogeneous__qonnx.onnx": (
        "MNIST CNN, widths by channel (QONNX, HGQ)"
    ),
    "qonnx_zoo/TFC_1W1A.onnx": "MNIST MLP, 1 bit (QONNX)",
}

REFUSED = (elementwise.compared, qdq.dynamic, qonnx.float_quant)


def compiled(example: str, target: str, folder: Path) -> qcompile.Build:
    """The example, verified with random vectors, corners and its test images."""
    home = EXAMPLES_FOLDER / example
    return qcompile.compile(
        home / "model.onnx",
        target,
        name=example,
        inputs=load_arrays(home / "inputs.npz"),
        output=folder,
    )


def run(folder: Path) -> str:
    """A command, its summary, what it wrote and a function of that."""
    build = compiled(SHOWN, BOARD, folder)
    home = f"examples/{SHOWN}"
    command = (
        f"$ qcompile {home}/model.onnx --inputs {home}/inputs.npz \\\n"
        f"    --target {BOARD} --name {SHOWN} -o out"
    )
    text = (folder / f"{SHOWN}.c").read_text()
    start = text.rindex("/*", 0, text.index(FUNCTION))
    function = text[start : text.index("\n}\n", start) + 2]
    return (
        f"```\n{command}\n{summary(build.report, 'out')}\n```\n\n"
        f"```\n{tree(folder)}\n```\n\n"
        f"A layer of `out/{SHOWN}.c`:\n\n```c\n{function}\n```"
    )


def tree(folder: Path) -> str:
    """The files of a folder; those of a folder in it on one line."""
    lines = ["out/"]
    for path in sorted(folder.iterdir(), key=lambda p: (p.is_dir(), p.name)):
        names = sorted(p.name for p in path.iterdir()) if path.is_dir() else []
        line = f"  {path.name}/ {' '.join(names)}" if names else f"  {path.name}"
        lines.append(textwrap.fill(line, 100, subsequent_indent=" " * (len(path.name) + 4)))
    return "\n".join(lines)


def options(folder: Path) -> str:
    """What bands of rows and slow flash give and take, as the summary says it."""
    model = f"examples/{SHOWN}/model.onnx"
    build = qcompile.compile(
        README.parent / model,
        CORE,
        name=SHOWN,
        bands=BANDS,
        flash_wait=FLASH_WAIT,
        output=folder,
    )
    lines = summary(build.report, "out").splitlines()
    shown = [line for line in lines if line[:SUMMARY_KEY].strip() in PRICES]
    command = (
        f"$ qcompile {model} --target {CORE} \\\n"
        f"    --bands {BANDS} --flash-wait {FLASH_WAIT} --name {SHOWN} -o out"
    )
    return "\n".join(("```", command, *shown, "```"))


def compared() -> str:
    """The table of `qcompile compare`."""
    model = f"examples/{SHOWN}/model.onnx"
    found = comparison(compare(README.parent / model))
    table_only = found.split("\n\n")[0]
    return f"```\n$ qcompile compare {model}\n{table_only}\n```"


def results(folder: Path) -> str:
    """The examples on both targets, from report.json."""
    lines = [
        "| example | target | MACs | weights | flash | RAM | cycles | verified |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for example in EXAMPLES:
        for target in TARGETS:
            report = compiled(example, target, folder / example / target).report
            lines.append(f"| {example} | {target} | {' | '.join(result_cells(report))} |")
    return "\n".join(lines)


def result_cells(report: dict[str, Any]) -> list[str]:
    totals = report["totals"]
    ran = [level for level in report["verify"]["levels"].values() if level["ran"]]
    return [
        count(totals["macs"]),
        size(totals["weight_bytes"]),
        size(totals["flash_bytes"]) if "flash_bytes" in totals else "",
        size(totals["ram_bytes"]) if "ram_bytes" in totals else "",
        f"{count(totals['ii_cycles'])} (model)" if "ii_cycles" in totals else "not measured",
        f"{report['verify']['vectors']} vectors, "
        f"{sum(level['mismatches'] for level in ran)} mismatches",
    ]


def models(text: str) -> str:
    """Rows of benchmarks/models.md, in fewer columns."""
    c, hls = (rows_below(text, f"### {name}, as exported") for name in ("C", "HLS"))
    lines = [
        "| model | flash bytes | arena bytes | C: vectors, mismatches | HLS: vectors, mismatches |",
        "|---|---|---|---|---|",
    ]
    for path, title in MODELS.items():
        row = c.get(path, {})
        cells = [
            title,
            row.get("rv32 flash bytes", ""),
            row.get("arena bytes", ""),
            verdict(row),
            verdict(hls.get(path, {})),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(row: dict[str, str]) -> str:
    if not row:
        return "not run"
    return f"{row['vectors']}, {row['mismatches']}" if row["vectors"] else "failed"


def rows_below(text: str, heading: str) -> dict[str, dict[str, str]]:
    """The rows of the table below a heading, by their first cell."""
    _, found, after = text.partition(f"{heading}\n")
    if not found:
        return {}
    lines = [line for line in after.split("\n#")[0].splitlines() if line.startswith("|")]
    header, _, *rows = ([c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines)
    return {cells[0]: dict(zip(header, cells, strict=True)) for cells in rows}


def operators() -> str:
    """The reader's tables."""
    standard = handled(table.STANDARD)
    custom = handled(table.CUSTOM)
    constants = fold.FOLDED - standard
    refused = {*table.STANDARD, *table.CUSTOM, *table.ATTENTION} - standard - custom - constants
    groups = {
        "ONNX": standard,
        "ONNX, of shapes and constants only": constants,
        "QONNX, FINN, Deeploy and `com.microsoft`": custom,
        "`qonnx.custom_op.channels_last`": set(table.CHANNELS_LAST),
        "Refused, with the reason": refused - fold.FOLDED,
    }
    return "\n".join(paragraph(title, names) for title, names in groups.items())


def handled(handlers: dict[str, table.Handler]) -> set[str]:
    return {name for name, handler in handlers.items() if handler not in REFUSED}


def paragraph(title: str, names: set[str] | frozenset[str]) -> str:
    """An item of a list, the names in alphabetical order, on lines of up to 100 characters."""
    text = f"- *{title}*: {', '.join(sorted(names, key=str.lower))}."
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def within(text: str, name: str) -> str:
    """What stands between the marks of a part."""
    return text.split(f"<!-- begin {name} -->\n")[1].split(f"<!-- end {name} -->")[0].rstrip("\n")


def replaced(text: str, name: str, part: str) -> str:
    before, _, after = text.partition(f"<!-- begin {name} -->\n")
    _, end, rest = after.partition(f"<!-- end {name} -->")
    assert end, f"README.md has no part {name}"
    return f"{before}<!-- begin {name} -->\n{part}\n{end}{rest}"


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        parts: dict[str, Callable[[], str]] = {
            "run": lambda: run(Path(made) / "run"),
            "options": lambda: options(Path(made) / "options"),
            "compare": compared,
            "results": lambda: results(Path(made)),
            "models": lambda: models(MODELS_MD.read_text()),
            "operators": operators,
        }
        text = README.read_text()
        for name, part in parts.items():
            text = replaced(text, name, part())
    README.write_text(text)


if __name__ == "__main__":
    main()
