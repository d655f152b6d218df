"""What the C template of a depthwise convolution on planes fills in."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.plan.c_weights import WeightFields


@dataclass(frozen=True)
class Walk:
    """The last fields of ShapeFields: how the assembly goes through a band."""

    count: tuple[int, int]
    begin: int
    y_begin: int
    turn: tuple[int, int]
    y_turn: tuple[int, int]
    hop: tuple[int, int]
    y_hop: tuple[int, int]
    down: tuple[int, int]
    y_down: tuple[int, int]


def turns(
    count: tuple[int, int], places: tuple[int, int], steps: tuple[int, int], channel: int
) -> tuple[int, tuple[int, int]]:
    """Where a pointer begins, and what it adds to come to singles, then to pairs.

    `count` of each, which start at `places` and move it on by `steps`; the next channel is
    `channel` away. What does not occur is not come to.
    """
    first, second = places
    after = (first + count[0] * steps[0], second + count[1] * steps[1])
    if not count[1]:
        turn = (channel + first - after[0], 0)
        return first - turn[0], turn
    if not count[0]:
        turn = (0, channel + second - after[1])
        return second - turn[1], turn
    turn = (channel + first - after[1], second - after[0])
    return first - turn[0], turn


@dataclass(frozen=True)
class ShapeFields:
    """Fields as in `qc_plane_shape` of qc_planes.h."""

    x_row: int
    x_column: int
    plane: int
    pitch: int
    rows: int
    columns: int
    y_row: int
    y_column: int
    stride: int
    row_stride: int
    taps_row: int
    taps: int
    kernel_rows: int
    kernel_columns: int
    start: int
    lead: int
    quads: int
    rest: int
    flip: int
    split: int
    shift: int
    clamp: int
    status: int
    count: tuple[int, int]
    begin: int
    y_begin: int
    turn: tuple[int, int]
    y_turn: tuple[int, int]
    hop: tuple[int, int]
    y_hop: tuple[int, int]
    down: tuple[int, int]
    y_down: tuple[int, int]


@dataclass(frozen=True)
class LayerFields:
    """The other fields of `qc_plane_layer`."""

    function: str
    images: int
    channels: int
    x_image: int
    y_image: int
    y_row: int
    y_column: int
    in_rows: int
    out_rows: int
    top: int
    pad: int
    singly: int
    batch: int
    plain: int
    bias: str
    finish: str
    constants: str


@dataclass(frozen=True)
class DepthwiseCode:
    """All that the template needs."""

    shape: ShapeFields
    layer: LayerFields
    weights: WeightFields
    scales: str
