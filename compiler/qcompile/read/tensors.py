"""Stored tensors as arrays: bounded in size, and with as much data as their shape says."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.elements import Element, element_of

MOST_ELEMENTS = 1 << 27  # of a tensor: 1 GiB when simulated in float64
MOST_FOLDED = 1 << 24  # of an array that reading itself computes
MOST_AXES = 12

_FIELDS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")


def check_size(shape: Shape, most: int = MOST_ELEMENTS) -> None:
    """Raises CompileError for a tensor that nothing here should allocate."""
    if len(shape) > MOST_AXES or any(s < 0 for s in shape):
        raise CompileError(f"a tensor of shape {list(shape)}")
    if prod(shape) > most:
        raise CompileError(
            f"a tensor of shape {list(shape)} has {prod(shape)} elements; {most} are the most",
            help="the model is far larger than any target; check its shapes",
        )


def to_array(tensor: TensorProto) -> tuple[NDArray[Any], Element]:
    """The array of a stored tensor, and its element; raises CompileError where it is damaged.

    Integers below 8 bits come in 8, reals as float32 or float64: all exactly.
    """
    element = element_of(tensor.data_type)
    shape = tuple(tensor.dims)
    check_size(shape)
    _check_length(tensor, element, prod(shape))
    try:
        array = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise CompileError(f"its data cannot be read ({error})", help="export it again") from None
    if element.boolean:
        return array.astype(np.bool_), element
    if element.integer:
        width = max(8, element.bits)
        return array.astype(f"{'int' if element.signed else 'uint'}{width}"), element
    return array.astype(np.float64 if array.dtype == np.float64 else np.float32), element


def _check_length(tensor: TensorProto, element: Element, count: int) -> None:
    """The bytes or numbers that are there must be those that the shape asks for."""
    if tensor.HasField("raw_data"):
        wide = tensor.data_type == TensorProto.DOUBLE
        half = tensor.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16)
        real = 64 if wide else 16 if half else 32
        bits = 8 if element.boolean else element.bits or real
        expected, found = (count * bits + 7) // 8, len(tensor.raw_data)
        unit = "bytes"
    else:
        per_number = 8 // element.bits if element.bits in (2, 4) else 1
        expected = (count + per_number - 1) // per_number
        found = max((len(getattr(tensor, field)) for field in _FIELDS), default=0)
        unit = "numbers"
    if expected != found:
        raise CompileError(
            f"its shape {list(tensor.dims)} needs {expected} {unit}, and {found} are stored",
            help="the file is damaged; export it again",
        )
