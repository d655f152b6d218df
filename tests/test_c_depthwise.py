"""Depthwise convolutions on planes, bit for bit on the RTL and on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pytest

from benchmarks.kernels_depthwise import LAYERS, steep
from benchmarks.steps import Program, Trial, connected
from builder import channel, form
from qcompile.ops import Conv, Requant
from qcompile.ops.base import IntegerOp
from qcompile.passes.steps_of_forms import columns_of
from qcompile.passes.uniform_form import Machine, UniformForm, uniform_form
from qcompile.plan import plane_results
from qcompile.plan.c_depthwise import depthwise
from qcompile.plan.c_layers import Code, Site
from qcompile.plan.plane_fields import DepthwiseCode
from qcompile.plan.plane_results import absorbed
from qcompile.qtype import QType, Shape
from qcompile.rtl import Isa

TRIALS = 66
BYTES = ((-128, 127), (0, 255))
RANGES = (*BYTES, (-100, 100), (0, 15), (-3, 90))
RESULTS = (*BYTES, (0, 15), (-8, 7), (0, 1), *BYTES, (-1, 0))
KERNELS = ((3, 3), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (7, 7), (2, 4), (4, 2), (1, 1), (9, 2))
STRIDES = ((1, 1), (2, 2), (1, 1), (2, 1), (3, 3), (1, 2))
Random = np.random.Generator
Requantizer = Callable[[Random, QType, int, int], Requant]


def build(isa: Isa) -> Callable[[IntegerOp, Site], Code | None]:
    def made(op: IntegerOp, site: Site) -> Code | None:
        assert isinstance(op, Conv)
        return depthwise(op, site, isa)

    return made


def narrow(random: Random, sums: QType, low: int, high: int) -> Requant:
    """All steps in a small part of the sums."""
    return steep(random, sums, low, high, 0.02)


def wide(random: Random, sums: QType, low: int, high: int) -> Requant:
    return steep(random, sums, low, high, 0.7)


def one(random: Random, sums: QType, low: int, high: int) -> Requant:
    """The same for all channels."""
    whole = QType.of(sums.shape, sums.minimum, sums.maximum)
    forms = steep(random, whole, low, high, 0.5).forms
    return Requant(forms[:1], np.array([low]), np.array([high]))


def mixed(random: Random, sums: QType, low: int, high: int) -> Requant:
    """A form of another kind for each channel: no arithmetic serves all."""
    ends = zip(sums.lows().tolist(), sums.highs().tolist(), strict=True)
    forms = tuple(form(random, a, b, low, high, c) for c, (a, b) in enumerate(ends))
    results = np.array([f.ends() for f in forms])
    return Requant(forms, results[:, 0], results[:, 1])


def trials(random: Random) -> list[Trial]:
    """Every kind of everything, in ever other combinations: lists of coprime lengths in turn."""
    kinds: cycle[Requantizer | None] = cycle((wide, narrow, wide, mixed, one, wide, None))
    made = []
    turns = zip(cycle(KERNELS), cycle(STRIDES), cycle(RANGES), kinds, strict=False)
    for i, (kernel, strides, x, kind) in zip(range(TRIALS), turns, strict=False):
        made.append(trial(random, i, 2 + i * 5 % 66, kernel, strides, x, kind))
    return made


def trial(
    random: Random,
    index: int,
    channels: int,
    kernel: Shape,
    strides: Shape,
    x: tuple[int, int],
    kind: Requantizer | None,
) -> Trial:
    pads = tuple(int(random.integers(0, k + 2)) for k in (*kernel, *kernel))
    padding = zip(kernel, pads[:2], pads[2:], strict=True)
    size = [int(random.integers(max(k - p - q, 1), 12)) for k, p, q in padding]
    bits = [(index + c * (index % 3)) % 9 for c in range(channels)]
    weight = np.stack([channel(random, (*kernel, 1), b) for b in bits])
    zero = int(random.integers(x[0], x[1], endpoint=True))
    pad = (zero, x[0], max(x[0], min(x[1], 0)))[index % 3]
    bias = random.integers(-2000, 2001, channels)
    op = Conv(
        weight, bias, tuple(bits), strides=(strides[0], strides[1]),
        pads=(pads[0], pads[1], pads[2], pads[3]), groups=channels, pad_value=pad,
    )  # fmt: skip
    shape = (1 + index % 2, *size, channels)
    t = QType.of(shape, *x)
    requant = kind(random, op.result(t), *RESULTS[index % len(RESULTS)]) if kind else None
    codes = random.integers(x[0], x[1], shape, endpoint=True)
    draw = random.integers(0, 6, shape)
    codes = np.where(draw == 0, x[0], np.where(draw == 1, x[1], codes))
    name = f"{index}: {shape} {kernel} {strides} {pads} of {pad}, {x}, {kind and kind.__name__}"
    skew = index % 4 if requant else 0  # sums are words
    return Trial(name, op, requant, (t,), (codes,), skew=skew)


def same(program: Program, where: Isa | None) -> None:
    outcomes = program.on_rtl(where) if where else program.on_host()
    assert len(outcomes) == len(program.trials)
    for o in outcomes:
        assert not o.touched, f"{o.trial.name} writes outside its result"
        np.testing.assert_array_equal(o.made, o.wanted, err_msg=o.trial.name)


@pytest.fixture(scope="module", params=Isa, ids=lambda isa: isa.value)
def program(request: pytest.FixtureRequest) -> Program:
    return Program(trials(np.random.default_rng(5)), connected(build(request.param)))


def test_every_bit_on_the_rtl(program: Program, request: pytest.FixtureRequest) -> None:
    same(program, request.node.callspec.params["program"])


def test_every_bit_on_the_host(program: Program) -> None:
    """With the address and undefined-behaviour sanitizers."""
    same(program, None)


def test_long_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results from 64-bit sums, where no other arithmetic is offered."""
    monkeypatch.setattr(plane_results, "MACHINES", (Machine.LONG,))
    some = [t for t in trials(np.random.default_rng(5)) if t.requant is not None][::3]
    made = Program(some, connected(build(Isa.CV32E40P)))
    functions = " ".join(s.details.layer.function for s in made.steps)
    assert functions.count("_long_") > len(some) / 2
    same(made, None)
    same(made, Isa.CV32E40P)


