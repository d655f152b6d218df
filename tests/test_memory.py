"""The arena's plan: no two living buffers share a byte, and no plan is below the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qcompile.plan.memory import Buffer, place

spans = st.tuples(st.integers(0, 12), st.integers(0, 5), st.integers(0, 300))


@given(st.lists(spans, max_size=14), st.sampled_from([1, 4, 8]))
def test_plans_are_sound(drawn: list[tuple[int, int, int]], alignment: int) -> None:
    buffers = [Buffer(f"{i}", size, at, at + n) for i, (at, n, size) in enumerate(drawn)]
    plan = place(buffers, alignment)
    assert plan.size >= plan.lower_bound
    for b in buffers:
        assert plan.offsets[b.name] % alignment == 0
        assert 0 <= plan.offsets[b.name] <= plan.size - b.size
        for other in buffers:
            if other is not b and b.meets(other):
                apart = plan.offsets[other.name] >= plan.offsets[b.name] + b.size
                before = plan.offsets[b.name] >= plan.offsets[other.name] + other.size
                assert apart or before


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = [100, 60, 200, 40, 10]
    chain = [Buffer(f"{i}", size, i, i + 1) for i, size in enumerate(sizes)]
    plan = place(chain, 4)
    assert (plan.size, plan.lower_bound) == (260, 260)


def test_a_skip_connection_is_kept() -> None:
    """A block whose input is added to its end: three buffers live at a time."""
    block = [
        Buffer("in", 64, 0, 3),
        Buffer("a", 64, 1, 2),
        Buffer("b", 64, 2, 3),
        Buffer("sum", 64, 3, 4),
    ]
    assert place(block, 4).size == 192


def test_nothing_to_place() -> None:
    assert place([], 4).size == 0
