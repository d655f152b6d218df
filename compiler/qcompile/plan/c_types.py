"""The pieces that C plans are made of: integer types, constant arrays, kernels, walks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.qtype import Ints, QType, Shape

RANK = 8  # QC_RANK in qc.h


@dataclass(frozen=True)
class CType:
    """A C integer of 8, 16, 32 or 64 bits."""

    bits: int
    signed: bool = True

    @property
    def name(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}_t"

    @property
    def short(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"

    @property
    def bytes(self) -> int:
        return self.bits // 8

    @property
    def low(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.bits - self.signed)) - 1

    @property
    def dtype(self) -> np.dtype[np.signedinteger | np.unsignedinteger]:
        return np.dtype(f"<{'i' if self.signed else 'u'}{self.bytes}")

    def holds(self, *values: int) -> bool:
        return all(self.low <= v <= self.high for v in values)

    def literal(self, value: int) -> str:
        """`value` as a C constant of this type."""
        assert self.holds(value), "a value outside its type"
        if value == -(1 << 63):
            return "(-INT64_C(9223372036854775807) - 1)"
        if self.bits == 64:
            return f"{'' if self.signed else 'U'}INT64_C({value})"
        if value == -(1 << 31):
            return "(-2147483647 - 1)"
        return f"{value}" if self.signed or self.bits < 32 else f"{value}U"


I8, I16, I32, I64 = (CType(bits) for bits in (8, 16, 32, 64))
U8, U16, U32 = (CType(bits, signed=False) for bits in (8, 16, 32))


def container(x: QType) -> CType:
    """The type of a tensor's elements in memory."""
    if x.bits > 63 + x.signed:
        raise CompileError(f"codes of {x.bits} bits", help="C tensors hold at most 63 bits")
    return CType(x.container, x.signed or x.container == 64)


def holding(*values: int, smallest: int = 8) -> CType:
    """The smallest signed type for all values, of at least `smallest` bits."""
    for kind in (I8, I16, I32, I64):
        if kind.bits >= smallest and kind.holds(*values):
            return kind
    raise CompileError("sums of more than 64 bits", help="use narrower weights or activations")


def accumulator(bound: int) -> CType:
    """The type for sums whose terms' magnitudes add up to `bound`: no partial sum overflows."""
    return holding(bound, -bound, smallest=32)


@dataclass(frozen=True, eq=False)
class Array:
    """A constant array; `values` is one-dimensional, `packed` where it holds a stream of bits."""

    name: str
    type: CType
    values: NDArray[np.signedinteger | np.unsignedinteger]
    note: str = ""
    packed: bool = False

    @property
    def bytes(self) -> int:
        return len(self.values) * self.type.bytes

    @cached_property
    def words(self) -> list[str]:
        """The values as C constants."""
        return [self.type.literal(v) for v in self.values.tolist()]


@dataclass(frozen=True)
class Kernel:
    """A kernel template with its types: what is defined before its file is included."""

    name: str  # qc_conv, in the file qc_conv.inc
    types: str  # u8_i8_i32
    macros: tuple[tuple[str, str], ...]  # QC_X uint8_t, ...
    forms: int = 0  # of qc_requant: which forms it must know

    @property
    def function(self) -> str:
        return f"{self.name}_{self.types}"

    def defining(self, **macros: str) -> Kernel:
        """With more macros."""
        return replace(self, macros=(*self.macros, *macros.items()))


def kernel(name: str, **types: CType) -> Kernel:
    """The kernel `name` for types given by the names of their macros, less the `QC_`."""
    suffix = "_".join(t.short for t in types.values())
    return Kernel(name, suffix, tuple((f"QC_{k}", t.name) for k, t in types.items()))


@dataclass(frozen=True)
class Walk:
    """The order in which elements are visited, and the strides of up to two inputs and an output.

    Fields as in `qc_walk` of qc.h.
    """

    rank: int
    by_channel: int
    size: tuple[int, ...]
    a: tuple[int, ...]
    b: tuple[int, ...]
    y: tuple[int, ...]


def walk(size: Shape, a: Shape, b: Shape, y: Shape, by_channel: bool) -> Walk:
    """A walk over `size` with these strides, as few dimensions as do.

    With `by_channel` the last dimension becomes the outermost, alone.
    """
    dims = list(zip(size, a, b, y, strict=True))
    lead = [dims.pop()] if by_channel and dims else []
    merged: list[tuple[int, int, int, int]] = []
    for n, *steps in dims:
        if n == 1:
            continue
        if merged and list(merged[-1][1:]) == [n * s for s in steps]:
            merged[-1] = (merged[-1][0] * n, steps[0], steps[1], steps[2])
        else:
            merged.append((n, steps[0], steps[1], steps[2]))
    if not merged:
        merged = [(1, 0, 0, 0)]
    all_dims = [*lead, *merged]
    if len(all_dims) > RANK:
        raise CompileError(f"a tensor of {len(size)} interleaved axes", help="at most 8 are walked")
    columns = [tuple(d[i] for d in all_dims) for i in range(4)]
    return Walk(len(all_dims), int(by_channel and bool(lead)), *columns)


def strides(shape: Shape) -> Shape:
    """Of a dense tensor, in elements."""
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def broadcast_strides(shape: Shape, to: Shape) -> Shape:
    """Strides with which a tensor of `shape` is read as one of shape `to`."""
    lead = len(to) - len(shape)
    own = strides(shape)
    return (*(0,) * lead, *(0 if n == 1 else s for n, s in zip(shape, own, strict=True)))


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)
