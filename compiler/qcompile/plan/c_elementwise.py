"""What the C templates of sums and of functions of single codes need, where results are bytes.

These are the fast forms: one straight loop instead of runs that a `finish` function takes. A
builder returns None where its kernel does not serve; the general one is for all else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product

import numpy as np

from qcompile.ops import Add, Requant
from qcompile.ops.requant import Scale
from qcompile.passes.uniform_form import Machine, UniformForm, ends, uniform_form
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.c_types import I32, Array, CType, Kernel, container, kernel
from qcompile.qtype import Ints

PAIRS = 1 << 16  # that are tried one by one
NUDGES = (0, 1, -1, 2, -2, 3, -3)  # of the multipliers
SHIFTS_TRIED = 3
WORD = 1 << 32


class Clip(Enum):
    """QC_CLIP of the kernels: which instructions bring a result between its limits."""

    UNSIGNED = 0  # low is 0
    SIGNED = 1  # low is -high - 1
    LIMITS = 2  # any; serves for the others too

    @classmethod
    def of(cls, low: int, high: int) -> Clip:
        if low == 0:
            return cls.UNSIGNED
        return cls.SIGNED if low == -high - 1 else cls.LIMITS


@dataclass(frozen=True)
class Line:
    """`clip((multiplier·a + offset) >> shift, low, high)` in 32 bits, for all channels."""

    multiplier: int
    offset: int
    shift: int
    low: int
    high: int

    @property
    def clip(self) -> Clip:
        return Clip.of(self.low, self.high)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of the kernels, without the multiplier."""
        return tuple(I32.literal(v) for v in (self.offset, self.shift, self.low, self.high))


@dataclass(frozen=True)
class AddCodes:
    """A call of qc_add_codes; the result may be written over either input."""

    function: str
    count: int
    multipliers: tuple[str, str]
    line: tuple[str, ...]


@dataclass(frozen=True)
class ScaleCodes:
    """A call of qc_scale_codes; the result may be written over the input."""

    function: str
    count: int
    multiplier: str
    line: tuple[str, ...]


@dataclass(frozen=True)
class LookUp:
    """A call of qc_look_up; the result may be written over the input."""

    function: str
    count: int
    table: str
    low: int


def add(op: Add, site: Site) -> Code | None:
    """Two tensors of one shape, with a fused requantizer that is alike for all channels."""
    a, b = site.inputs
    bytes_only = all(c.bits == 8 for c in (container(a), container(b), site.y))
    same = a.shape == b.shape == site.output.shape
    if not bytes_only or not same or a.size == 0:
        return None
    form = uniform(site)
    found = folded(op, form) or searched(op, form, site)
    if found is None:
        return None
    multipliers, line = found
    clip = line.clip if products_fit(multipliers, site) else Clip.LIMITS
    main = kernel("qc_add_codes", XA=container(a), XB=container(b), Y=site.y)
    loads = {"QC_LOAD_A": load(container(a)), "QC_LOAD_B": load(container(b))}
    main = with_clip(main, clip).defining(**loads)
    factors = (I32.literal(multipliers[0]), I32.literal(multipliers[1]))
    details = AddCodes(main.function, site.output.size, factors, line.arguments)
    return Code(details, (main,), template="add_codes", finishes=False)


def requant(op: Requant, site: Site) -> Code | None:
    """One function for all channels: a table for bytes, a line for wider codes."""
    (x,) = site.inputs
    if site.y.bits != 8 or len(op.forms) != 1 or x.size == 0:
        return None
    if site.x.bits == 8:
        return _looked_up(op, site)
    line = line_at(site) if site.x.bits <= 32 else None
    if line is None:
        return None
    main = scaling(site.x, site.y, line)
    details = ScaleCodes(main.function, x.size, I32.literal(line.multiplier), line.arguments)
    return Code(details, (main,), template="scale_codes", finishes=False)


def _looked_up(op: Requant, site: Site) -> Code:
    (x,) = site.inputs
    codes = np.arange(x.minimum, x.maximum + 1)
    values = Array(f"{site.name}_table", site.y, op.run(codes[:, np.newaxis])[:, 0])
    main = kernel("qc_look_up", X=site.x, Y=site.y).defining(QC_LOAD=load(site.x))
    details = LookUp(main.function, x.size, values.name, x.minimum)
    return Code(details, (main,), (values,), template="look_up", finishes=False)


def scaling(x: CType, y: CType, line: Line) -> Kernel:
    """qc_scale_codes for these types."""
    main = with_clip(kernel("qc_scale_codes", X=x, Y=y), line.clip)
    return main.defining(QC_LOAD=load(x), QC_BYTES=f'"{x.bytes}"')


