"""What every op answers: is it legal, what does it compute, how much work is it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from qcompile.errors import CompileError
from qcompile.qtype import Ints, QType, TensorType


@dataclass(frozen=True)
class Work:
    """How much of what an op does, for one inference; targets put prices on it.

    `multiplies` counts by (activation bits, weight bits), `adds` by bits; `constant_bits` are the
    stored bits of weights, `metadata_bits` those of biases, requantizers and packing.
    """

    multiplies: Counter[tuple[int, int]] = field(default_factory=Counter)
    adds: Counter[int] = field(default_factory=Counter)
    constant_bits: int = 0
    metadata_bits: int = 0

    @property
    def macs(self) -> int:
        return sum(self.multiplies.values())

    @property
    def bops(self) -> int:
        """Bit operations: sum of MACs times activation bits times weight bits."""
        return sum(n * a * w for (a, w), n in self.multiplies.items())


LARGEST = (1 << 63) - 1  # of the int64 that every sum is computed in


class Op:
    """An op of either kind: its type rule."""

    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the result; raises CompileError where the inputs do not fit."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        return type(self).__name__


class IntegerOp(Op):
    """An op of the integer graph. `run` is its definition, for every backend.

    Arrays have a leading axis of samples: int64 [samples, *shape].
    """

    def infer(self, *inputs: TensorType) -> QType:
        types = [t for t in inputs if isinstance(t, QType)]
        assert len(types) == len(inputs), "a real tensor is left in the integer graph"
        return self.result(*types)

    def result(self, *inputs: QType) -> QType:
        """The exact type of the result."""
        raise NotImplementedError

    def reach(self, *inputs: QType) -> int:
        """The most that the magnitudes of the terms of one sum of the op add up to.

        Partial sums in any order, and each operand on its own, stay within it.
        """
        return max((x.magnitude for x in inputs), default=0)

    def run(self, *inputs: Ints) -> Ints:
        """The result, exact, for a batch of samples."""
        raise NotImplementedError

    def work(self, *inputs: QType) -> Work:
        """The work of one inference."""
        return Work()


def representable(reach: int, largest: int = LARGEST) -> None:
    """Raises CompileError where sums reach further than the integers that hold them."""
    if reach > largest:
        raise CompileError(
            f"its sums take {reach.bit_length() + 1} bits, of {largest.bit_length() + 1} that "
            "there are",
            help="use narrower weights and activations, or scales that are closer to each other",
        )


def channels_last(array: Any, rank: int) -> Any:
    """A per-channel array, shaped to broadcast over the last axis of a batch of `rank` axes."""
    return array.reshape((1,) * rank + (-1,))
