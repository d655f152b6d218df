"""The arena of a program: the order of its tasks, whose memory each result takes, and the offsets.

First the order, by its peak; then, for each way of joining results with the inputs that they may
be written over, the smallest placement. Writing in place wherever it is allowed needs the fewest
bytes at every step, so when that way's lower bound is met, nothing else can be smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from qcompile.plan.memory import Buffer, MemoryPlan, Proof, place
from qcompile.plan.order import Order, best_order
from qcompile.plan.placement import WORK
from qcompile.plan.tasks import Task, dying, lives

WAYS = 12  # of joining that are placed beside the first, where that is above its bound

Joined = list[tuple[str, str]]  # pairs of values that share their memory


@dataclass(frozen=True, eq=False)
class Arena:
    """The order of the tasks, and the plan of their memory.

    Scratch of the task at step t is the buffer `scratch_of(t)`. `values` is the plan of the values
    alone: what the arena would be without scratch.
    """

    order: Order
    memory: MemoryPlan
    values: MemoryPlan


def scratch_of(step: int) -> str:
    return f"(scratch of step {step})"  # no value is called so


def plan_arena(tasks: Sequence[Task], sizes: Mapping[str, int], alignment: int) -> Arena:
    """The smallest arena for the values with `sizes`, in bytes; offsets are aligned.

    Values without a size live elsewhere. The tasks keep their order unless another is better.
    """
    sizes = {name: _rounded(size, alignment) for name, size in sizes.items()}
    tasks = [replace(t, scratch=_rounded(t.scratch, alignment)) for t in tasks]
    order = best_order(tasks, sizes)
    memory = _placed(tasks, sizes, alignment)
    if order.tasks != tuple(range(len(tasks))):
        moved = [tasks[i] for i in order.tasks]
        found = _placed(moved, sizes, alignment)
        if found.size < memory.size:
            tasks, memory = moved, found
        else:
            order = Order(tuple(range(len(tasks))), memory.lower_bound, optimal=False)
    bare = [replace(t, scratch=0) for t in tasks]
    values = memory if bare == tasks else _placed(bare, sizes, alignment)
    return Arena(order, memory, values)


def _rounded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _placed(tasks: Sequence[Task], sizes: Mapping[str, int], alignment: int) -> MemoryPlan:
    """The best plan over the ways of joining; its bound holds for all of them."""
    buffers = [
        Buffer(name, sizes[name], life.first, life.last)
        for name, life in lives(tasks).items()
        if name in sizes
    ]
    buffers += [Buffer(scratch_of(i), t.scratch, i, i) for i, t in enumerate(tasks) if t.scratch]
    choices = _choices(tasks, sizes)
    ways = _ways(choices)
    first = best = place(buffers, alignment, ways[0], WORK if len(ways) == 1 else WORK // 2)
    all_searched = first.optimal and len(ways) == _count(choices)
    for joined in ways[1:]:
        if best.size == first.lower_bound:
            break
        likely = joined is ways[1] and any(choice.copies for choice in choices)
        plan = place(buffers, alignment, joined, WORK // 2 // (1 if likely else len(ways)))
        best = min(best, plan, key=lambda p: p.size)
        all_searched &= plan.optimal
    proof = Proof.SEARCH if all_searched else Proof.NONE
    proof = Proof.BOUND if best.size == first.lower_bound else proof
    return replace(best, lower_bound=first.lower_bound, peak=first.peak, proof=proof)


@dataclass(frozen=True)
class Choice:
    """What one result may be joined with, the best first, and None."""

    options: tuple[tuple[str, str] | None, ...]
    copies: bool


def _choices(tasks: Sequence[Task], sizes: Mapping[str, int]) -> list[Choice]:
    """Of each result that may be in place: over the input that saves most, ..., over none."""
    choices = []
    for task, dead in zip(tasks, dying(tasks), strict=True):
        if task.makes is None or task.makes not in sizes:
            continue
        saved = [(-min(sizes[name], sizes[task.makes]), name) for name in dead if name in sizes]
        if saved:
            pairs = [(name, task.makes) for _, name in sorted(saved)]
            choices.append(Choice((*pairs, None), task.copies))
    return choices


def _ways(choices: list[Choice]) -> list[Joined]:
    """All joined; all but the copies, where there are any; then some others."""
    ways = [_pairs([choice.options[0] for choice in choices])]
    if any(choice.copies for choice in choices):
        ways.append(_pairs([c.options[0] for c in choices if not c.copies]))
    return ways + list(islice(_others(choices), WAYS))


def _others(choices: list[Choice]) -> Iterator[Joined]:
    """All ways but the first, if they are few; else those with one choice changed."""
    if _count(choices) <= WAYS + 1:
        every = product(*(choice.options for choice in choices))
        yield from islice((_pairs(chosen) for chosen in every), 1, None)
        return
    usual = [choice.options[0] for choice in choices]
    for i, choice in enumerate(choices):
        for option in choice.options[1:]:
            yield _pairs((*usual[:i], option, *usual[i + 1 :]))


def _pairs(chosen: Sequence[tuple[str, str] | None]) -> Joined:
    return [pair for pair in chosen if pair is not None]


def _count(choices: list[Choice]) -> int:
    count = 1
    for choice in choices:
        count *= len(choice.options)
    return count
