"""The self-test of a C project: input codes, and the CRC-32 of what each step makes of them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qcompile.plan.c_plan import CPlan
from qcompile.plan.c_storage import Place
from qcompile.plan.c_types import Array
from qcompile.plan.packing import pack_codes
from qcompile.qtype import Ints


@dataclass(frozen=True, eq=False)
class Vector:
    """One sample: an array for each input, and a CRC for each step."""

    inputs: tuple[Array, ...]
    checks: tuple[str, ...]


def selftest(plan: CPlan, inputs: Mapping[str, Ints]) -> tuple[Vector, ...]:
    """A vector for each sample of `inputs` (codes by port name); CRCs are of little-endian data."""
    samples = len(next(iter(inputs.values()), ()))
    if not samples:
        return ()
    values = plan.model.run(dict(inputs), trace=True)
    vectors = []
    for sample in range(samples):
        arrays = tuple(
            Array(p.name, p.type, inputs[p.port.name][sample].reshape(-1)) for p in plan.inputs
        )
        checks = []
        for step in plan.steps:
            made = values[step.draft.node]
            row = made[sample] if len(made) > 1 else made[0]
            checks.append(f"0x{zlib.crc32(stored(row, step.output)):08x}U")
        vectors.append(Vector(arrays, tuple(checks)))
    return tuple(vectors)


def stored(codes: Ints, place: Place) -> bytes:
    """Codes as they lie in memory."""
    if place.packed:
        return pack_codes(codes, place.packed).tobytes()
    return np.ascontiguousarray(codes).astype(place.type.dtype).tobytes()
