"""How a depthwise convolution lies in planes, and how many cycles that takes.

Four channels at a time are copied apart into padded planes, a band of rows of each; a kernel then
makes the band's results channel by channel (qc_planes.h). The planes have the image's rows and
columns, or columns and rows, whichever takes fewer cycles; the kernel's taps turn with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from qcompile.ops import Conv
from qcompile.qtype import QType

LANES = 4  # QC_LANES of qc_planes.h
MOST_ROWS = 6  # of results in a band that the assembly has unrolled
PLANES_BYTES = 4096  # that bands should not exceed where they need not

# Cycles of the assembly that do not depend on the layer: of a row that is copied, a band, a call
# of a kernel, a channel, four windows, a row of taps in them, a row of results.
ROW, BAND, CALL, CHANNEL, FOUR, FOUR_ROW, LINE = 14, 180, 30, 48, 16, 5, 22


@dataclass(frozen=True)
class Side:
    """One direction of the convolution; steps in elements."""

    size: int
    results: int
    kernel: int
    stride: int
    before: int  # padding
    x_step: int
    y_step: int

    @property
    def after(self) -> int:
        """Padding that windows reach behind the image."""
        return max((self.results - 1) * self.stride + self.kernel - self.before - self.size, 0)


@dataclass(frozen=True)
class Planes:
    """Rows and columns of the planes, and how many rows of results a band has."""

    down: Side
    along: Side
    turned: bool  # the planes' rows are the image's columns
    rows: int
    small: bool  # 3x3 with stride 1 or 2
    edges: tuple[bool, bool] = (False, False)  # the first, the last row is 0 and left out

    @property
    def lead(self) -> int:
        """Bytes of a row before the image, whose first pixel is aligned."""
        return -(-self.along.before // 4) * 4

    @property
    def start(self) -> int:
        """Where the first window begins."""
        return self.lead - self.along.before

    @property
    def taps_row(self) -> int:
        """Bytes of a row of weights as they are executed."""
        return 3 if self.small else -(-self.along.kernel // 4) * 4

    @property
    def taps(self) -> int:
        return self.down.kernel * self.taps_row

    @property
    def pixels(self) -> int:
        """Pixels of a row that some window needs."""
        reach = (self.along.results - 1) * self.along.stride + self.along.kernel
        return max(min(self.along.size, reach - self.along.before), 0)

    @property
    def pitch(self) -> int:
        """Bytes of a row, with what the words of the last window hold beyond it."""
        last = self.start + (self.along.results - 1) * self.along.stride
        read = last + (4 if self.small else self.taps_row)
        return -(-max(self.lead + self.pixels, read) // 4) * 4

    @property
    def band_rows(self) -> int:
        return (self.rows - 1) * self.down.stride + self.down.kernel

    @property
    def plane(self) -> int:
        return self.band_rows * self.pitch

    @property
    def words(self) -> int:
        """Rows of a plane that the assembly reads."""
        return self.band_rows - sum(self.edges)

    @property
    def bands(self) -> int:
        return -(-self.down.results // self.rows)

    @property
    def alone(self) -> int:
        """Columns that come before pairs, so that words of pairs are aligned where they can be."""
        return 1 if self.along.stride == 1 and self.start % 2 else 0

    @property
    def singles(self) -> int:
        """Columns that are made alone: the first, the last, both or none."""
        return self.alone + (self.along.results - self.alone) % 2

    @property
    def pairs(self) -> int:
        return (self.along.results - self.singles) // 2

    @property
    def fours(self) -> int:
        """Of a row, where the last may overlap."""
        return -(-self.along.results // 4)


def arrangements(op: Conv, x: QType, y: QType, assembly: bool) -> Iterator[Planes]:
    """All that are worth comparing for a layer from x to y."""
    rows, columns = sides(op, x, y)
    for down, along, turned in ((rows, columns, False), (columns, rows, True)):
        small = (down.kernel, along.kernel) == (3, 3) and down.stride == along.stride <= 2
        whole = Planes(down, along, turned, down.results, small)
        if not (assembly and small):
            yield bounded(whole)
            continue
        for count in range(1, min(down.results, MOST_ROWS) + 1):
            yield replace(whole, rows=count)
        if down.results in range(3, MOST_ROWS + 1) and blank(op, x):
            yield replace(whole, edges=(down.before == 1, down.after == 1))


def sides(op: Conv, x: QType, y: QType) -> tuple[Side, Side]:
    """Rows and columns of the image."""
    _, height, width, channels = x.shape
    _, out_height, out_width, _ = y.shape
    top, left, _, _ = op.pads
    (kh, kw), (sh, sw) = op.kernel, op.strides
    return (
        Side(height, out_height, kh, sh, top, width * channels, out_width * channels),
        Side(width, out_width, kw, sw, left, channels, channels),
    )


def blank(op: Conv, x: QType) -> bool:
    """Whether copies can have 0 as padding: as they are, or with the other sign."""
    return op.pad_value in (0, -128 if x.signed else 128)


def bounded(whole: Planes) -> Planes:
    """A band of as many rows as fit the bytes that are wanted, of a few at least."""
    rows = whole.rows
    while rows > MOST_ROWS and LANES * replace(whole, rows=rows).plane > PLANES_BYTES:
        rows -= 1
    return replace(whole, rows=rows)


@dataclass(frozen=True)
class Work:
    """What the cycles of a layer depend on beside its planes."""

    images: int
    channels: int
    flip: bool
    result: int  # instructions that make and store one
    called: bool  # results are made by `finish`
    plain: bool  # weights are read where they are stored

    @property
    def groups(self) -> int:
        return -(-self.channels // LANES)

    @property
    def late(self) -> float:
        """The part of the words of pixels that is not aligned."""
        return (0.0, 0.75, 0.5, 0.75)[self.channels % LANES]


def cycles(p: Planes, work: Work, assembly: bool) -> int:
    """The cycles of a layer: the instructions of its loops, and constants that were measured."""
    kernels = _assembly if assembly else _portable
    taps = p.down.kernel * p.along.kernel
    unpacked = 0.0 if work.plain else taps * (10.5 if assembly else 24) + 40
    fill = 1.8 * p.plane * LANES / 4
    return round(fill + work.images * (kernels(p, work) + work.channels * unpacked))


def _rows_copied(p: Planes) -> int:
    """Of one plane, in all bands."""
    starts = {min(b * p.rows, p.down.results - p.rows) for b in range(p.bands)}
    tops = [s * p.down.stride - p.down.before for s in starts]
    return sum(max(min(t + p.band_rows, p.down.size) - max(t, 0), 0) for t in tops)


def _bytewise(p: Planes, work: Work) -> float:
    """Copying less than four channels, in C."""
    return _rows_copied(p) * (30 + 11.5 * p.pixels * work.channels)


def _assembly(p: Planes, work: Work) -> float:
    """Of the kernels in assembly, for one image."""
    four, rest = divmod(p.pixels, 4)
    fours = four * (17 + 4 * work.flip + 4 * work.late)
    row = ROW + fours + rest * (10 + work.flip + work.late)
    copied = _rows_copied(p) * work.groups * row
    if work.channels < LANES:
        copied = _bytewise(p, work)
    calls = work.channels if work.called or not p.small else work.groups
    each = _small(p, work) if p.small else _fours(p, work)
    finish = p.rows * (45 + 16.5 * p.along.results) if work.called else 0
    return copied + p.bands * (BAND + CALL * calls + work.channels * (each + finish))


def _small(p: Planes, work: Work) -> float:
    """One channel of a band: windows of one column, and of two."""
    stride = p.along.stride
    products = 3 * p.rows - sum(p.edges)
    single = p.words + products + p.rows * work.result
    pair = stride * p.words + 2 * (products + p.rows * work.result)
    places = [0] * bool(p.alone) + [p.along.results - 1] * (p.singles - p.alone)
    late = sum((p.start + c * stride) % 4 > 0 for c in places)
    half = p.pairs // 2 if stride == 1 else p.pairs * (2 if p.start % 2 else 1)
    return CHANNEL + p.singles * single + p.pairs * pair + p.words * (late + half)


def _fours(p: Planes, work: Work) -> float:
    """One channel of a band: windows of four columns, of any size."""
    words = p.down.kernel * (p.taps_row // 4)
    loads = 3 if p.along.stride % 2 else 2 if p.along.stride % 4 else 0
    four = FOUR + FOUR_ROW * p.down.kernel + (9 + loads) * words + 4 * work.result
    if p.along.results < 4:
        return 14 * p.rows * p.along.results * p.down.kernel * p.along.kernel
    return p.rows * (LINE + p.fours * four)


def _portable(p: Planes, work: Work) -> float:
    """Of the C kernels on RV32IMC, for one image."""
    pixels: float = _rows_copied(p) * work.groups * (30 + 15 * p.pixels)
    if work.channels < LANES:
        pixels = _bytewise(p, work)
    if p.small and p.along.stride == 1:
        pairs, odd = divmod(p.rows, 2)
        row = pairs * (170 + 87 * p.along.results) + odd * (110 + 48 * p.along.results)
    elif p.small:
        row = p.rows * (110 + 52 * p.along.results)
    else:
        fours, odd = divmod(p.along.results, 4)
        taps = p.down.kernel * p.along.kernel
        rows = 20 * p.down.kernel
        row = p.rows * (30 + fours * (110 + rows + 20 * taps) + odd * (40 + rows + 9 * taps))
    finish = p.rows * (45 + 2 * p.along.results) if work.called else 0
    return pixels + p.bands * (200 + work.channels * (40 + row + finish))
