"""Tasks: what the steps of a program do to memory, free of what they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One step: it makes a value, reads others, and needs `scratch` bytes meanwhile.

    Of the values that it reads, those in `over` may lend their memory to what it makes. Where that
    is a copy of one of them, this saves little memory, and fixes where both are.
    """

    makes: str | None
    reads: frozenset[str] = frozenset()
    scratch: int = 0
    over: frozenset[str] = frozenset()
    copies: bool = False


@dataclass(frozen=True)
class Life:
    """The steps, from 0, between which a value is needed, both included."""

    first: int
    last: int


def lives(tasks: Sequence[Task]) -> dict[str, Life]:
    """Of each value that a task makes, in the order of making: until its last reader is done."""
    found: dict[str, Life] = {}
    for step, task in enumerate(tasks):
        if task.makes is not None:
            found[task.makes] = Life(step, step)
        for name in task.reads:
            if name in found:
                found[name] = Life(found[name].first, step)
    return found


def dying(tasks: Sequence[Task]) -> list[list[str]]:
    """For each task, the values of `over` that no later task reads, in the order of their names."""
    life = lives(tasks)
    return [
        [name for name in sorted(task.over) if name in life and life[name].last == step]
        for step, task in enumerate(tasks)
    ]
