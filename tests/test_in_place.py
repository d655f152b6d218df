"""Results over inputs: only where the kernels' order of reading allows it, and bit for bit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder import Builder, Case
from c_runner import Runner
from cases import conv, dense
from qcompile.ops import Add, Constant, Mul, Reshape
from qcompile.plan.c_elementwise import AddCodes, LookUp, ScaleCodes
from qcompile.plan.c_layers import AddCode, LoadCode, ProductCode
from qcompile.plan.c_plan import CPlan
from qcompile.plan.c_storage import Region
from qcompile.plan.c_types import CType, Walk, broadcast_strides, strides, walk
from qcompile.plan.in_place import overwritable
from qcompile.plan.memory import Proof
from qcompile.qtype import Shape
from qcompile.resources import folder

Visit = tuple[int, int, int]  # elements of both operands and of the result
CTYPES = tuple(CType(bits, signed) for bits in (8, 16, 32, 64) for signed in (True, False))

found = re.search(r"#define QC_RUN (\d+)", (folder("templates") / "c/lib/qc.h").read_text())
assert found is not None
RUN = int(found[1])


def load_runs(details: LoadCode) -> Iterator[list[Visit]]:
    """The elements of each run of qc_load."""
    for c in range(details.channels):
        places = [p * details.channels + c for p in range(details.positions)]
        for start in range(0, len(places), RUN):
            yield [(k, k, k) for k in places[start : start + RUN]]


def walk_runs(order: Walk) -> Iterator[list[Visit]]:
    """The elements of each run of qc_add and qc_matmul."""
    *outer, size = order.size
    for at in product(*map(range, outer)):
        a, b, y = (
            sum(i * s for i, s in zip(at, steps, strict=False))
            for steps in (order.a, order.b, order.y)
        )
        line = [
            (a + i * order.a[-1], b + i * order.b[-1], y + i * order.y[-1]) for i in range(size)
        ]
        for start in range(0, size, RUN):
            yield line[start : start + RUN]


def survives(runs: Iterator[list[Visit]], operand: int, source: CType, result: CType) -> bool:
    """Whether no run reads a byte of the operand that an earlier one has written over."""
    gone: set[int] = set()
    for run in runs:
        read = {
            b
            for v in run
            for b in range(v[operand] * source.bytes, (v[operand] + 1) * source.bytes)
        }
        if read & gone:
            return False
        gone |= {b for v in run for b in range(v[2] * result.bytes, (v[2] + 1) * result.bytes)}
    return True


@st.composite
def broadcasts(draw: st.DrawFn) -> tuple[Shape, Shape, Shape]:
    """A shape, and two that broadcast to it."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 5, 40]), min_size=1, max_size=3)))
    flags = st.lists(st.booleans(), min_size=len(shape), max_size=len(shape))
    cut = [tuple(n if f else 1 for n, f in zip(shape, draw(flags), strict=True)) for _ in range(2)]
    return shape, cut[0], cut[1]


@settings(deadline=None)
@given(broadcasts(), st.booleans(), st.sampled_from(CTYPES), st.sampled_from(CTYPES))
def test_what_may_be_overwritten_was_read_before(
    shapes: tuple[Shape, Shape, Shape], by_channel: bool, source: CType, result: CType
) -> None:
    shape, a, b = shapes
    steps = (broadcast_strides(a, shape), broadcast_strides(b, shape))
    order = walk(shape, *steps, strides(shape), by_channel)
    for details in (
        AddCode("f", order, ("1", "1"), "0"),
        ProductCode("f", order, 1, 1, ("0", "0")),
    ):
        over = overwritable(details, (source, source), result)
        for operand, own in enumerate((a, b)):
            if operand in over:
                assert prod(own) == prod(shape)
                assert survives(walk_runs(order), operand, source, result)
            if prod(own) == prod(shape) and source.bytes == result.bytes:
                assert operand in over


@settings(deadline=None)
@given(st.integers(1, 70), st.integers(1, 9), st.sampled_from(CTYPES), st.sampled_from(CTYPES))
def test_what_a_requantizer_may_overwrite_was_read_before(
    positions: int, channels: int, source: CType, result: CType
) -> None:
    details = LoadCode("f", positions, channels)
    over = overwritable(details, (source,), result)
    if over:
        assert survives(load_runs(details), 0, source, result)
    if source.bytes == result.bytes or (result.bytes == 1 and channels == 1):
        assert over == {0}


