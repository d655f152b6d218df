"""Figures of a streaming design: cycles from its schedules, and as the RTL took them."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from qcompile.plan.dataflow import Dataflow
from qcompile.plan.tokens import Replay, Times
from qcompile.report.measured import Measured, Table
from qcompile.target import Target
from qcompile.verify.counts import Pace
from qcompile.verify.run import Level, Project

PREDICTED = "exact replay of the static schedules"


def measure_schedules(project: Project) -> Measured:
    """Cycles as the schedules of the plan predict them, and what the FIFOs hold."""
    plan: Dataflow = project.plan
    times = replayed(plan)
    layers = {node: {"cycles_model": cycles} for node, cycles in plan.cycles.items()}
    totals: Table = {
        "ii_cycles": times.interval,
        "latency_cycles": times.latency,
        "fifo_words": sum(plan.depths.values()),
        "fifo_bits": sum(plan.depths[s.name] * s.bits for s in plan.streams),
    }
    sources = {
        "ii_cycles": f"model: {PREDICTED}",
        "latency_cycles": f"model: {PREDICTED}; first word in to last word out",
        "cycles_model": "model: steps of the slowest process",
        "fifo_words": "depths by replays of the schedules: no rate is lost",
    }
    return Measured(layers, totals, sources)


def measure_pace(project: Project, target: Target, levels: tuple[Level, ...]) -> Measured:
    """What the RTL took, with the latency at the target's clock; nothing where it did not run."""
    pace = next((p for level in levels if isinstance(p := level.measured, Pace)), None)
    if pace is None:
        return Measured()
    totals: Table = {"ii_cycles": pace.interval, "latency_cycles": pace.latency}
    if target.clock_mhz is not None:
        totals |= {
            "latency_us": round(pace.latency / target.clock_mhz, 3),
            "inferences_per_second": round(target.clock_mhz * 1e6 / pace.interval, 1),
        }
    how = f"measured: RTL in Verilator, equal to the {PREDICTED}"
    clock = (
        f"{how}; at {target.clock_mhz:g} MHz, {target.clock_source.value}"
        if target.clock_mhz
        else how
    )
    sources = {
        "ii_cycles": how,
        "latency_cycles": f"{how}; first word in to last word out",
        "latency_us": clock,
        "inferences_per_second": clock,
    }
    kept = {key: text for key, text in sources.items() if key in totals}
    return Measured(totals=totals, sources=kept, versions={"verilator": version("verilator")})


@cache
def replayed(plan: Dataflow) -> Times:
    """Some inferences back to back."""
    return Replay.of(plan.processes).run(plan.depths)
