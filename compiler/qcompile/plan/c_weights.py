"""The weights of a layer as C constants: packed rows, how they are coded, biases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError
from qcompile.plan.c_types import I8, I32, U8, Array, CType, Kernel, holding, ints, kernel
from qcompile.plan.packing import PackedWeights, pack
from qcompile.qtype import Ints


@dataclass(frozen=True)
class WeightFields:
    """Fields as in `qc_weights` of qc.h, and the groups (bits, channels)."""

    data: str
    groups: tuple[tuple[int, int], ...]
    step: str
    offset: str


@dataclass(frozen=True, eq=False)
class Rows:
    """Packed weights and what goes with them."""

    type: CType  # of an unpacked weight
    kernel: Kernel  # that unpacks a row
    fields: WeightFields
    bias: str
    arrays: tuple[Array, ...]
    scratch: int  # bytes of one unpacked row; 0 where none ever is
    packed_bytes: int


def packed_rows(
    name: str, weight: Ints, bias: Ints, bits: tuple[int, ...], accumulator: CType
) -> Rows:
    """Weights [O, ...] at their declared widths; arrays are called `name`_..."""
    packed = pack(weight, bits)
    kind = _weight_type(weight, packed)
    direct = kind is I8 and packed.plain and all(c.bits in (0, 8) for c in packed.codings)
    arrays = [
        Array(f"{name}_weights", U8, _stream(packed), packed=True),
        Array(f"{name}_bias", accumulator, bias),
    ]
    step, base = "NULL", "NULL"
    if not packed.plain:
        step, base = f"{name}_step", f"{name}_base"
        arrays.append(Array(step, I32, ints([c.step for c in packed.codings])))
        arrays.append(Array(base, I32, ints([c.offset for c in packed.codings])))
    window = "uint64_t" if kind.bits > 16 else "uint32_t"
    return Rows(
        kind,
        kernel("qc_unpack", W=kind).defining(QC_WINDOW=window),
        WeightFields(f"{name}_weights", packed.groups, step, base),
        f"{name}_bias",
        tuple(arrays),
        0 if direct else kind.bytes * packed.weights_per_row,
        len(packed.data),
    )


def _stream(packed: PackedWeights) -> NDArray[np.uint8]:
    """The packed rows, one byte at least: C has no empty arrays."""
    return np.frombuffer(packed.data or b"\0", np.uint8)


def _weight_type(weight: Ints, packed: PackedWeights) -> CType:
    """The type of an unpacked weight; widths of over 25 bits are unpacked through 64 bits."""
    kind = holding(int(weight.min(initial=0)), int(weight.max(initial=0)))
    if kind.bits > 32:
        raise CompileError("weights of more than 32 bits", help="use narrower weights")
    return I32 if any(c.bits > 25 for c in packed.codings) else kind
