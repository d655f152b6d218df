"""The node tests of ONNX's quantized operators, from the `onnx` package itself."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from benchmarks.rows import Row, Status
from qcompile.errors import CompileError
from qcompile.read import read
from qcompile.simulate import simulate

Array = NDArray[Any]

PREFIXES = (
    "qlinearconv",
    "qlinearmatmul",
    "convinteger",
    "matmulinteger",
    "quantizelinear",
    "dequantizelinear",
    "dynamicquantizelinear",
)
SMALL = ("INT4", "UINT4", "INT2", "UINT2")
DATA = {"QLinearMatMul": (0, 3), "MatMulInteger": (0, 1)}  # inputs that stay inputs; else the first


def cases() -> Iterator[Any]:
    """The test cases of quantized operators, and of casts from and to integers below 8 bits."""
    seen = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collected = collect_testcases(None)
    for case in collected:
        name = case.name.removeprefix("test_")
        words = name.split("_")
        cast = words[0] == "cast" or (words[0] == "castlike" and words[-1] == "expanded")
        wanted = name.startswith(PREFIXES) or (cast and any(s in words for s in SMALL))
        if wanted and name not in seen and case.data_sets:
            seen.add(name)
            yield case


def out_of_scope(case: Any) -> str | None:
    """Why a case need not pass."""
    name = case.name
    if "dynamicquantize" in name:
        return "chooses its scale at run time"
    if any(word in name for word in ("e4m3", "e5m2", "float4", "float8", "e8m0")):
        return "small floating-point formats"
    return None


def with_constants(case: Any) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The case's model with parameters stored in it, as real models have them, and its data."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    (first, *_) = model.graph.node
    kept = {first.input[i] for i in DATA.get(first.op_type, (0,)) if i < len(first.input)}
    data = {}
    for value, given in zip(list(model.graph.input), case.data_sets[0][0], strict=True):
        if value.name in kept:
            data[value.name] = plain(given)
            continue
        proto = isinstance(given, onnx.TensorProto)
        tensor = given if proto else numpy_helper.from_array(np.asarray(given))
        tensor.name = value.name
        model.graph.initializer.append(tensor)
        model.graph.input.remove(value)
    return model, data


def grids(model: onnx.ModelProto) -> dict[str, str]:
    """What arrives at casts, which no quantizer reads."""
    return {
        value.name: "fixed<24,12>"
        for value in model.graph.input
        if all(node.op_type == "Cast" for node in model.graph.node)
        and value.type.tensor_type.elem_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }


def plain(given: Any) -> Array:
    """A tensor as an array of a type that numpy itself has."""
    array = np.asarray(
        numpy_helper.to_array(given) if isinstance(given, onnx.TensorProto) else given
    )
    return array if array.dtype.kind in "iufb" else array.astype(np.float32)


def run(case: Any) -> Row:
    """One case: what it gives equals what the case expects, in every element."""
    family, reference = "node", "onnx.backend.test"
    try:
        found, wanted = simulated(case)
    except CompileError as error:
        reason = out_of_scope(case)
        note = f"{error.what}" + (f" (out of scope: {reason})" if reason else "")
        status = Status.REJECTED if reason else Status.ERROR
        return Row(family, case.name, reference, status, note=note)
    except Exception as error:  # a bug of ours: it stands in the table
        note = f"{type(error).__name__}: {error}"[:200]
        return Row(family, case.name, reference, Status.ERROR, note=note)
    pairs = list(zip(found, wanted, strict=True))
    differing = sum(int((a.reshape(b.shape) != b).sum()) for a, b in pairs)
    size = sum(b.size for b in wanted)
    status = Status.DIFFERS if differing else Status.EQUAL
    return Row(family, case.name, reference, status, 1, len(pairs), size, differing, differing)


def simulated(case: Any) -> tuple[list[Array], list[Array]]:
    """The outputs, and what they should be."""
    model, data = with_constants(case)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.onnx"
        onnx.save(model, str(path))
        source = read(path, inputs=grids(model))
    feeds = {}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        single = bool(dims) and dims[0].dim_value in (0, 1)
        feeds[value.name] = data[value.name] if single else data[value.name][np.newaxis]
    found = simulate(source, feeds)
    wanted = [plain(w).astype(np.float64) for w in case.data_sets[0][1]]
    return [found[o.name].astype(np.float64) for o in source.outputs], wanted