@pytest.mark.parametrize("source", CTYPES[:6], ids=lambda c: c.short)
def test_loops_over_bytes_read_before_they_write(source: CType) -> None:
    """Elements in their order, one at a time; results are bytes."""
    byte, runs = CType(8), [[(k, k, k)] for k in range(100)]
    assert survives(iter(runs), 0, source, byte)
    scaled = ScaleCodes("f", 100, "1", ())
    assert overwritable(scaled, (source,), byte) == {0}
    assert overwritable(LookUp("f", 100, "table", 0), (byte,), byte) == {0}
    assert overwritable(AddCodes("f", 100, ("1", "1"), ()), (byte, byte), byte) == {0, 1}


def test_a_product_of_matrices_is_not_in_place() -> None:
    order = walk((4, 4), (4, 1), (4, 1), (4, 1), by_channel=False)
    byte = CType(8)
    assert not overwritable(ProductCode("f", order, 4, 4, ("0", "0")), (byte, byte), byte)
    assert not overwritable(object(), (byte,), byte)


def start(b: Builder, shape: Shape, bits: int, signed: bool = True) -> str:
    """A value in the arena: inputs are the caller's, and nothing is written over them."""
    return b.requant(b.input(shape, bits), bits, signed, per_channel=False)


def end(b: Builder, x: str) -> Case:
    """Through a dense layer, whose result is the caller's."""
    size = b.type(x).size
    return b.case(dense(b, b.add(Reshape((size,)), x), 3, (4,)))


def chain_of_requantizers(b: Builder) -> Case:
    """16 bits to 16 and to 8, by channel and uniform, in runs and what is left of them."""
    x = b.requant(start(b, (5, 9, 7), 16), 15)
    x = b.requant(b.requant(x, 12), 8, per_channel=False)
    return end(b, b.requant(b.requant(x, 7, signed=False), 8))


def narrower_by_channel(b: Builder) -> Case:
    """A byte for channel 0 lies in an element of channel 0 only for the first position."""
    return end(b, b.requant(start(b, (41, 7), 16), 8))


def chain_of_sums(b: Builder) -> Case:
    """Both operands in turn, by channel and uniform, and a value added to itself."""
    x, y = start(b, (3, 11, 6), 8), start(b, (3, 11, 6), 8)
    z = b.requant(b.add(Add((3, -2), 7), x, y), 8)
    z = b.requant(b.add(Add((1, 5)), b.requant(b.input((3, 11, 6), 8), 8), z), 8, per_channel=False)
    return end(b, b.requant(b.add(Add((2, 3)), z, z), 8))


def chain_of_products(b: Builder) -> Case:
    x, y = start(b, (2, 50, 3), 8), start(b, (2, 50, 3), 8, signed=False)
    z = b.requant(b.add(Mul((3, 128)), x, y), 8)
    return end(b, b.requant(b.add(Mul((-1, 2)), z, z), 8, per_channel=False))


def mixed_widths(b: Builder) -> Case:
    """16-bit and 8-bit operands, a 16-bit result over the first, then bytes over that."""
    x, y = start(b, (4, 33), 14), start(b, (4, 33), 8)
    z = b.requant(b.add(Add((1, 9)), x, y), 13)
    w = b.requant(b.add(Mul(), z, start(b, (4, 33), 8)), 8, per_channel=False)
    return end(b, w)


def words_to_bytes(b: Builder) -> Case:
    """32-bit sums that several read, then bytes over them."""
    x = start(b, (6, 20), 8)
    total = b.add(Add((70_000, 3)), x, x)
    narrow = b.requant(total, 8, per_channel=False)
    return b.case(dense(b, narrow, 4, (4,)), dense(b, b.requant(total, 6), 2, (3,)))


def words_to_half_words(b: Builder) -> Case:
    """Never in place: no int16_t may be in the place of an int32_t that is still read."""
    x = start(b, (6, 20), 8)
    total = b.add(Add((70_000, 3)), x, x)
    halves = [b.requant(total, bits, per_channel=False) for bits in (14, 12)]
    return b.case(*(dense(b, half, 2, (4,)) for half in halves))


def broadcast_operands(b: Builder) -> Case:
    """The operand of full size is written over, the other is read to the end."""
    x, gate = start(b, (2, 9, 5), 8), start(b, (1, 1, 5), 8)
    scaled = b.requant(b.add(Mul((1, 2)), gate, x), 8)
    column = start(b, (9, 1), 8)
    return end(b, b.requant(b.add(Add((4, 1)), column, scaled), 8, per_channel=False))


def only_the_broadcast_one_dies(b: Builder) -> Case:
    """The sum has a place of its own: its gate is too small, its other operand is read again."""
    x, gate = start(b, (7, 9, 5), 8), start(b, (1, 9, 1), 8)
    y = b.requant(b.add(Add((4, 1)), gate, x), 8)
    return end(b, b.requant(b.add(Mul(), x, y), 8))