def test_the_trials_have_every_kernel(program: Program, request: pytest.FixtureRequest) -> None:
    details = [s.details for s in program.steps]
    assert all(isinstance(d, DepthwiseCode) for d in details)
    functions = " ".join(d.layer.function for d in details)
    unit = request.node.callspec.params["program"] is Isa.MPIC_Q
    kinds = ("unit",) if unit else ("word", "split")
    for part in (*kinds, "rows", "taps", "narrow", "call", "_u8", "_i8", "_u4", "_i4"):
        assert part in functions, part


@pytest.mark.parametrize("isa", [Isa.CV32E40P, Isa.MPIC_Q], ids=lambda isa: isa.value)
def test_bands_of_every_height(isa: Isa) -> None:
    """3x3 kernels with each number of rows, stride and padding above and below."""
    random = np.random.default_rng(4)
    made = []
    for n, stride, top, bottom in product(range(2, 9), (1, 2), (0, 1), (0, 1)):
        rows = (n - 1) * stride + 3 - top - bottom
        low, high = BYTES[(n + top) % 2]
        weight = random.integers(-128, 128, (5, 3, 3, 1))
        op = Conv(
            weight, random.integers(-999, 999, 5), (8,) * 5, strides=(stride, stride),
            pads=(top, n % 2, bottom, 1), groups=5, pad_value=low,
        )  # fmt: skip
        x = QType.of((1, rows, 3 * n + 7, 5), low, high)
        requant = wide(random, op.result(x), low, high)
        codes = random.integers(low, high, x.shape, endpoint=True)
        made.append(Trial(f"{n} {stride} {top} {bottom}", op, requant, (x,), (codes,)))
    program = Program(made, connected(build(isa)))
    functions = {s.details.layer.function for s in program.steps}
    kinds = {f"r{r}_s{s}" for r in range(3, 7) for s in (1, 2)} | {"e00", "e10", "e01", "e11"}
    assert all(any(kind in f for f in functions) for kind in kinds)
    same(program, isa)


def clamped(op: Requant, sums: QType, *machines: Machine) -> UniformForm | None:
    """A form that clamps sums just beyond the steps, whether it needs to or not."""
    found = uniform_form(op, sums, *machines)
    columns = columns_of(op.forms, sums.lows(), sums.highs())
    return found and columns and replace(found, bound=columns.reach)


@pytest.mark.parametrize("isa", Isa, ids=lambda isa: isa.value)
def test_clamped_sums(isa: Isa, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_results, "uniform_form", clamped)
    random = np.random.default_rng(3)
    kinds = product(((3, 3), (5, 4)), ((1, 1), (2, 2)), BYTES)
    made = [trial(random, 3 * i + 1, 9, *k, narrow) for i, k in enumerate(kinds)]
    program = Program(made, connected(build(isa)))
    assert all("_clamp_" in s.details.layer.function for s in program.steps)
    same(program, isa)
    same(program, None)


@pytest.mark.parametrize("isa", Isa, ids=lambda isa: isa.value)
def test_the_layers_of_known_networks(isa: Isa) -> None:
    """They are right, and their model is within 5 % on the cores with assembly."""
    made = Program([layer.trial() for layer in LAYERS], connected(build(isa)))
    for outcome, step in zip(made.on_rtl(isa), made.steps, strict=True):
        assert outcome.right
        assert outcome.interval is not None
        model = step.draft.code.cycles_model
        if isa is Isa.RV32IMC:
            assert model is None
        else:
            assert model == pytest.approx(outcome.interval.cycles, rel=0.05)


def test_what_planes_do_not_serve() -> None:
    """Dilation, several results of a channel, wide codes, wide weights."""
    random = np.random.default_rng(1)
    base = trial(random, 0, 6, (3, 3), (1, 1), (0, 255), wide)
    assert isinstance(base.op, Conv)
    double = np.concatenate([base.op.weight] * 2)
    doubled = (np.zeros(12, np.int64), (8,) * 12)
    ops = (
        (replace(base.op, dilations=(2, 1), pads=(4, 4, 4, 4)), base.types),
        (replace(base.op, weight=double, bias=doubled[0], weight_bits=doubled[1]), base.types),
        (replace(base.op, weight=base.op.weight + 200), base.types),
        (base.op, (QType.of(base.types[0].shape, 0, 256),)),
    )
    for op, types in ops:
        other = replace(base, op=op, types=types, requant=None)
        step = connected(build(Isa.MPIC))(0, other)
        assert not isinstance(step.details, DepthwiseCode)


def test_absorbing_a_bias_changes_no_result() -> None:
    random = np.random.default_rng(2)
    sums = QType.of((1, 2, 2, 21), np.full(21, -900), random.integers(900, 4000, 21))
    bias = random.integers(-500, 500, 21)
    for kind in (wide, mixed, narrow):
        op = kind(random, sums, -128, 127)
        moved, rest = absorbed(op, sums, bias)
        a = random.integers(sums.lows(), sums.highs(), (500, 21), endpoint=True)
        np.testing.assert_array_equal(moved.run(a - bias), op.run(a))
        assert rest.shape == sums.shape
