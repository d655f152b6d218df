"""One model against the reference that its family has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks import by_golden, by_onnxruntime, by_qonnx
from benchmarks.catalogue import Entry
from benchmarks.rows import Row, Status
from qcompile.errors import CompileError
from qcompile.read import read
from qcompile.simulate import simulate
from qcompile.source import Dialect, Source

Array = NDArray[Any]

NOTES = {
    "match/bc42623__examples__integerized_conv.onnx": "its int32 tensors overflow: they wrap, as "
    "ONNX types do and onnxruntime computes; the float64 reference does not wrap",
}

FEW = {  # samples of networks that take long
    "hls4ml_example_models/branched_model_ch_last.onnx": 1,
    "tinyengine/vww__tf2onnx17.onnx": 4,
    "tinyengine/vww__tf2onnx17__qoperator.onnx": 4,
    "tflm/person_detect__tf2onnx17_axisfix.onnx": 8,
}
MOST_SAMPLES = 50

BYTES = (  # their input is a byte divided by 255
    "qonnx2mdc/mnist_qonnx_model.onnx",
    "qonnx_tests/espcn_subpixel_quant.onnx",
)


def inputs_of(entry: Entry, folder: Path) -> dict[str, Array]:
    """What the reference arrays were made from."""
    path = entry.path(folder)
    own = path.parent / "inputs.npz"
    name = path.stem.split("__tf2onnx17")[0] if "qoperator" not in path.stem else path.stem
    stored = path.parent / f"{name}__io.npz"
    with np.load(own if own.exists() else stored) as arrays:
        return {k: arrays[k] for k in arrays.files}


def compare(entry: Entry, folder: Path, most: int = MOST_SAMPLES) -> Row:
    """One model on at most so many samples; errors become rows."""
    try:
        return _compare(entry, folder, most)
    except CompileError as error:
        status = Status.REJECTED if entry.out_of_scope else Status.ERROR
        why = f" (out of scope: {entry.out_of_scope})" if entry.out_of_scope else ""
        where = f" at {error.place}" if error.place else ""
        note = f"{error.what}{where}{why}".replace(f"{folder}/", "")
        return Row(entry.family, entry.name, "", status, note=note)
    except Exception as error:  # a bug, ours or the reference's: it stands in the table
        note = f"{type(error).__name__}: {error}".replace(f"{folder}/", "")[:300]
        return Row(entry.family, entry.name, "", Status.ERROR, note=note)


def _compare(entry: Entry, folder: Path, most: int) -> Row:
    path = entry.path(folder)
    if entry.family in "GH":
        return against_outputs(entry, path)
    io = inputs_of(entry, folder)
    source, samples, note = opened(entry, path, io["input"])
    if any(k.startswith("expected_layer") for k in io):
        return against_golden(entry, source, io)
    if entry.family not in "C" and any(k.endswith("_float64") for k in io):
        return against_golden(entry, source, io)
    few = samples[: min(most, FEW.get(entry.name, most))]
    if source.dialect not in (Dialect.QONNX, Dialect.FINN):
        tally = by_onnxruntime.compare(source, path, few)
        note = NOTES.get(entry.name, note)
        row = tally.row(entry.family, entry.name, "onnxruntime", len(few), note=note)
        return replace(row, end_to_end=end_to_end(source, samples, io))
    result = by_qonnx.compare(source, path, few)
    if result.left_out:
        note = "; ".join(filter(None, (note, f"nothing needs {', '.join(result.left_out)}")))
    if samples is not io["input"]:  # the stored outputs are of other samples
        outputs = enumerate(source.outputs)
        samples, io = few, {f"output{i}_qonnx": result.outputs[o.name] for i, o in outputs}
    row = result.tally.row(entry.family, entry.name, "qonnx executor", len(few), note=note)
    return replace(row, end_to_end=end_to_end(source, samples, io))


def opened(entry: Entry, path: Path, samples: Array) -> tuple[Source, Array, str]:
    """The model; where no quantizer reads its input, with a grid, and the samples on it."""
    try:
        return read(path), samples, ""
    except CompileError as error:
        if not error.what.startswith("no quantizer reads the input") or entry.out_of_scope:
            raise
        name = error.place
    if entry.name in BYTES:
        return read(path, inputs={name: "uint8,scale=1/255"}), samples, ""
    rounded = np.clip(np.rint(samples * 2.0**10), -(2**15), 2**15 - 1) / 2.0**10
    source = read(path, inputs={name: "fixed<16,6>"})
    return source, rounded.astype(np.float32), "input declared fixed<16,6>, samples rounded to it"


def end_to_end(source: Source, samples: Array, io: Mapping[str, Array]) -> str:
    """The last output of a plain simulation beside each stored one."""
    found = simulate(source, samples)
    texts = []
    for i, output in enumerate(source.outputs):
        for name in io:
            if name.startswith(f"output{i}_"):
                own = found[output.name]
                count = io[name].size // max(own[0].size, 1)
                text = by_qonnx.difference(own[:count].reshape(io[name].shape), io[name])
                texts.append(f"{name.split('_', 1)[1]}: {text}")
    return "; ".join(texts)


def against_golden(entry: Entry, source: Source, io: Mapping[str, Array]) -> Row:
    found = by_golden.goldens(io, source)
    result = by_golden.compare(source, io["input"], found)
    layers = sum(k.startswith("expected_layer") for k in found)
    reference = f"{layers} golden layers, float64" if layers else "float64 interpreter"
    notes = [result.note]
    for key in io:
        if key.endswith("_ort_stripped_attrs"):
            own = simulate(source, io["input"])[source.outputs[0].name]
            text = by_qonnx.difference(own.reshape(io[key].shape), io[key])
            notes.append(f"onnxruntime in float32: {text}")
    note = "; ".join(filter(None, notes))
    return result.tally.row(entry.family, entry.name, reference, len(io["input"]), note=note)


def against_outputs(entry: Entry, path: Path) -> Row:
    """Deeploy's own inputs and outputs, which stand in the order of the graph's."""
    if entry.out_of_scope:
        read(path)
    with np.load(path.parent / "inputs.npz") as arrays:
        given = [arrays[k] for k in arrays.files]
    with np.load(path.parent / "outputs.npz") as arrays:
        wanted = [arrays[k] for k in arrays.files]
    graph = onnx.load(str(path)).graph
    stored = {t.name for t in graph.initializer}
    inputs = [v for v in graph.input if v.name not in stored]
    feeds, grids = {}, {}
    for value, array in zip(inputs, given, strict=False):
        single = value.type.tensor_type.shape.dim[0].dim_value in (0, 1)
        feeds[value.name] = array if single else array[np.newaxis]
        if np.all(array == np.rint(array)) and (array.min() < 0 or array.max() > 255):
            grids[value.name] = integer_type(array)
    source = read(path, inputs=grids)
    names = {o.name: (o.name, w) for o, w in zip(source.outputs, wanted, strict=False)}
    result = by_golden.compare(source, feeds, names)
    declared = f"inputs declared {', '.join(sorted(set(grids.values())))}" if grids else ""
    note = "; ".join(filter(None, (declared, result.note)))
    return result.tally.row(entry.family, entry.name, "the project's outputs", 1, note=note)


def integer_type(array: Array) -> str:
    """The narrowest signed type of 8, 16 or 32 bits that holds the array."""
    bits = next(b for b in (8, 16, 32) if -(1 << (b - 1)) <= array.min())
    bits = next(b for b in (8, 16, 32) if b >= bits and array.max() < 1 << (b - 1))
    return f"int{bits}"
