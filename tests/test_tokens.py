"""Schedules, their replay, and the FIFO depths that come from it."""

from __future__ import annotations

import numpy as np
import pytest

from builder import Case
from cases import cases
from hls_models import deep, folded, merged, random_conv
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.plan.fifos import LEAST
from qcompile.plan.process_moves import ReadPort, WritePort
from qcompile.plan.schedule import Phase, Run, Schedule, overlapped
from qcompile.plan.tokens import Replay

NAMES = ("residual", "conv_odd", "matmul_requant", "concat_channels", "transpose_any", "arg_max")


def some() -> list[Case]:
    parts = [c for c in cases() if c.name in NAMES]
    return [*parts, *(random_conv(s) for s in range(4)), *(deep(s) for s in range(2))]


def planned(case: Case) -> Dataflow:
    return plan_dataflow(case.model, 200)


@pytest.mark.parametrize(
    "case", [*cases(), *(folded(s)[0] for s in range(2))], ids=lambda c: c.name
)
def test_schedules_move_every_word(case: Case) -> None:
    """What a process reads and writes in its steps are the words of its streams."""
    for p in plan_dataflow(case.model).processes:
        ins = [p.port.stream] if isinstance(p, ReadPort) else p.inputs
        for place, stream in enumerate(ins):
            assert p.schedule.reads(place) == stream.words, p.name
        for stream in [p.port.stream] if isinstance(p, WritePort) else p.outputs:
            assert p.schedule.writes == stream.words, p.name
        assert p.cycles == p.schedule.steps


def test_a_schedule_counts_its_steps() -> None:
    plan = Schedule.of((3, [Run(2, (0,)), Run(0), Run(1, (0, 1), True)]), (0, [Run(9)]))
    assert plan.phases == (Phase(3, (Run(2, (0,)), Run(1, (0, 1), True))),)
    assert (plan.steps, plan.reads(0), plan.reads(1), plan.writes) == (9, 9, 3, 3)
    both = Schedule.of((1, overlapped(5, 2)))
    assert (both.steps, both.reads(0), both.writes) == (5, 5, 2)


@pytest.mark.parametrize("case", some(), ids=lambda c: c.name)
def test_sleeping_changes_nothing(case: Case) -> None:
    """Skipped cycles and every cycle looked at: the same times of every word."""
    plan = planned(case)
    replay = Replay.of(plan.processes)
    quick = replay.run(plan.depths, 3, log=True)
    ends = len(plan.inputs), len(plan.outputs)
    always = [np.ones((quick.cycles + 1, n), np.bool_) for n in ends]
    slow = replay.run(plan.depths, 3, *always, log=True)
    assert quick.done
    assert slow.done
    for name, times in quick.written.items():
        most = min(len(times), len(slow.written[name]))
        np.testing.assert_array_equal(times[:most], slow.written[name][:most], err_msg=name)
    for name, times in quick.taken.items():
        np.testing.assert_array_equal(times, slow.taken[name], err_msg=name)


@pytest.mark.parametrize("case", some(), ids=lambda c: c.name)
def test_depths_are_enough_and_minimal(case: Case) -> None:
    """The rate of streams without end, and less of any one of them loses it."""
    plan = planned(case)
    replay = Replay.of(plan.processes)
    assert replay.run(plan.depths, 8).interval == replay.run(None, 8).interval == plan.interval
    bare = Replay.of(plan.processes, registers=False)
    for name, depth in plan.depths.items():
        if depth > LEAST:
            less = plan.depths | {name: depth - 1}
            times = replay.run(less, 8)
            lost = not times.done or times.interval > plan.interval
            assert lost or not bare.run(less, 1).done, f"{name} needs fewer than {depth}"


def test_a_design_that_locks_up_is_seen() -> None:
    case = deep(1)
    plan = plan_dataflow(case.model)
    times = Replay.of(plan.processes).run(dict.fromkeys(plan.depths, LEAST))
    assert not times.done


def test_independent_parts_keep_their_own_times() -> None:
    """Designs side by side do not disturb each other."""
    parts = [c for c in cases() if c.name in ("conv_odd", "dense_plain")]
    together = plan_dataflow(merged("both", parts).model, 200)
    times = Replay.of(together.processes).run(frames=2)
    for part in parts:
        alone = plan_dataflow(part.model, 200)
        ends = Replay.of(alone.processes).run(frames=2).taken
        for port, row in zip(alone.outputs, ends.values(), strict=True):
            match = next(
                a for a in together.outputs if a.port.name == f"{part.name}/{port.port.name}"
            )
            np.testing.assert_array_equal(times.taken[match.stream.name], row)
