"""What the C template of a product needs: one record for the layer, its passes and their runs."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.plan.c_layers import Window
from qcompile.plan.c_product_layout import Patches, Reading


@dataclass(frozen=True)
class RunCode:
    """Fields as in `qc_run` of qc_tile.h."""

    words: str
    tiles: str
    columns: str
    jump: int
    clamp: int | str
    channel: int
    quads: int
    trips: int
    split: int
    shift: int


@dataclass(frozen=True)
class ProductFields:
    """Fields as in `qc_product` of qc_tile.h."""

    runs: str
    run_count: int
    channels: str
    segments: int
    ring: int
    pixel: int
    y_pixel: int
    y_quad: int
    limit: int
    finish: str
    constants: str
    out_channels: int
    pairs: int
    patches: str


@dataclass(frozen=True)
class Unpacking:
    """Rows that are unpacked, `batch` quads at a time."""

    function: str
    batch: int  # quads
    quads: int
    taps: int
    weight_bits: int
    shared: int


@dataclass(frozen=True)
class PassCode:
    """One sweep over the layer's pixels."""

    runs: tuple[RunCode, ...]
    fields: ProductFields
    unpacking: Unpacking | None
    function: str  # of the reading; empty for a direct one
    pixel: int  # bytes of an executed pixel in a copy
    pad: int  # a byte of padding
    patches: Patches | None


@dataclass(frozen=True)
class ProductCode:
    """All that the template of a product needs."""

    reading: Reading
    window: Window
    pixels: int
    x_pixel: int  # bytes
    passes: tuple[PassCode, ...]
    several: bool  # sweeps, or weights that are unpacked: qc_passes.inc
    stored: tuple[str, ...]  # data, step and offset of rows, if there are any
    widths: str
    rows: int  # that are stored
    copies: int  # where copies start in scratch, bytes
