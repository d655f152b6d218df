"""How much of a layer runs in a cycle: the cheapest fold that keeps a target interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

MAX_LANES = 64  # elements of a word; wider words make routing hard


@dataclass(frozen=True)
class Fold:
    """`pe` output channels at once, `simd` inputs of each at once."""

    pe: int
    simd: int

    @property
    def products(self) -> int:
        """Multiplications in a cycle."""
        return self.pe * self.simd


def divisors(number: int) -> tuple[int, ...]:
    """All divisors up to MAX_LANES, ascending."""
    return tuple(d for d in range(1, min(number, MAX_LANES) + 1) if number % d == 0)


def lanes_for(channels: int, positions: int, target: int) -> int:
    """The fewest lanes that move `positions` pixels of `channels` in `target` cycles.

    Where even the most do not: the most.
    """
    fitting = (d for d in divisors(channels) if positions * (channels // d) <= target)
    return next(fitting, divisors(channels)[-1])


def choose(folds: Iterable[Fold], cycles: Callable[[Fold], int], target: int) -> Fold:
    """The fold with the fewest products within `target` cycles, or else the fastest.

    Of equals the one with most inputs at once, which shares an accumulator among more products.
    """
    ranked = sorted(folds, key=lambda f: (f.products, -f.simd))
    fitting = next((f for f in ranked if cycles(f) <= target), None)
    return fitting or min(ranked, key=lambda f: (cycles(f), f.products))