def read_again_later(b: Builder) -> Case:
    """A skip connection over two requantizers: the first must not write over its input."""
    x = start(b, (8, 10), 8)
    y = b.requant(b.requant(x, 7), 8)
    return end(b, b.requant(b.add(Add((1, 1)), x, y), 8))


def through_a_view(b: Builder) -> Case:
    """The operand is looked at in another shape, and so is the result."""
    x = b.add(Reshape((40, 3)), start(b, (10, 12), 8))
    y = b.add(Reshape((12, 10)), b.requant(x, 8))
    fixed = b.add(Constant(b.random.integers(-99, 99, (12, 10))))
    return end(b, b.requant(b.add(Add((2, 3)), y, fixed), 8))


def two_wide_branches(b: Builder) -> Case:
    """Breadth first, as a graph may come: the narrow ends are made too late."""
    x = start(b, (1, 6, 6, 2), 8)
    wide = [b.requant(conv(b, x, (1, 1), 24, (4,)), 8) for _ in range(3)]
    ends = [b.requant(conv(b, w, (3, 3), 2, (4,), pads=(1, 1, 1, 1)), 8) for w in wide]
    joined = b.requant(b.add(Add((1, 1)), ends[0], ends[1]), 8)
    return end(b, b.requant(b.add(Add((1, -1)), joined, ends[2]), 8))


# Each with the values that are where an input of theirs was, and which inputs those are.
MAKERS: dict[Callable[[Builder], Case], dict[str, list[int]]] = {
    chain_of_requantizers: {f"requant_{i}": [0] for i in range(1, 6)},
    narrower_by_channel: {},
    chain_of_sums: {"requant_2": [0], "requant_4": [1], "requant_5": [0, 1]},
    chain_of_products: {"requant_2": [0], "requant_3": [0, 1]},
    mixed_widths: {"requant_2": [0], "requant_4": [0]},
    words_to_bytes: {"requant_1": [0]},
    words_to_half_words: {},
    broadcast_operands: {"requant_2": [1], "requant_4": [1]},
    only_the_broadcast_one_dies: {"requant_3": [0]},
    read_again_later: {"requant_2": [0], "requant_3": [0]},
    through_a_view: {"requant_1": [0], "requant_2": [0]},
    two_wide_branches: {"requant_7": [0], "requant_8": [1]},
}
BUILT = {make.__name__: make(Builder(make.__name__, 500 + i)) for i, make in enumerate(MAKERS)}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(tmp_path_factory.mktemp("in_place"), BUILT.values())


@pytest.mark.parametrize("name", BUILT)
def test_every_bit(runner: Runner, name: str) -> None:
    """Outputs, and every step's value as it is when the step is done."""
    case = BUILT[name]
    outputs, values = runner.run(case)
    wanted, traced = case.model.run(case.inputs), case.model.run(case.inputs, trace=True)
    for port, made in outputs.items():
        np.testing.assert_array_equal(made, wanted[port], err_msg=port)
    for node, made in values.items():
        np.testing.assert_array_equal(made, np.broadcast_to(traced[node], made.shape), node)


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_in_place(runner: Runner, make: Callable[[Builder], Case]) -> None:
    """Every result that may be, and no other; the arena is no larger than its fullest step."""
    plan = runner.plans[make.__name__]
    assert overwritten(plan) == MAKERS[make]
    assert plan.memory.proof is Proof.BOUND
    assert plan.memory.size == plan.memory.lower_bound


def test_branches_are_followed_one_at_a_time(runner: Runner) -> None:
    """Of three wide values of 864 bytes one lives at a time, beside the input and two ends."""
    plan = runner.plans["two_wide_branches"]
    assert plan.storage.order.optimal
    assert plan.storage.values.lower_bound == 864 + 3 * 72
    nodes = [node.name for node in plan.model.graph]
    steps = [nodes.index(step.draft.node) for step in plan.steps]
    assert steps != sorted(steps)
    assert [step.index for step in plan.steps] == list(range(len(steps)))


def overwritten(plan: CPlan) -> dict[str, list[int]]:
    """For each step whose result is at the place of one of its inputs: which inputs."""
    found: dict[str, list[int]] = {}
    for step in plan.steps:
        for i, place in enumerate(step.inputs):
            inside = Region.ARENA is place.region is step.output.region
            if inside and place.offset == step.output.offset:
                found.setdefault(step.draft.node, []).append(i)
    return found
