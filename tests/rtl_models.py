"""Runs designs in Verilator and in the token simulator, and compares every bit and every cycle."""

from __future__ import annotations

import numpy as np

from builder import Case
from qcompile.plan.dataflow import Dataflow
from qcompile.plan.token_kernel import Bits
from qcompile.plan.tokens import Replay
from qcompile.verify.verilated import Verilated

CYCLES = 3000  # of random patience at the ends of a design; after them it runs freely


def check(case: Case, plan: Dataflow, seed: int = 0) -> None:
    """Every output, and the time of every word on every stream, without and with back-pressure."""
    rtl = Verilated(case.model, plan, case.name, trace=True)
    replay = Replay.of(plan.processes)
    wanted = case.model.run(case.inputs)
    frames = len(next(iter(case.inputs.values()))) if case.inputs else 1
    for offers, takes in ((None, None), patience(plan, seed)):
        ran = rtl.run(case.inputs, offers, takes)
        times = replay.run(plan.depths, frames, offers, takes, log=True)
        assert times.done
        for stream, written in times.written.items():
            got = ran.written[stream]
            most = min(len(got), len(written))
            assert most, f"{stream}: nothing was written"
            np.testing.assert_array_equal(got[:most], written[:most], err_msg=f"times of {stream}")
        for name, found in ((times.given, ran.given), (times.taken, ran.taken)):
            for stream, cycles in name.items():
                most = min(len(found[stream]), len(cycles))  # unread words may be left over
                assert most, f"{stream}: nothing moved"
                np.testing.assert_array_equal(found[stream][:most], cycles[:most], err_msg=stream)
        for port, codes in wanted.items():
            np.testing.assert_array_equal(ran.outputs[port], codes, err_msg=port)


def patience(plan: Dataflow, seed: int) -> tuple[Bits, Bits]:
    """Ends that hesitate, each at a rate of its own."""
    random = np.random.default_rng(seed)
    ends = len(plan.inputs), len(plan.outputs)
    offers, takes = (random.random((CYCLES, n)) < random.uniform(0.2, 0.9, n) for n in ends)
    return offers, takes
