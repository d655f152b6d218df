"""Processes that pool: over windows, over whole images, and as float32 adds."""

from __future__ import annotations

from dataclasses import dataclass

from qcompile.plan.processes import Geometry, by_taps
from qcompile.plan.schedule import Run, Schedule
from qcompile.plan.streams import Number, Process, Rom


@dataclass(frozen=True, eq=False, kw_only=True)
class PoolWindows(Process):
    """The largest code or the sum of each window, channel by channel."""

    geometry: Geometry
    largest: bool
    factors: Rom | None = None  # [places]: what each sum is multiplied by

    @property
    def places(self) -> int:
        return self.geometry.out_height * self.geometry.out_width

    @property
    def schedule(self) -> Schedule:
        return by_taps(self.outputs[0].words, self.geometry.taps)

    @property
    def latency(self) -> int:
        """The accumulator, and the product with a factor."""
        return 1 if self.factors is None else 2

    @property
    def roms(self) -> tuple[Rom, ...]:
        return () if self.factors is None else (self.factors,)


@dataclass(frozen=True, eq=False, kw_only=True)
class PoolAll(Process):
    """The largest code or the sum of a whole image, channel by channel."""

    images: int
    places: int
    largest: bool

    @property
    def folds(self) -> int:
        return self.outputs[0].words // self.images

    @property
    def latency(self) -> int:
        return 1

    @property
    def schedule(self) -> Schedule:
        """The last pixel completes the results."""
        reading = Run((self.places - 1) * self.folds, (0,))
        return Schedule.of((self.images, [reading, Run(self.folds, (0,), True)]))


@dataclass(frozen=True, eq=False, kw_only=True)
class RoundedPool(Process):
    """The sum of each window as float32 adds it: `multiplier·(x - zero_point)`, tap after tap."""

    taps: int
    multiplier: int
    zero_point: int

    @property
    def latency(self) -> int:
        """The product, the rounded product, the accumulator."""
        return 3

    @property
    def schedule(self) -> Schedule:
        return by_taps(self.outputs[0].words, self.taps)

    @property
    def factor_type(self) -> Number:
        return Number.holding(self.multiplier)

    @property
    def zero_type(self) -> Number:
        return Number.holding(self.zero_point)
