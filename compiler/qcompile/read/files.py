"""From a path to an ONNX model: other formats recognised, external data kept inside the folder."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from qcompile.errors import CompileError
from qcompile.read.elements import ELEMENTS
from qcompile.read.tensors import check_size

MOST_BYTES = 2 << 30  # of a file; protobuf itself ends there
HEAD = 4096

KERAS = (
    "convert it: python -m tf2onnx.convert --keras MODEL --output model.onnx --opset 17; "
    "QKeras: qonnx.converters.from_keras"
)
TFLITE = "convert it: python -m tf2onnx.convert --tflite MODEL --output model.onnx --opset 17"
SAVED = "convert it: python -m tf2onnx.convert --saved-model MODEL --output model.onnx --opset 17"
TORCH = (
    "export it: torch.onnx.export(model, example_input, 'model.onnx'); "
    "Brevitas: brevitas.export.export_qonnx(model, example_input, 'model.onnx')"
)
AGAIN = "export or download it again"


def load(path: Path) -> tuple[onnx.ModelProto, str]:
    """The model, its external data read in, and the SHA-256 of the file."""
    data = _read(path)
    problem = other_format(path, data)
    if problem:
        what, help = problem
        raise CompileError(what, at=str(path), help=help.replace("MODEL", path.name))
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        names_are_text(model)
    except (DecodeError, UnicodeDecodeError, ValueError):
        what = "the file is not ONNX, or cut off"
        raise CompileError(what, at=str(path), help=AGAIN) from None
    if not model.opset_import or not model.graph.output:
        raise CompileError("the file holds no ONNX model", at=str(path), help=AGAIN)
    for tensor in stored_tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            attach(tensor, path.parent)
    return model, hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            what, help = "a TensorFlow SavedModel is not ONNX", SAVED
            raise CompileError(what, at=str(path), help=help.replace("MODEL", path.name))
        raise CompileError("this is a folder", at=str(path), help="name an .onnx file")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CompileError("this is no file", at=str(path), help="name an .onnx file")
        if path.stat().st_size > MOST_BYTES:
            raise CompileError("the file is larger than 2 GiB", at=str(path), help=AGAIN)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad name"
        what = f"the file cannot be read ({reason})"
        raise CompileError(what, at=str(path), help="check its name and permissions") from None


def other_format(path: Path, data: bytes) -> tuple[str, str] | None:
    """What a file is instead of ONNX, by its content and then its suffix, and how to convert it."""
    head, suffix = data[:HEAD], path.suffix.lower()
    if not data:
        return "the file is empty", AGAIN
    if head[4:8] == b"TFL3" or suffix == ".tflite":
        return "a TensorFlow Lite model is not ONNX", TFLITE
    if head[:4] == b"\x89HDF" or suffix in (".h5", ".hdf5", ".keras"):
        return "a Keras model is not ONNX", KERAS
    if head[:4] == b"PK\x03\x04":
        inside = archive_names(path)
        if any(n.endswith("config.json") for n in inside):
            return "a Keras model is not ONNX", KERAS
        if any(n.endswith("data.pkl") for n in inside):
            return "a PyTorch model is not ONNX", TORCH
        return "an archive is not ONNX", "unpack it and name the .onnx file in it"
    if suffix in (".pt", ".pth", ".ckpt") or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04"):
        return "a PyTorch model is not ONNX", TORCH
    if suffix == ".pb":
        return "a TensorFlow graph is not ONNX", SAVED
    return None


def archive_names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def names_are_text(model: onnx.ModelProto) -> None:
    """Raises ValueError where a name is no UTF-8: protobuf gives bytes then."""
    graph = model.graph
    names: list[object] = [entry.domain for entry in model.opset_import]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    names += [value.name for value in (*graph.input, *graph.output)]
    for tensor in stored_tensors(graph):
        names += [tensor.name, *(x for e in tensor.external_data for x in (e.key, e.value))]
    if not all(isinstance(name, str) for name in names):
        raise ValueError


def stored_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All tensors that the graph stores: initializers and attributes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def attach(tensor: onnx.TensorProto, folder: Path) -> None:
    """Read external data into the tensor; it must lie, whole, in a plain file in the folder."""
    name = tensor.name or "a constant"
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    help = "keep the data file beside the model and write its bare name"
    parts = Path(location).parts
    if not location or os.path.isabs(location) or ".." in parts or "\0" in location:
        what = f"external data outside the model's folder: {location!r}"
        raise CompileError(what, at=name, help=help)
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            what = f"external data behind a symbolic link: {location!r}"
            raise CompileError(what, at=name, help=help)
    try:
        if not stat.S_ISREG(os.stat(place).st_mode):
            raise CompileError(f"external data {location!r} is no file", at=name, help=help)
        count = expected_bytes(tensor)
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", count))
        if offset < 0 or length != count or offset + length > place.stat().st_size:
            what = f"external data {location!r} does not hold the {count} bytes of the tensor"
            raise CompileError(what, at=name, help=AGAIN)
        with place.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad numbers"
        what = f"external data {location!r} cannot be read ({reason})"
        raise CompileError(what, at=name, help="put the data file beside the model") from None
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def expected_bytes(tensor: onnx.TensorProto) -> int:
    """How many bytes the tensor's shape and type need."""
    shape = tuple(tensor.dims)
    try:
        check_size(shape)
    except CompileError as error:
        raise error.at(tensor.name or "a constant") from None
    element = ELEMENTS.get(tensor.data_type)
    if element is None:
        raise CompileError("external data of a type that is not supported", at=tensor.name)
    wide: dict[int, int] = {onnx.TensorProto.DOUBLE: 64, onnx.TensorProto.FLOAT: 32}
    bits = 8 if element.boolean else element.bits or wide.get(tensor.data_type, 16)
    count = 1
    for size in shape:
        count *= size
    return (count * bits + 7) // 8
