"""Inputs and outputs as the header describes them: shape, layout, type, scale, zero point."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qcompile.plan.c_plan import CPort


@dataclass(frozen=True)
class PortText:
    """The words of one port; real = scale · (code - zero_point) = scale · code + offset."""

    field: str
    macro: str  # the prefix of its macros
    name: str  # in the model
    type: str
    size: int
    rank: int
    shape: str
    onnx_shape: str
    layout: str
    bits: int
    signed: int
    low: str
    high: str
    channels: int  # how many scales there are
    scales: tuple[str, ...]
    exact_scales: str
    offsets: tuple[str, ...]
    zero_point: str  # empty where it is not one integer


def describe(prefix: str, side: str, port: CPort) -> PortText:
    """The words for `port` of the INPUT or OUTPUT `side`."""
    p, q = port.port, port.qtype
    count = max(p.unit.size, p.offset.size)
    unit = [Fraction(u) for u in np.broadcast_to(p.unit.reshape(-1), (count,))]
    offset = [Fraction(o) for o in np.broadcast_to(p.offset.reshape(-1), (count,))]
    zeros = {-o / u for u, o in zip(unit, offset, strict=True)}
    zero = zeros.pop() if len(zeros) == 1 else Fraction(1, 2)
    exact = ", ".join(str(u) for u in unit[:4]) + (", ..." if count > 4 else "")
    return PortText(
        field=port.name,
        macro=f"{prefix}_{side}_{port.name}".upper(),
        name=p.name,
        type=port.type.name,
        size=q.size,
        rank=len(q.shape),
        shape=", ".join(map(str, q.shape)) or "1",
        onnx_shape=str(list(p.shape)),
        layout=layout(p.axes),
        bits=max(q.bits, 1),
        signed=int(q.signed),
        low=port.type.literal(q.minimum),
        high=port.type.literal(q.maximum),
        channels=count,
        scales=tuple(real(u) for u in unit),
        exact_scales=exact,
        offsets=tuple(real(o) for o in offset),
        zero_point=str(zero) if zero.denominator == 1 else "",
    )


def layout(axes: tuple[int, ...]) -> str:
    """The stored order in letters for images, else as the order of the ONNX axes."""
    if axes == tuple(range(len(axes))):
        return "as in the model"
    if len(axes) in (3, 4):
        return "".join("NCHW"[a] if len(axes) == 4 else "NCW"[a] for a in axes)
    return "axes " + ", ".join(map(str, axes))


def real(value: Fraction) -> str:
    """A C float constant, nearest to `value`."""
    return f"{float(value):.9g}f" if "." in f"{float(value):.9g}" else _whole(float(value))


def _whole(value: float) -> str:
    text = f"{value:.9g}"
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}.0{mark}{exponent}f"
