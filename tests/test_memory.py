"""The arena's plan: no two living buffers share a byte, and no plan is smaller."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompile.plan.memory import Buffer, MemoryPlan, Proof, place

Pairs = list[tuple[str, str]]
Rectangle = tuple[int, int, int, int]  # steps from, to; bytes from, to

spans = st.tuples(st.integers(0, 12), st.integers(0, 5), st.integers(0, 300))
small = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 4))


def buffers_of(drawn: list[tuple[int, int, int]]) -> list[Buffer]:
    return [Buffer(f"{i}", size, at, at + n) for i, (at, n, size) in enumerate(drawn)]


def joinable(buffers: list[Buffer]) -> Pairs:
    """Each buffer with the first that is made, no larger, at its last step; no one twice."""
    pairs: Pairs = []
    taken: set[str] = set()
    for one in buffers:
        for other in buffers:
            starts = one.first < other.first == one.last
            if starts and other.size <= one.size and other.name not in taken:
                pairs.append((one.name, other.name))
                taken.add(other.name)
                break
    return pairs


def check(plan: MemoryPlan, buffers: list[Buffer], pairs: Pairs, alignment: int) -> None:
    """Aligned, within the arena, joined ones together, all others apart."""
    assert plan.lower_bound <= plan.size
    assert all(plan.offsets[one] == plan.offsets[other] for one, other in pairs)
    joined = {frozenset(pair) for pair in pairs}
    for b in buffers:
        assert plan.offsets[b.name] % alignment == 0
        assert 0 <= plan.offsets[b.name] <= plan.size - b.size
        for other in buffers:
            if other is b or not b.meets(other) or frozenset((b.name, other.name)) in joined:
                continue
            apart = plan.offsets[other.name] >= plan.offsets[b.name] + b.size
            before = plan.offsets[b.name] >= plan.offsets[other.name] + other.size
            assert apart or before


@given(st.lists(spans, max_size=14), st.sampled_from([1, 4, 8]))
def test_plans_are_sound(drawn: list[tuple[int, int, int]], alignment: int) -> None:
    buffers = [b for b in buffers_of(drawn) if b.size]
    for pairs in ([], joinable(buffers)):
        check(place(buffers, alignment, pairs), buffers, pairs, alignment)


def fits(buffers: list[Buffer], pairs: Pairs, capacity: int) -> bool:
    """Whether any offsets at all put the buffers into `capacity`, by trying each of them."""
    offsets: dict[str, int] = {}
    first = {other: one for one, other in pairs}

    def free(b: Buffer, offset: int) -> bool:
        return all(
            not b.meets(o)
            or first.get(b.name) == o.name
            or offsets[o.name] + o.size <= offset
            or offset + b.size <= offsets[o.name]
            for o in ordered[: len(offsets)]
        )

    def extend() -> bool:
        if len(offsets) == len(ordered):
            return True
        b = ordered[len(offsets)]
        own = offsets[first[b.name]] if b.name in first else -1
        for offset in [own] if own >= 0 else range(capacity - b.size + 1):
            if free(b, offset):
                offsets[b.name] = offset
                if extend():
                    return True
                del offsets[b.name]
        return False

    ordered = sorted(buffers, key=lambda b: b.first)  # a joined one after that which it joins
    return extend()


@settings(deadline=None)  # trying everything takes its time
@given(st.lists(small, max_size=6))
def test_no_plan_is_smaller(drawn: list[tuple[int, int, int]]) -> None:
    buffers = [b for b in buffers_of(drawn) if b.size]
    for pairs in ([], joinable(buffers)):
        plan = place(buffers, 1, pairs)
        assert plan.optimal
        assert plan.size == 0 or not fits(buffers, pairs, plan.size - 1)


def test_a_bound_that_no_plan_reaches() -> None:
    """(bytes, first step, last step): 8 bytes in use at most, but they do not fit into 8."""
    drawn = [(2, 0, 1), (3, 4, 5), (2, 2, 5), (2, 1, 4), (1, 2, 4), (2, 0, 1), (3, 0, 0)]
    drawn += [(2, 1, 3), (3, 5, 5)]
    buffers = [Buffer(f"{i}", *numbers) for i, numbers in enumerate(drawn)]
    plan = place(buffers, 1)
    assert (plan.size, plan.lower_bound, plan.proof) == (9, 8, Proof.SEARCH)
    assert not fits(buffers, [], 8)
    assert fits(buffers, [], 9)


def cut(random: Random, whole: Rectangle, pieces: int) -> list[Rectangle]:
    """A rectangle in pieces that leave no gap: halves, and windmills of five."""
    parts = [whole]
    while len(parts) < pieces:
        parts.sort(key=lambda p: (p[0] - p[1]) * (p[3] - p[2]))
        a, b, c, d = part = parts.pop(random.randrange(min(4, len(parts))))
        if b - a >= 3 and d - c >= 3 and random.random() < 0.5:
            t = random.randint(a + 1, b - 2)
            u = random.randint(t + 1, b - 1)
            y = random.randint(c + 1, d - 2)
            z = random.randint(y + 1, d - 1)
            parts += [(a, u, c, y), (u, b, c, z), (t, b, z, d), (a, t, y, d), (t, u, y, z)]
        elif b - a > 1 and (random.random() < 0.5 or d - c < 2):
            middle = random.randint(a + 1, b - 1)
            parts += [(a, middle, c, d), (middle, b, c, d)]
        elif d - c > 1:
            middle = random.randint(c + 1, d - 1)
            parts += [(a, b, c, middle), (a, b, middle, d)]
        else:
            parts.append(part)
    return parts


@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_a_rectangle_are_put_together_again(seed: int) -> None:
    """Every byte is in use at every step: one gap anywhere and the plan is too large."""
    random = Random(seed)
    parts = cut(random, (0, 30, 0, 1000), 30)
    random.shuffle(parts)
    buffers = [Buffer(f"{i:02}", d - c, a, b - 1) for i, (a, b, c, d) in enumerate(parts)]
    plan = place(buffers, 1)
    assert (plan.size, plan.proof) == (1000, Proof.BOUND)
    check(plan, buffers, [], 1)


def test_a_search_that_is_stopped_says_so() -> None:
    """The windmill needs a search; without one the plan is sound, and claims nothing."""
    parts = cut(Random(3), (0, 30, 0, 1000), 30)
    buffers = [Buffer(f"{i:02}", d - c, a, b - 1) for i, (a, b, c, d) in enumerate(parts)]
    plan = place(buffers, 1, work=0)
    check(plan, buffers, [], 1)
    assert plan.size > plan.lower_bound == 1000
    assert (plan.proof, plan.optimal) == (Proof.NONE, False)


@given(st.lists(spans, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_the_buffers_does_not_matter(
    drawn: list[tuple[int, int, int]], random: Random
) -> None:
    buffers = buffers_of(drawn)
    plan = place(buffers, 4)
    random.shuffle(buffers)
    assert place(buffers, 4) == plan


def test_a_chain_needs_its_two_largest_neighbours() -> None:
    sizes = [100, 60, 200, 40, 10]
    chain = [Buffer(f"{i}", size, i, i + 1) for i, size in enumerate(sizes)]
    plan = place(chain, 4)
    assert (plan.size, plan.lower_bound, plan.peak) == (260, 260, 2)


def test_a_skip_connection_is_kept() -> None:
    """A block whose input is added to its end: three buffers live at a time, two if in place."""
    block = [
        Buffer("in", 64, 0, 2),
        Buffer("a", 64, 1, 2),
        Buffer("sum", 64, 2, 3),
    ]
    assert place(block, 4).size == 192
    assert place(block, 4, [("in", "sum")]).size == 128


def test_what_a_narrower_result_leaves_is_free() -> None:
    """100 bytes become 25 in place; the rest serves the next buffer at once."""
    buffers = [Buffer("wide", 100, 0, 1), Buffer("narrow", 25, 1, 3), Buffer("next", 75, 2, 3)]
    plan = place(buffers, 1, [("wide", "narrow")])
    assert (plan.size, plan.proof) == (100, Proof.BOUND)
    assert plan.offsets == {"wide": 0, "narrow": 0, "next": 25}


def test_nothing_to_place() -> None:
    assert place([], 4).size == 0
    assert place([Buffer("empty", 0, 0, 3)], 4).offsets == {"empty": 0}
