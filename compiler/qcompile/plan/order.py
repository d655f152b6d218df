"""The order of execution that needs the least memory at its fullest step.

A state is the set of tasks that are done; what lives then depends on the set alone. The search
goes from state to state, that with the lowest peak so far first, so that the first complete one is
a best order. A task that frees at least as much as it makes, and needs no more than the peak so
far, is done at once: any order from there stays as good when that task is moved to its front, as
what it leaves behind is never more than what it found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from qcompile.plan.tasks import Task

STATES = 20_000  # sets of tasks that are looked at: about a second


@dataclass(frozen=True)
class Order:
    """The tasks by their numbers in the order of execution, and the bytes of its fullest step."""

    tasks: tuple[int, ...]
    peak: int
    optimal: bool  # no order has a lower peak


@dataclass(frozen=True)
class Usage:
    """Bytes in use during a task, and after it."""

    during: int
    after: int


def best_order(tasks: Sequence[Task], sizes: Mapping[str, int], states: int = STATES) -> Order:
    """An order with the lowest peak; the given one if it has it, or if the search gets too large.

    `sizes` are bytes of the values in memory; of the others only the order of making and reading
    counts. In the given order, every value is made before it is read.
    """
    network = _Network(tasks, sizes)
    given = tuple(range(len(tasks)))
    peak = network.peak(given)
    least = max((network.least(t) for t in given), default=0)
    if peak == least:
        return Order(given, peak, optimal=True)
    return _search(network, least, Order(given, peak, optimal=False), states)


def peak(tasks: Sequence[Task], sizes: Mapping[str, int]) -> int:
    """The most bytes in use during a task, in the order given."""
    return _Network(tasks, sizes).peak(range(len(tasks)))


def needs(tasks: Sequence[Task], sizes: Mapping[str, int]) -> list[int]:
    """What each task needs at least, whatever the order."""
    network = _Network(tasks, sizes)
    return [network.least(t) for t in range(len(tasks))]


def _search(network: _Network, least: int, given: Order, states: int) -> Order:
    """From the empty set of tasks to the full one, below the given order's peak."""
    full = (1 << len(given.tasks)) - 1
    peaks = {0: least}
    parents: dict[int, tuple[int, int]] = {}
    heap = [(least, 0, 0, 0)]  # peak, tasks left, bytes in use, tasks done as bits
    while heap:
        peak, _, used, done = heappop(heap)
        if done == full:
            return Order(_traced(parents, full), peak, optimal=True)
        if peak > peaks[done]:
            continue
        if len(peaks) > states:
            return given
        for task, usage in network.steps(done, used, peak):
            after, reached = done | 1 << task, max(peak, usage.during)
            if reached < peaks.get(after, given.peak):
                peaks[after] = reached
                parents[after] = (done, task)
                heappush(heap, (reached, (full ^ after).bit_count(), usage.after, after))
    return Order(given.tasks, given.peak, optimal=True)


def _traced(parents: dict[int, tuple[int, int]], done: int) -> tuple[int, ...]:
    """The tasks that lead to the set `done`."""
    order = []
    while done:
        done, task = parents[done]
        order.append(task)
    return tuple(reversed(order))


class _Network:
    """Who waits for whom, and how many bytes each set of tasks holds; sets are bits."""

    def __init__(self, tasks: Sequence[Task], sizes: Mapping[str, int]) -> None:
        self._tasks = tasks
        self._sizes = sizes
        self._readers: dict[str, int] = {}
        maker = {task.makes: i for i, task in enumerate(tasks) if task.makes is not None}
        self._needs = []
        for i, task in enumerate(tasks):
            for name in task.reads:
                self._readers[name] = self._readers.get(name, 0) | 1 << i
            self._needs.append(sum(1 << maker[name] for name in task.reads if name in maker))

    def _size(self, name: str | None) -> int:
        return 0 if name is None else self._sizes.get(name, 0)

    def least(self, t: int) -> int:
        """Bytes in use during a task in any order."""
        task = self._tasks[t]
        saved = max((min(self._size(task.makes), self._size(n)) for n in task.over), default=0)
        held = sum(self._size(name) for name in task.reads)
        return held + self._size(task.makes) + task.scratch - saved

    def usage(self, done: int, used: int, t: int) -> Usage:
        """Of task `t` after the tasks `done`, which leave `used` bytes in use."""
        task, after = self._tasks[t], done | 1 << t
        size = self._size(task.makes)
        freed = [name for name in task.reads if not self._readers[name] & ~after]
        saved = max((min(size, self._size(n)) for n in freed if n in task.over), default=0)
        kept = size if task.makes in self._readers else 0
        left = used + kept - sum(self._size(name) for name in freed)
        return Usage(used + size + task.scratch - saved, left)

    def steps(self, done: int, used: int, peak: int) -> list[tuple[int, Usage]]:
        """The tasks that may follow: one if it can do no harm, else all that are ready."""
        ready = []
        for t, needs in enumerate(self._needs):
            if not done >> t & 1 and not needs & ~done:
                usage = self.usage(done, used, t)
                if usage.during <= peak and usage.after <= used:
                    return [(t, usage)]
                ready.append((t, usage))
        return ready

    def peak(self, order: Sequence[int]) -> int:
        """The most bytes in use during a task of this order."""
        done = used = peak = 0
        for t in order:
            usage = self.usage(done, used, t)
            done, used, peak = done | 1 << t, usage.after, max(peak, usage.during)
        return peak
