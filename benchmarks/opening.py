"""Models of the catalogue as the compiler reads them: cropped, declared, re-widthed."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from benchmarks.catalogue import Entry
from benchmarks.compare import BYTES, integer_type
from benchmarks.crop import CROPS, cropped
from qcompile.errors import CompileError
from qcompile.read import read
from qcompile.source import Source
from tests.rewidth import rewidth


def opened(entry: Entry, folder: Path, seed: int | None) -> Source:
    """The model as exported, or with weights of random widths by `seed`."""
    source = as_exported(entry, entry.path(folder))
    return source if seed is None else rewidth(source, seed)


def note_of(entry: Entry) -> str:
    """What was changed of the network, for the table."""
    shape = CROPS.get(entry.name)
    return f"on a crop, {'x'.join(map(str, shape))}" if shape else ""


def as_exported(entry: Entry, path: Path) -> Source:
    """The model; inputs that no quantizer reads get a grid."""
    crop = CROPS.get(entry.name)
    if crop is None:
        return declared(entry, path, grids_of(path))
    with tempfile.TemporaryDirectory(prefix="qcompile-crop-") as home:
        source = declared(entry, cropped(path, crop, Path(home)), {})
    return replace(source, name=path.stem)


def declared(entry: Entry, path: Path, grids: dict[str, str]) -> Source:
    """Reads it; where that needs an input's grid, with one that holds such data."""
    try:
        return read(path, inputs=grids)
    except CompileError as error:
        if not error.what.startswith("no quantizer reads the input"):
            raise
        kind = "uint8,scale=1/255" if entry.name in BYTES else "fixed<16,6>"
        return read(path, inputs={error.place: kind})


def grids_of(path: Path) -> dict[str, str]:
    """Types of the inputs whose stored samples are integers that no byte holds."""
    stored = path.parent / "inputs.npz"
    if not stored.exists():
        return {}
    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {t.name for t in graph.initializer}
    names = [v.name for v in graph.input if v.name not in constants]
    with np.load(stored) as arrays:
        samples = [arrays[k] for k in arrays.files]
    return {
        name: integer_type(array)
        for name, array in zip(names, samples, strict=False)
        if np.all(array == np.rint(array)) and (array.min() < 0 or array.max() > 255)
    }
