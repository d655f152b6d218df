"""Element types of ONNX tensors: reals, integers of so many bits, booleans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from qcompile.errors import CompileError


@dataclass(frozen=True)
class Element:
    """What the elements of a tensor are: `bits` = 0 for reals of any precision."""

    bits: int
    signed: bool = True
    boolean: bool = False

    @property
    def integer(self) -> bool:
        return self.bits > 0

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1

    def contains(self, other: Element) -> bool:
        return self.low <= other.low and other.high <= self.high

    def __str__(self) -> str:
        if not self.bits:
            return "float"
        return "bool" if self.boolean else f"{'' if self.signed else 'u'}int{self.bits}"


REAL = Element(0)
BOOL = Element(1, signed=False, boolean=True)
INT32 = Element(32)
INT64 = Element(64)
UINT8 = Element(8, signed=False)

_REALS = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")
_WIDTHS = (2, 4, 8, 16, 32, 64)


def _codes() -> dict[int, Element]:
    """ONNX data type -> element, for those that this version of onnx knows."""
    named = dict.fromkeys(_REALS, REAL) | {"BOOL": BOOL}
    for bits in _WIDTHS:
        named |= {f"INT{bits}": Element(bits), f"UINT{bits}": Element(bits, signed=False)}
    known: dict[str, int] = dict(TensorProto.DataType.items())
    return {known[name]: element for name, element in named.items() if name in known}


ELEMENTS = _codes()


def type_name(code: int) -> str:
    """ONNX's name of a data type, or its number."""
    names: dict[int, str] = {number: name for name, number in TensorProto.DataType.items()}
    return names.get(code, f"type {code}").lower()


def element_of(code: int) -> Element:
    """The element of an ONNX data type; raises CompileError for those that nobody computes."""
    if code in ELEMENTS:
        return ELEMENTS[code]
    help = "quantize to integers: small floating-point formats are not supported"
    if "float" not in type_name(code):
        help = "only tensors of numbers can be compiled"
    raise CompileError(f"elements of type {type_name(code)}", help=help)


def container(code: int) -> np.dtype[Any]:
    """The numpy type in which users give and get a tensor of an ONNX data type."""
    element = element_of(code)
    if element.boolean:
        return np.dtype(np.bool_)
    if element.integer:
        width = max(8, element.bits)
        return np.dtype(f"{'int' if element.signed else 'uint'}{width}")
    small: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.DOUBLE: "float64"}
    return np.dtype(small.get(code, "float32"))


def wrapped(array: NDArray[Any], element: Element) -> NDArray[Any]:
    """Integers as `element` holds them: modulo 2^bits."""
    values = array.astype(np.int64)
    if element.bits >= 64:
        return values
    span = np.int64(1 << element.bits)
    found: NDArray[Any] = np.mod(values - element.low, span) + element.low
    return found
