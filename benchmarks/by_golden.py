"""Integer networks against stored references: other projects' layer outputs, and float64 ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.float_error import Sizes
from benchmarks.forced import nearest
from benchmarks.tally import Tally
from qcompile.semantics import evaluate
from qcompile.simulate import feed, prepared
from qcompile.source import Source

Array = NDArray[Any]


@dataclass(frozen=True)
class Result:
    """What was counted, and what has to be said of the references."""

    tally: Tally
    note: str


def goldens(io: Mapping[str, Array], source: Source) -> dict[str, tuple[str, Array]]:
    """Reference arrays by their names, each with the tensor that it holds."""
    found: dict[str, tuple[str, Array]] = {}
    tensors = [str(t) for t in io.get("expected_layer_tensor", [])]
    for i, tensor in enumerate(tensors):
        found[f"expected_layer{i}"] = (tensor, io[f"expected_layer{i}"])
    for i, output in enumerate(source.outputs):
        if f"output{i}_float64" in io:
            found[f"output{i}_float64"] = (output.name, io[f"output{i}_float64"])
    return found


def compare(source: Source, inputs: Any, found: Mapping[str, tuple[str, Array]]) -> Result:
    """Each reference array against its tensor, in all samples."""
    outputs = {o.name: o.node for o in source.outputs}
    nodes = {label: (source.tensors | outputs)[tensor] for label, (tensor, _) in found.items()}
    feeds = {n: feed(source.graph[n], a) for n, a in prepared(source, inputs).items()}
    values = evaluate(source.graph, feeds, set(nodes.values()).__contains__)
    own = {label: nearest(values[node]) for label, node in nodes.items()}
    layers = [label for label in found if label.startswith("expected_layer")]
    moved = {label: channels_last(own[label]) for label in layers}
    far = sum(mismatches(own[label], found[label][1]) for label in layers)
    near = sum(mismatches(moved[label], found[label][1]) for label in layers)
    notes = []
    if layers:
        notes.append(f"layers stored channels {'last' if near < far else 'first'}")
    sizes, tally = Sizes(source.graph, feeds, {}), Tally()
    for label, (_, expected) in found.items():
        array = moved[label] if near < far and label in moved else own[label]
        notes += check(label, array, expected, sizes, nodes[label], tally)
    return Result(tally, "; ".join(notes))


def check(
    label: str, own: Array, expected: Array, sizes: Sizes, node: str, tally: Tally
) -> list[str]:
    """Equal, or off by no more than floats round where the reference is no integer.

    Returns what has to be said of the reference.
    """
    flat, reference = own.reshape(-1), expected.reshape(-1)
    if flat.size != reference.size:
        raise ValueError(f"{label}: {own.shape} and {expected.shape} do not hold the same")
    wrong = flat != reference
    left, notes = wrong.copy(), []
    if not np.isfinite(reference).all():
        left &= np.isfinite(reference)
        notes.append(f"{label} holds infinities (its logarithm of a rounded Softmax): not judged")
    fraction = left & (flat != np.rint(flat))
    if fraction.any() and np.all(np.floor(flat[fraction] + 0.5) == reference[fraction]):
        left &= ~fraction
        notes.append(f"{label} is rounded, where the graph leaves fractions")
    if left.any() and np.any(reference[left] != np.rint(reference[left])):
        dtype = expected.dtype
        bound = np.broadcast_to(sizes.of(node).error(dtype, more=2), own.shape).reshape(-1)
        left &= ~(np.abs(flat - reference) <= bound)
        if not left.any():
            notes.append(f"{label} within its {dtype} rounding")
    tally.add(label, flat.size, int(wrong.sum()), int(left.sum()))
    return notes


def channels_last(array: Array) -> Array:
    """[samples, N, C, spatial...] with C at the end."""
    return np.moveaxis(array, 2, -1) if array.ndim > 3 else array


def mismatches(own: Array, expected: Array) -> int:
    return int((own.reshape(-1) != expected.reshape(-1)).sum())
