"""Cycles of the kernels for bytes on the RTL, beside those of the general kernels and the model.

    python -m benchmarks.kernels_elementwise

prints one line a step and instruction set: elements read, cycles of the general kernel and of the
one for bytes, both for each element, and what the model says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.steps import Outcome, Program, Trial, connected
from qcompile.ops import Add, Concat, Gather, MaxPool, Pad, Requant, SumPool, Transpose
from qcompile.ops.base import IntegerOp
from qcompile.ops.requant import Arithmetic, Scale
from qcompile.plan import c_elementwise, c_layers
from qcompile.plan.c_byte_cycles import cycles
from qcompile.plan.c_layers import Code, Site, window, with_finish
from qcompile.plan.c_pools import MaxPoolCode, SumPoolCode
from qcompile.plan.c_types import kernel
from qcompile.qtype import QType, Shape
from qcompile.rtl import Isa


def fast(op: IntegerOp, site: Site) -> Code | None:
    """The kernels for bytes."""
    match op:
        case Add():
            return c_elementwise.add(op, site)
        case Requant():
            return c_elementwise.requant(op, site)
    return None


def general(op: IntegerOp, site: Site) -> Code | None:
    """The kernels for all widths; moves have only one kind."""
    match op:
        case Add():
            return c_layers.add(op, site)
        case Requant():
            return c_layers.requant(op, site)
        case MaxPool():
            main = kernel("qc_max_pool", X=site.x)
            return Code(MaxPoolCode(main.function, window(op, site, site.output.channels)), (main,))
        case SumPool():
            types = {"X": site.x, "A": site.accumulator}
            main = kernel("qc_sum_pool", **types)
            shape = window(op, site, site.output.channels)
            details = SumPoolCode(main.function, shape, "0", "NULL")
            return Code(details, (with_finish(main, site, types),))
    return None


def requant(x: QType, low: int = -128, high: int = 127) -> Requant:
    """One product of 32 bits that spreads x a little further than the codes go."""
    slope = 1.25 * (high - low) / (x.maximum - x.minimum)
    shift = 30 - x.magnitude.bit_length() - round(np.log2(slope))
    multiplier = max(round(slope * 2**shift), 1)
    offset = ((low + high) << shift - 1) - multiplier * ((x.minimum + x.maximum) // 2)
    scale = Scale(Arithmetic.WORD, multiplier, offset, shift, low, high)
    return Requant((scale,), np.array([low]), np.array([high]))


def trials() -> Iterator[Trial]:
    """The steps of ResNet8, DS-CNN and person_detect, and others of their kind."""
    random = np.random.default_rng(0)

    def of(name: str, op: IntegerOp, *shapes: Shape, low: int = -128, high: int = 127) -> Trial:
        types = tuple(QType.of(s, low, high) for s in shapes)
        codes = tuple(
            np.clip(np.rint(random.normal((low + high) / 2, (high - low) / 6, s)), low, high)
            for s in shapes
        )
        raw = op.result(*types)
        after = requant(raw) if isinstance(op, Add | SumPool) else None
        return Trial(name, op, after, types, tuple(c.astype(np.int64) for c in codes))

    add = Add((1621615, 4289131), -76976683)
    for shape in ((1, 32, 32, 16), (1, 16, 16, 32), (1, 8, 8, 64), (1, 5, 5, 19)):
        yield of(f"add {shape}", add, shape, shape)
    yield of("table", requant(QType.of((1,), -128, 127)), (1, 40, 40, 16))
    yield of(
        "line of 16 bits", requant(QType.of((1,), -999, 999)), (1, 40, 40, 8), low=-999, high=999
    )
    for shape in ((1, 8, 8, 64), (1, 25, 5, 64), (1, 3, 3, 256)):
        yield of(f"average {shape}", SumPool(shape[1:3], shape[1:3]), shape)
    for c in (16, 32, 33):
        yield of(f"average 2x2 {c}", SumPool((2, 2), (2, 2)), (1, 16, 16, c))
        yield of(f"max 2x2 {c}", MaxPool((2, 2), (2, 2)), (1, 20, 20, c))
        yield of(f"max 3x3 {c}", MaxPool((3, 3), (2, 2), pads=(1, 1, 1, 1)), (1, 20, 20, c))
    yield of("max 2x2 32 unsigned", MaxPool((2, 2), (2, 2)), (1, 20, 20, 32), low=0, high=255)
    border = ((0, 0), (1, 1), (1, 1), (0, 0))
    for c in (3, 16, 48):
        yield of(f"pad {c}", Pad(border, -128), (1, 20, 20, c))
        yield of(f"concat {c}", Concat(3), (1, 20, 20, c), (1, 20, 20, 32))
    yield of("upsample", Gather(1, tuple(i // 2 for i in range(20))), (1, 10, 10, 32))
    yield of("gather", Gather(2, (4, 0, 0, 3, 1)), (1, 10, 10, 32))
    yield of("transpose", Transpose((0, 2, 1, 3)), (1, 10, 12, 32))
    yield of("channels first", Transpose((0, 3, 1, 2)), (1, 10, 12, 32))


def measured(
    all_trials: Sequence[Trial], isa: Isa
) -> Iterator[tuple[Outcome, Outcome, float | None]]:
    """Each step with the general kernel and with its own, and the model's cycles for that."""
    before = Program(all_trials, connected(general)).on_rtl(isa)
    program = Program(all_trials, connected(fast))
    for step, old, new in zip(program.steps, before, program.on_rtl(isa), strict=True):
        assert old.right, f"{old.trial.name} is wrong"
        assert new.right, f"{new.trial.name} is wrong"
        yield old, new, cycles(step.details, isa)


def main() -> None:
    all_trials = list(trials())
    print("| step | isa | elements | general | each | for bytes | each | model | error |")
    print("|---|---|---|---|---|---|---|---|---|")
    for isa in (Isa.RV32IMC, Isa.CV32E40P, Isa.MPIC_Q):
        for old, new, said in measured(all_trials, isa):
            assert old.interval is not None
            assert new.interval is not None
            size = max(old.trial.output.size, *(t.size for t in old.trial.types))
            a, b = old.interval.cycles, new.interval.cycles
            model = "" if said is None else f"{said:.0f} | {said / b - 1:+.1%}"
            print(
                f"| {old.trial.name} | {isa.value} | {size} | {a} | {a / size:.2f} | {b} | "
                f"{b / size:.2f} | {model or ' | '} |"
            )


if __name__ == "__main__":
    main()
