"""A design for a rate that the user wishes, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from qcompile.errors import CompileError
from qcompile.model import IntegerModel
from qcompile.ops import Conv, Dense
from qcompile.plan.dataflow import Dataflow, plan_dataflow
from qcompile.plan.folding import Fold
from qcompile.plan.folding_file import read_folding


@dataclass(frozen=True)
class RateWish:
    """Inferences a second, and folds that are fixed, by layer."""

    fps: float | None = None
    folds: Mapping[str, Fold] = field(default_factory=dict)

    @classmethod
    def of(cls, fps: float | None, folding: str | Path) -> RateWish:
        """Raises CompileError for a rate that is none, and for a file that holds no folds."""
        if fps is not None and not 0 < fps < 1e12:
            raise CompileError(f"{fps} inferences a second", at="--fps", help="a rate above 0")
        return cls(fps, read_folding(Path(folding)) if folding else {})


def plan_for_rate(model: IntegerModel, wish: RateWish, clock_mhz: float | None) -> Dataflow:
    """A design as fast as wished at that clock, or of the usual size where nothing is wished.

    Raises CompileError with the best rate and what limits it where the wish is beyond that, and
    for a layer that the model does not have.
    """
    check_layers(model, wish.folds)
    if wish.fps is None:
        return plan_dataflow(model, folds=wish.folds)
    if clock_mhz is None:
        raise CompileError(
            "a rate needs a clock, and the target names none", at="--fps", help="give --clock MHZ"
        )
    cycles = int(clock_mhz * 1e6 / wish.fps)
    plan = plan_dataflow(model, max(cycles, 1), wish.folds)
    if plan.interval > cycles:
        slowest = max(plan.processes, key=lambda p: p.cycles)
        raise CompileError(
            f"{wish.fps:g} inferences a second leave {cycles} cycles of {clock_mhz:g} MHz each; "
            f"{slowest.about} takes {slowest.cycles} at its widest fold",
            at=model.graph[slowest.node].origin,
            help=f"at most --fps {clock_mhz * 1e6 / plan.interval:.0f}, or a faster --clock",
        )
    return plan


def check_layers(model: IntegerModel, folds: Mapping[str, Fold]) -> None:
    """Raises CompileError for a fold of no layer."""
    names = [node.name for node in model.graph if isinstance(node.op, (Conv, Dense))]
    for name in folds:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise CompileError(
                f"there is no layer {name!r} with weights{hint}",
                at="--folding",
                help="the folding.json of a compiled design names its layers",
            )
