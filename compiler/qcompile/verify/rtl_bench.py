"""The level `rtl`: the firmware of a project, cycle by cycle, on as many vectors as time allows.

How many is a matter of cycles and not of the clock, so that reports are alike on all machines. The
simulator runs one to two million cycles a second.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from qcompile.emit.c import emit_plan
from qcompile.model import IntegerModel
from qcompile.rtl import Isa
from qcompile.verify.counts import Measurement
from qcompile.verify.firmware import FirmwareRunner
from qcompile.verify.run import (
    Effort,
    Level,
    Missing,
    Project,
    amount,
    check,
    check_requantizers,
    work,
)
from qcompile.verify.vectors import CORNERS, Codes, vectors

NAME = "rtl"
USUAL = 24  # vectors, by default
CYCLES = 20_000_000  # of all vectors together, by default; one vector may take more
MOST_WORK = 100_000_000  # operations of a network that runs by default
MOST_PROBES = 60_000
RATE = 6_000_000_000  # as many vectors as on the host, with --verify=full


@dataclass(frozen=True)
class FirmwareBench:
    """Projects for `isa` on the RTL.

    Where `flash_wait` is not 0, one vector is measured with so many wait states of flash as well.
    """

    isa: Isa
    emit: Callable[[IntegerModel], Project]
    flash_wait: int = 0
    name: str = NAME

    def build(self, model: IntegerModel, project: Project) -> FirmwareRunner:
        return FirmwareRunner(project.plan, project.files)

    def compare(
        self, model: IntegerModel, project: Project, effort: Effort, given: Codes | None
    ) -> Level:
        """The first vector says how long one takes, and so how many run."""
        everything = effort is Effort.FULL
        if work(model) > MOST_WORK and not everything:
            raise Missing(f"{work(model)} operations a vector; --verify=full runs them")
        most = 0 if everything else MOST_PROBES
        probes = check_requantizers(
            model, NAME, lambda network: self.build(network, self.emit(network)), most
        )
        count = amount(model, RATE, effort, given)
        codes = ordered(model, count, given)
        runner = self.build(model, project)
        check(model, runner, NAME, part(codes, 0, 1))
        cycles = runner.measurement().most
        if not everything:
            count = int(np.clip(CYCLES // max(cycles, 1), 1, min(count, USUAL)))
        if count > 1:
            check(model, runner, NAME, part(codes, 1, count))
        found = self.with_others(runner.measurement(), project, part(codes, 0, 1))
        return Level(NAME, True, count, probes, measured=found)

    def measure(self, model: IntegerModel, project: Project, given: Codes | None) -> Measurement:
        """One vector, compared and counted."""
        runner = self.build(model, project)
        codes = ordered(model, 1, given)
        check(model, runner, NAME, codes)
        return self.with_others(runner.measurement(), project, codes)

    def with_others(self, found: Measurement, project: Project, codes: Codes) -> Measurement:
        """With the cycles of the same vector without bands, and from flash that is waited for.

        Where there are bands, and where it is asked for.
        """
        if project.plan.bands is not None:
            with suppress(Missing):  # the system's memory may be too small for it
                plain = project.plan.bands.plain
                runner = FirmwareRunner(plain, emit_plan(plain, {}))
                runner.run(codes)
                found = replace(found, plain=runner.measurement().total.cycles)
        if self.flash_wait == 0:
            return found
        slow = FirmwareRunner(project.plan, project.files, self.flash_wait)
        slow.run(codes)
        return replace(found, flash_wait=self.flash_wait, waiting=slow.measurement().total.cycles)


def ordered(model: IntegerModel, count: int, given: Codes | None) -> Codes:
    """A typical vector first, the user's where there is one; then corners, then the others."""
    first = len(CORNERS)
    made = vectors(model, max(count, first + 1), given)
    return {
        name: np.concatenate([c[first : first + 1], c[:first], c[first + 1 :]])[:count]
        for name, c in made.items()
    }


def part(codes: Codes, start: int, stop: int) -> Codes:
    return {name: c[start:stop] for name, c in codes.items()}
