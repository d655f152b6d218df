"""What multiplies weights with activations in the RTL, and how long a scalar product takes."""

from __future__ import annotations

from enum import Enum


class Multiplier(Enum):
    """The value is the parameter MULTIPLIER of the library's modules."""

    LUT = 0  # rows of LUTs, two bits of a weight each
    DSP = 1  # one DSP block a product
    DSP2 = 2  # one for two rows that meet the same activation, where both products fit

    def levels(self, simd: int) -> int:
        """Registers from operands to the sum of `simd` products: a tree of adders, one a level.

        The products have registers of their own in DSP blocks, and where nothing else has any.
        """
        tree = (simd - 1).bit_length()
        return tree if self is Multiplier.LUT and tree else tree + 1


OPERANDS = 2  # registers before the products: reading weights and activations, and preparing them
ACCUMULATOR = 1
