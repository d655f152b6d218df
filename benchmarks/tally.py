"""Counting: what was compared, what differs, and whether the difference has its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.forced import Floats, floats, nearest
from benchmarks.rows import Row, Status
from qcompile.graph import Graph
from qcompile.verify.oracle import between, follow


@dataclass(eq=False)
class Tally:
    """Grows tensor by tensor."""

    tensors: int = 0
    elements: int = 0
    differing: int = 0
    unexplained: int = 0
    worst: list[str] = field(default_factory=list)  # tensors with unexplained differences

    def add(self, tensor: str, size: int, differing: int, unexplained: int) -> None:
        self.tensors += 1
        self.elements += size
        self.differing += differing
        self.unexplained += unexplained
        if unexplained:
            self.worst.append(tensor)

    def row(self, family: str, model: str, reference: str, samples: int, note: str = "") -> Row:
        status = Status.EXPLAINED if self.differing else Status.EQUAL
        if self.unexplained or not self.elements:
            status = Status.DIFFERS
            where = f"in {', '.join(self.worst[:3])}" if self.worst else "nothing was compared"
            note = "; ".join(filter(None, (note, where)))
        counts = (self.tensors, self.elements, self.differing, self.unexplained)
        return Row(family, model, reference, status, samples, *counts, note=note)


def explained(
    graph: Graph, x: str, y: str, value: Floats, reach: Floats, reference: Floats
) -> NDArray[np.bool_]:
    """Where the quantizer from node `x` to node `y`, on values within `reach`, gives `reference`.

    All hold single elements, [samples, *shape of x]. Quantizers rise, so that the ends decide.
    """
    path = between(graph, x, y)
    if path is None:
        return np.zeros(reference.shape, bool)
    below, above = (
        nearest(follow(graph, path, x, floats(value + move))) for move in (-reach, reach)
    )
    slack = 1e-9 * np.abs(reference)
    found: NDArray[np.bool_] = (below <= reference + slack) & (reference <= above + slack)
    return found