def with_clip(main: Kernel, clip: Clip) -> Kernel:
    """The kernel for one kind of limits, under a name of its own."""
    named = Kernel(main.name, f"{main.types}_{clip.name.lower()}", main.macros)
    return named.defining(QC_CLIP=str(clip.value))


def load(x: CType) -> str:
    """The macro of qc_xcv.h that loads one element and moves on."""
    letter = {8: "B", 16: "H", 32: "W"}[x.bits]
    unsigned = "U" if not x.signed and x.bits < 32 else ""
    return f"L{letter}{unsigned}_POST"


def uniform(site: Site, *machines: Machine) -> UniformForm | None:
    """The arithmetic of the site's requantizer on one of `machines`, alike for all channels."""
    if site.requant is None or site.sums is None or len(site.requant.forms) != 1:
        return None
    return uniform_form(site.requant, site.sums, *machines)


def line_at(site: Site) -> Line | None:
    """The site's requantizer as one 32-bit product, if it is one."""
    return line_of(uniform(site, Machine.WORD))


def line_of(form: UniformForm | None) -> Line | None:
    """The form as one 32-bit product without a clamp before it."""
    if form is None or form.machine is not Machine.WORD or form.bound is not None:
        return None
    low, high = (int(e[0]) for e in ends(form.clip))
    return Line(int(form.multiplier[0]), int(form.offset[0]), form.shift, low, high)


Sum = tuple[tuple[int, int], Line]  # multipliers of both inputs, then a line of multiplier 1


def folded(op: Add, form: UniformForm | None) -> Sum | None:
    """The requantizer's product within the sum's own: (ma·a + mb·b + k)·M + b is one sum.

    Its parts are taken modulo 2^32; the whole fits.
    """
    line = line_of(form)
    if line is None:
        return None
    first, second = (wrapped(line.multiplier * m) for m in op.multipliers)
    offset = wrapped(line.multiplier * op.constant + line.offset)
    return (first, second), Line(1, offset, line.shift, line.low, line.high)


def products_fit(multipliers: tuple[int, int], site: Site) -> bool:
    """Whether the sum of products fits 32 bits before the offset too, as qc.requant needs."""
    ends_of = zip(multipliers, site.inputs, strict=True)
    terms = [(m * x.minimum, m * x.maximum) for m, x in ends_of]
    return I32.holds(sum(min(t) for t in terms), sum(max(t) for t in terms))


def wrapped(value: int) -> int:
    """The signed 32-bit number that is the same modulo 2^32."""
    return (value + WORD // 2) % WORD - WORD // 2


def searched(op: Add, form: UniformForm | None, site: Site) -> Sum | None:
    """One 32-bit sum that does what a finer form does, proved on every pair of codes; or None."""
    slope, requant = slope_of(site, form), site.requant
    ranges = [np.arange(x.minimum, x.maximum + 1) for x in site.inputs]
    if slope is None or requant is None or ranges[0].size * ranges[1].size > PAIRS:
        return None
    a, b = np.meshgrid(*ranges, indexing="ij")
    raw = op.multipliers[0] * a + op.multipliers[1] * b + op.constant
    wanted = requant.run(raw[..., np.newaxis])[..., 0]
    results = (np.array([wanted.min()]), np.array([wanted.max()]))
    low, high = (int(e[0]) for e in (results if form is None else ends(form.clip)))
    reach = float(np.abs(raw * slope).max()) + abs(op.constant * slope) + 2
    top = 31 - int(np.ceil(np.log2(reach)))
    shifts = range(min(top, 30), max(top - SHIFTS_TRIED, 0), -1)
    for shift, i, j in product(shifts, NUDGES, NUDGES):
        first, second = (
            round(m * slope * 2**shift) + n for m, n in zip(op.multipliers, (i, j), strict=True)
        )
        offset = _offset(first * a + second * b, shift, wanted, low, high)
        if offset is not None:
            return (first, second), Line(1, offset, shift, low, high)
    return None


def slope_of(site: Site, form: UniformForm | None) -> float | None:
    """How steep the site's requantizer is, alike for all channels, if it is a line at all."""
    if form is not None:
        return int(form.multiplier[0]) / 2.0 ** (form.split + form.shift)
    only = site.requant.forms[0] if site.requant and len(site.requant.forms) == 1 else None
    return only.multiplier / 2.0**only.shift if isinstance(only, Scale) else None


def _offset(sums: Ints, shift: int, wanted: Ints, low: int, high: int) -> int | None:
    """What brings each sum to its wanted code within 32 bits, if one number does."""
    least, most = I32.low - int(sums.min()), I32.high - int(sums.max())
    above, below = wanted > low, wanted < high
    if above.any():
        least = max(least, int(((wanted << shift) - sums)[above].max()))
    if below.any():
        most = min(most, int(((wanted + 1 << shift) - 1 - sums)[below].min()))
    middle = (least + most) // 2
    return middle if least <= most and I32.holds(middle) else None
