"""What the C template of each op needs: one frozen record an op, everything computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from qcompile.ops import (
    Add,
    ArgMax,
    Conv,
    Dense,
    MatMul,
    Mul,
    Requant,
)
from qcompile.ops.max_pool import Window as WindowOp
from qcompile.plan.c_requant import Finish
from qcompile.plan.c_types import (
    Array,
    CType,
    Kernel,
    Walk,
    broadcast_strides,
    container,
    kernel,
    strides,
    walk,
)
from qcompile.plan.c_weights import WeightFields, packed_rows
from qcompile.qtype import QType


@dataclass(frozen=True)
class Site:
    """Where an op stands: the prefix of its constants, its types, and its epilogue."""

    name: str
    inputs: tuple[QType, ...]
    output: QType
    finish: Finish | None  # of the ops that have accumulators
    accumulator: CType
    requant: Requant | None = None  # of the accumulators
    sums: QType | None = None  # the accumulators
    packed_x: int = 0  # bits of a code where bytes of the first input hold several; so of the
    packed_y: int = 0  # output

    @property
    def x(self) -> CType:
        return container(self.inputs[0])

    @property
    def y(self) -> CType:
        return container(self.output)

    @property
    def x_bits(self) -> int:
        """Of a code of the first input in memory."""
        return self.packed_x or self.x.bits

    @property
    def y_bits(self) -> int:
        """Of a result in memory."""
        return self.packed_y or self.y.bits

    @property
    def by_channel(self) -> bool:
        return self.finish is not None and not self.finish.uniform


@dataclass(frozen=True)
class Code:
    """What an op becomes: `details` for its template, its constants, kernels and memory."""

    details: Any
    kernels: tuple[Kernel, ...]
    arrays: tuple[Array, ...] = ()
    scratch: int = 0  # bytes
    weight_bytes: int = 0
    template: str = ""  # where it is not that of the op
    finishes: bool = True  # through the site's `finish`, if it has one
    cycles_model: int | None = None  # on the core with XCV instructions, zero-wait memory


@dataclass(frozen=True)
class Window:
    """Fields as in `qc_window` of qc.h."""

    images: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    kernel_height: int
    kernel_width: int
    stride_y: int
    stride_x: int
    dilation_y: int
    dilation_x: int
    top: int
    left: int
    inner_left: int
    inner_right: int
    group_in: int
    group_out: int


@dataclass(frozen=True)
class DenseCode:
    function: str
    positions: int
    inputs: int
    outputs: int
    weights: WeightFields
    bias: str


@dataclass(frozen=True)
class ConvCode:
    function: str
    window: Window
    weights: WeightFields
    bias: str
    pad: str


@dataclass(frozen=True)
class LoadCode:
    function: str
    positions: int
    channels: int


@dataclass(frozen=True)
class AddCode:
    function: str
    walk: Walk
    multipliers: tuple[str, str]
    constant: str


@dataclass(frozen=True)
class ProductCode:
    function: str
    walk: Walk
    depth: int
    step: int
    zero_points: tuple[str, str]


@dataclass(frozen=True)
class ArgMaxCode:
    function: str
    rows: int
    size: int
    count: int
    largest: int
    last: int


Builder = Callable[[Any, Site], Code]


def dense(op: Dense, site: Site) -> Code:
    (x,) = site.inputs
    outputs, inputs = op.weight.shape
    rows = packed_rows(site.name, op.weight, op.bias, op.weight_bits, site.accumulator)
    types = {"X": site.x, "W": rows.type, "A": site.accumulator}
    main = kernel("qc_dense", **types)
    bias = rows.bias
    details = DenseCode(main.function, x.size // inputs, inputs, outputs, rows.fields, bias)
    kernels = (rows.kernel, kernel("qc_dot", **types), with_finish(main, site, types))
    return Code(details, kernels, rows.arrays, rows.scratch, rows.packed_bytes)


def conv(op: Conv, site: Site) -> Code:
    rows = packed_rows(site.name, op.weight, op.bias, op.weight_bits, site.accumulator)
    types = {"X": site.x, "W": rows.type, "A": site.accumulator}
    shape = window(op, site, op.weight.shape[0], op.groups)
    taps = prod(op.kernel)
    padded = any(op.pads) and op.pad_value != 0
    depthwise = op.depthwise
    main = kernel("qc_depthwise" if depthwise else "qc_conv", **types)
    border = 0 if depthwise or not padded else taps * site.accumulator.bytes
    pad = site.accumulator.literal(op.pad_value if padded else 0)
    details = ConvCode(main.function, shape, rows.fields, rows.bias, pad)
    called = () if depthwise else (kernel("qc_dot", **types),)
    kernels = (rows.kernel, *called, with_finish(main, site, types))
    return Code(details, kernels, rows.arrays, border + rows.scratch, rows.packed_bytes)


def with_finish(main: Kernel, site: Site, types: dict[str, CType]) -> Kernel:
    """A kernel with a `finish` function, and the one that fetches weights if it needs it."""
    more = {"QC_FINISH": f"qc_finish_{site.accumulator.short}"}
    if "W" in types:
        more["QC_UNPACKED"] = f"qc_row_{types['W'].short}"
    return main.defining(**more)


def window(op: WindowOp, site: Site, out_channels: int, groups: int = 1) -> Window:
    """The geometry of a sliding window on the site's first input."""
    images, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, _ = _image(site)
    top, left, _, _ = op.pads
    reach = (op.kernel[1] - 1) * op.dilations[1]
    inner_left = -(-left // op.strides[1])
    inner_right = (width - 1 - reach + left) // op.strides[1] + 1
    return Window(
        images, height, width, channels, out_height, out_width, out_channels,
        *op.kernel, *op.strides, *op.dilations, top, left,
        inner_left, min(max(inner_right, 0), out_width),
        channels // groups, out_channels // groups,
    )  # fmt: skip


def _image(site: Site) -> tuple[int, int, int, int]:
    n, h, w, c = site.output.shape
    return (n, h, w, c)


def requant(op: Requant, site: Site) -> Code:
    (x,) = site.inputs
    channels = x.channels if site.by_channel else 1
    types = {"X": site.x, "A": site.accumulator}
    main = kernel("qc_load", **types)
    details = LoadCode(main.function, x.size // channels, channels)
    return Code(details, (with_finish(main, site, types),))


def add(op: Add, site: Site) -> Code:
    types = _pair(site)
    main = kernel("qc_add", **types)
    a, b = (site.accumulator.literal(m) for m in op.multipliers)
    constant = site.accumulator.literal(op.constant)
    details = AddCode(main.function, _broadcast(site), (a, b), constant)
    return Code(details, (with_finish(main, site, types),))


def mul(op: Mul, site: Site) -> Code:
    return _product(site, _broadcast(site), 1, 1, op.zero_points)


def matmul(op: MatMul, site: Site) -> Code:
    a, b = site.inputs
    lead, (rows, columns), depth = site.output.shape[:-2], site.output.shape[-2:], a.shape[-1]
    steps_a = [s * rows * depth for s in broadcast_strides(a.shape[:-2], lead)]
    steps_b = [s * depth * columns for s in broadcast_strides(b.shape[:-2], lead)]
    order = walk(
        (*lead, rows, columns),
        (*steps_a, depth, 0),
        (*steps_b, 0, 1),
        strides(site.output.shape),
        site.by_channel,
    )
    return _product(site, order, depth, columns, op.zero_points)


def _product(site: Site, order: Walk, depth: int, step: int, zeros: tuple[int, int]) -> Code:
    types = _pair(site)
    main = kernel("qc_matmul", **types)
    za, zb = (site.accumulator.literal(z) for z in zeros)
    details = ProductCode(main.function, order, depth, step, (za, zb))
    return Code(details, (with_finish(main, site, types),))


def _pair(site: Site) -> dict[str, CType]:
    a, b = (container(x) for x in site.inputs)
    return {"XA": a, "XB": b, "A": site.accumulator}


def _broadcast(site: Site) -> Walk:
    """Both inputs stretched to the output's shape."""
    shape = site.output.shape
    a, b = (broadcast_strides(x.shape, shape) for x in site.inputs)
    return walk(shape, a, b, strides(shape), site.by_channel)


def arg_max(op: ArgMax, site: Site) -> Code:
    (x,) = site.inputs
    main = kernel("qc_arg_max", X=site.x, Y=site.y)
    details = ArgMaxCode(
        main.function, x.size // x.channels, x.channels, op.count, int(op.largest), int(op.last)
    )
    return Code(details, (main,))
