"""Figures of a target, as they go into report.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Table = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """Figures of the layers by node name and of the whole, what they come from, and which tools.

    `others` are rows of steps that are no layer of the network, such as the copy of an output.
    `causes` say, for a total that a target limits, what takes most of it.
    """

    layers: dict[str, Table] = field(default_factory=dict)
    totals: Table = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    others: tuple[Table, ...] = ()
    causes: dict[str, str] = field(default_factory=dict)

    def __or__(self, other: Measured) -> Measured:
        """Both; rows of the same layer are joined."""
        names = [*self.layers, *(n for n in other.layers if n not in self.layers)]
        return Measured(
            {n: self.layers.get(n, {}) | other.layers.get(n, {}) for n in names},
            self.totals | other.totals,
            self.sources | other.sources,
            self.versions | other.versions,
            (*self.others, *other.others),
            self.causes | other.causes,
        )
