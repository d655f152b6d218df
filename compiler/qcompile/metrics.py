"""Scores against labels, and beside them those of onnxruntime where it can run the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.progress import Progress
from qcompile.simulate import prepared, stacked
from qcompile.source import Source

Array = NDArray[Any]


def scores(
    path: str,
    source: Source,
    inputs: Mapping[str, Array],
    outputs: Mapping[str, Array],
    labels: Mapping[str, Array],
    progress: Progress,
) -> list[str]:
    """Lines that say how good the outputs are: top-1, AUC or MSE, by what the labels are."""
    arrays = prepared(source, inputs)
    name = source.outputs[0].name
    truth = chosen(labels, len(next(iter(arrays.values()))))
    first = next(iter(arrays.values()))
    found = outputs[name] if name in outputs else next(iter(outputs.values()))
    lines = [f"simulated: {score(found, truth, stacked(first))}"]
    progress.step("reference")
    try:
        expected = reference(path, source, arrays)
    except Unavailable as why:
        return [*lines, f"onnxruntime: not run: {why}"]
    return [*lines, f"onnxruntime: {score(expected, truth, stacked(first))}"]


def chosen(labels: Mapping[str, Array], samples: int) -> Array:
    """The array of labels: the one of that name, or the only one with so many samples."""
    fitting = {n: a for n, a in labels.items() if a.ndim and len(a) == samples}
    if "labels" in fitting:
        return fitting["labels"]
    if len(fitting) != 1:
        raise CompileError(
            f"{len(fitting)} arrays hold {samples} labels",
            at="--labels",
            help="name the array `labels`, one row for each sample",
        )
    return next(iter(fitting.values()))


def score(found: Array, truth: Array, inputs: Array) -> str:
    """Of outputs [N, ...] for labels [N] (classes, or 0 and 1) or [N, ...] (targets)."""
    values = found.reshape(len(found), -1).astype(np.float64)
    labels = truth.reshape(len(truth), -1)
    if labels.shape == values.shape and labels.shape[1] > 1:
        if is_one_hot(labels):
            return top_1(values, labels.argmax(axis=1))
        return f"MSE {np.mean((values - labels) ** 2):.6g}"
    if labels.shape[1] != 1:
        raise CompileError(
            f"labels of shape {truth.shape} do not fit outputs of shape {found.shape}",
            at="--labels",
            help="give a class for each sample, or an array like the output",
        )
    target = labels[:, 0]
    binary = set(np.unique(target)) <= {0, 1}
    if values.shape[1] == 1:
        if binary:
            return f"AUC {auc(values[:, 0], target):.4f}"
        return f"MSE {np.mean((values[:, 0] - target) ** 2):.6g}"
    if binary and values.size == inputs.size:  # an autoencoder: its error is the score
        errors = ((values - inputs.reshape(values.shape)) ** 2).mean(axis=1)
        return f"AUC {auc(errors, target):.4f} of the reconstruction error"
    return top_1(values, target)


def is_one_hot(labels: Array) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all())


def top_1(values: Array, classes: Array) -> str:
    """Of equal scores the first counts."""
    right = int((values.argmax(axis=1) == classes).sum())
    return f"top-1 {right / len(classes):.4f} ({right} of {len(classes)})"


def auc(values: Array, labels: Array) -> float:
    """The chance that a 1 scores higher than a 0; equal scores count half."""
    ones, zeros = values[labels == 1], np.sort(values[labels == 0])
    if not ones.size or not zeros.size:
        return float("nan")
    below = np.searchsorted(zeros, ones, "left") + np.searchsorted(zeros, ones, "right")
    return float(below.mean() / 2 / zeros.size)


class Unavailable(Exception):
    """Why the reference did not run."""


def reference(path: str, source: Source, arrays: Mapping[str, Array]) -> Array:
    """The first output as onnxruntime computes it, sample by sample, without optimisations."""
    try:
        import onnxruntime as ort
    except ImportError:
        raise Unavailable("install qcompile[ort]") from None
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        samples = range(len(next(iter(arrays.values()))))
        name = source.outputs[0].name
        runs = [session.run([name], {n: a[i] for n, a in arrays.items()})[0] for i in samples]
    except Exception as error:  # onnxruntime raises many kinds, none of them public
        said = str(error).splitlines()[0]
        if "is not a registered" in said:
            said = f"it does not have the operators of {source.dialect.value}"
        raise Unavailable(said[:200]) from None
    return stacked(np.stack(runs))
