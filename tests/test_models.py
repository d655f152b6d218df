"""Real models of other projects: what is simulated is what their references compute.

The full tables are in benchmarks/models.md; here, what takes seconds.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import by_onnxruntime, by_qonnx, node_tests
from benchmarks.catalogue import Entry, entries, models_folder
from benchmarks.compare import compare
from benchmarks.forced import nearest
from benchmarks.rows import Status
from qcompile.graph import Graph, Node, copy_node
from qcompile.read import read
from qcompile.semantics import Constant
from qcompile.source import Source

LARGE = (  # minutes, or hundreds of megabytes: only in the benchmark
    "hls4ml_example_models/branched_model_ch_last.onnx",
    "hls4ml_example_models/separable_conv_model_ch_last.onnx",
    "qonnx_tests/espcn_subpixel_quant.onnx",
    "tinyengine/vww__tf2onnx17.onnx",
    "tinyengine/vww__tf2onnx17__qoperator.onnx",
    "tflm/person_detect__tf2onnx17_axisfix.onnx",
    "dory/dronet_2.0/model_int.onnx",
    "dory/proxylessnas_pulp_dronet/proxyless_id.onnx",
    "deeploy/Models/microLlama/INT8/microLlama1/network.onnx",
    "degenerate/e373a91__examples__mobilenetV1-imagenet-m0-25-in-3-128-128.onnx",
)
SAMPLES = 4
FOLDER = models_folder()
NO_MODELS = (
    "the folder of models is missing (QCOMPILE_MODELS, or shared/models beside the checkout)"
)


def folder() -> Path:
    if FOLDER is None:
        pytest.skip(NO_MODELS)
    return FOLDER


def listed() -> list[Any]:
    if FOLDER is None:
        return [pytest.param(None, marks=pytest.mark.skip(reason=NO_MODELS))]
    return [e for e in entries(FOLDER) if e.name not in LARGE]


def title(entry: Entry | None) -> str:
    return f"{entry.family}-{entry.name}" if entry else "none"


@pytest.mark.parametrize("entry", listed(), ids=title)
def test_simulates_what_the_reference_computes(entry: Entry) -> None:
    row = compare(entry, folder(), SAMPLES)
    if entry.out_of_scope and row.status is Status.REJECTED:
        return
    assert row.status in (Status.EQUAL, Status.EXPLAINED), row
    assert row.unexplained == 0
    assert row.elements > 0


def test_node_tests_of_quantized_operators() -> None:
    rows = [node_tests.run(case) for case in node_tests.cases()]
    wrong = [r for r in rows if r.status not in (Status.EQUAL, Status.REJECTED)]
    assert not wrong
    assert sum(r.status is Status.EQUAL for r in rows) >= 70


def with_changed_weights(source: Source, shape: tuple[int, ...]) -> Source:
    """The first eighth of the first constant of that shape is one more."""
    done = False

    def rule(new: Graph, node: Node, inputs: tuple[str, ...]) -> str:
        nonlocal done
        if isinstance(node.op, Constant) and node.op.value.shape == shape and not done:
            done = True
            value = node.op.value.copy()
            value.flat[: value.size // 8] += 1
            return new.add(node.name, Constant(value), origin=node.origin)
        return copy_node(new, node, inputs)

    changed = replace(source, graph=source.graph.rebuild(rule))
    assert done
    return changed


def test_changed_weights_are_noticed_by_the_comparison_with_onnxruntime() -> None:
    path = folder() / "mlperf_tiny/ad_ae_int8__tf2onnx17.onnx"
    samples = np.load(path.with_name("ad_ae_int8__io.npz"))["input"][:SAMPLES]
    wrong = with_changed_weights(read(path), (8, 128))
    assert by_onnxruntime.compare(read(path), path, samples).unexplained == 0
    assert by_onnxruntime.compare(wrong, path, samples).unexplained > 0


def test_changed_weights_are_noticed_by_the_comparison_with_qonnx() -> None:
    path = folder() / "finn/tfc_w1a1_build_dataflow.onnx"
    samples = np.load(path.with_name("tfc_w1a1_build_dataflow__io.npz"))["input"]
    wrong = with_changed_weights(read(path), (64, 64))
    assert by_qonnx.compare(read(path), path, samples).tally.unexplained == 0
    assert by_qonnx.compare(wrong, path, samples).tally.unexplained > 0


@pytest.mark.parametrize("name", ["kwsmlp_w3a3", "TFC_2W2A"])
def test_the_bound_of_float32_errors_holds_and_is_small(name: str) -> None:
    path = folder() / f"qonnx_zoo/{name}.onnx"
    source = read(path)
    samples = np.load(path.with_name(f"{name}__io.npz"))["input"][:SAMPLES]
    run = by_qonnx.Run(source, path, samples)
    checked = 0
    for q in run.quantizers:
        if q.x not in source.tensors:
            continue
        node = source.tensors[q.x]
        bound = run.sizes.of(node).error(np.dtype(np.float32))
        error = np.abs(nearest(run.computed[node]) - run.tensors[q.x])
        assert np.all(error <= bound)
        assert bound.max() < 2.0**-6 * run.tensors[q.scale].max()
        checked += int(np.any(error > 0))
    assert checked
