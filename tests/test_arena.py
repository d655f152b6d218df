"""The order of execution and what is in place: against all orders, and with joined results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from qcompile.plan.arena import plan_arena, scratch_of
from qcompile.plan.memory import Proof
from qcompile.plan.order import best_order
from qcompile.plan.tasks import Life, Task, lives

Sizes = dict[str, int]


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Task], Sizes]:
    """Tasks that each read some of the values before; some values live elsewhere."""
    tasks: list[Task] = []
    sizes: Sizes = {}
    for i in range(draw(st.integers(1, 7))):
        names = [t.makes for t in tasks if t.makes is not None]
        reads = draw(st.frozensets(st.sampled_from(names), max_size=3)) if names else frozenset()
        over = draw(st.frozensets(st.sampled_from(sorted(reads)))) if reads else frozenset()
        scratch = draw(st.integers(0, 3))
        if draw(st.integers(0, 9)) == 0:
            tasks.append(Task(None, reads, scratch))
            continue
        if draw(st.integers(0, 5)):
            sizes[f"v{i}"] = draw(st.integers(1, 9))
        tasks.append(Task(f"v{i}", reads, scratch, over))
    return tasks, sizes


def orders(tasks: list[Task]) -> Iterator[tuple[int, ...]]:
    """All in which every value is made before it is read."""
    for order in permutations(range(len(tasks))):
        place = {tasks[t].makes: at for at, t in enumerate(order)}
        if all(place[name] < at for at, t in enumerate(order) for name in tasks[t].reads):
            yield order


def fullest(tasks: list[Task], sizes: Sizes) -> int:
    """The most bytes at a step, of what lives then, less the largest saving of one input."""
    life = lives(tasks)
    most = 0
    for step, task in enumerate(tasks):
        living = sum(sizes.get(n, 0) for n, at in life.items() if at.first <= step <= at.last)
        size = sizes.get(task.makes or "", 0)
        dead = [n for n in task.over if life[n].last == step]
        saved = max((min(size, sizes.get(n, 0)) for n in dead), default=0)
        most = max(most, living + task.scratch - saved)
    return most


@settings(deadline=None)  # trying everything takes its time
@given(programs())
def test_no_order_has_a_lower_peak(program: tuple[list[Task], Sizes]) -> None:
    tasks, sizes = program
    found = best_order(tasks, sizes)
    peaks = {order: fullest([tasks[t] for t in order], sizes) for order in orders(tasks)}
    assert found.optimal
    assert found.peak == min(peaks.values()) == peaks[found.tasks]
    if peaks[tuple(range(len(tasks)))] == found.peak:
        assert found.tasks == tuple(range(len(tasks)))


def overlap(one: Life, other: Life) -> bool:
    return one.first <= other.last and other.first <= one.last


@given(programs(), st.sampled_from([1, 4]))
def test_living_values_are_apart_unless_one_is_written_over_the_other(
    program: tuple[list[Task], Sizes], alignment: int
) -> None:
    tasks, sizes = program
    arena = plan_arena(tasks, sizes, alignment)
    moved = [tasks[t] for t in arena.order.tasks]
    life = {n: at for n, at in lives(moved).items() if n in sizes}
    size = dict(sizes)
    for step, task in enumerate(moved):
        if task.scratch:
            life[scratch_of(step)] = Life(step, step)
            size[scratch_of(step)] = task.scratch
    assert {n for n, at in arena.memory.offsets.items()} == set(life)
    allowed = {(t.makes, name) for t in moved for name in t.over}
    offsets = arena.memory.offsets
    for one, at in life.items():
        assert offsets[one] % alignment == 0
        assert offsets[one] + size[one] <= arena.memory.size
        for other, then in life.items():
            if one == other or not overlap(at, then):
                continue
            over = (one, other) in allowed and at.first == then.last
            under = (other, one) in allowed and then.first == at.last
            if (over or under) and offsets[one] == offsets[other]:
                continue
            apart = offsets[one] + size[one] <= offsets[other]
            assert apart or offsets[other] + size[other] <= offsets[one], (one, other)


@given(programs())
def test_the_bounds_are_those_of_the_order(program: tuple[list[Task], Sizes]) -> None:
    """With scratch and without it."""
    tasks, sizes = program
    arena = plan_arena(tasks, sizes, 1)
    moved = [tasks[t] for t in arena.order.tasks]
    bare = [Task(t.makes, t.reads, 0, t.over) for t in moved]
    assert arena.memory.lower_bound == arena.order.peak == fullest(moved, sizes)
    assert arena.values.lower_bound == fullest(bare, sizes)
    assert arena.values.size <= arena.memory.size
    assert arena.memory.proof is not Proof.NONE


def test_a_wide_branch_is_done_before_another_is_begun() -> None:
    """Two branches, each 1 -> 100 -> 1: breadth first holds 200 bytes, depth first 102."""
    tasks = [
        Task("in"),
        Task("wide a", frozenset({"in"})),
        Task("wide b", frozenset({"in"})),
        Task("a", frozenset({"wide a"})),
        Task("b", frozenset({"wide b"})),
        Task("sum", frozenset({"a", "b"})),
    ]
    sizes = {"in": 1, "wide a": 100, "wide b": 100, "a": 1, "b": 1, "sum": 1}
    arena = plan_arena(tasks, sizes, 1)
    assert fullest(tasks, sizes) == 201
    assert (arena.order.peak, arena.order.optimal, arena.memory.size) == (102, True, 102)
    assert arena.order.tasks == (0, 1, 3, 2, 4, 5)


def test_a_search_among_too_many_orders_keeps_the_given_one() -> None:
    """Thirty independent pairs, the wide ends first: 2^30 sets and more."""
    begin = [Task(f"wide {i}") for i in range(30)]
    end = [Task(f"end {i}", frozenset({f"wide {i}"})) for i in range(30)]
    last = Task("sum", frozenset(f"end {i}" for i in range(30)))
    sizes = {f"wide {i}": 10 for i in range(30)} | {f"end {i}": 11 for i in range(30)}
    found = best_order([*begin, *end, last], sizes, states=50)
    assert (found.tasks, found.optimal) == (tuple(range(61)), False)


def test_the_operand_that_saves_most_is_written_over() -> None:
    """A result of 4 bytes over one of 4, not over one of 2."""
    tasks = [
        Task("a"),
        Task("b"),
        Task("y", frozenset({"a", "b"}), 0, frozenset({"a", "b"})),
        Task(None, frozenset({"y"})),
    ]
    arena = plan_arena(tasks, {"a": 2, "b": 4, "y": 4}, 1)
    assert (arena.memory.size, arena.memory.proof) == (6, Proof.BOUND)
    assert arena.memory.offsets["y"] == arena.memory.offsets["b"]
