"""Kernels of products on all their shapes, bit for bit: on the host with sanitizers, on the RTL.

    .venv/bin/python -m benchmarks.kernels_products [--isa rv32imc ...] [--part 0/8]

The full grid has every number of input channels 1..67 with every kernel, and every number of
output channels with every mixture of weight widths; strides, pads, dilations, activations and
requantizers go round. `trials` are fewer: every pair of those, every number of channels once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np

from benchmarks.steps import Program, Trial, connected
from qcompile.ops import Conv, Dense, Requant
from qcompile.ops.base import IntegerOp
from qcompile.ops.requant import Arithmetic, Scale, Steps
from qcompile.plan import c_fast
from qcompile.qtype import Ints, QType, Shape
from qcompile.rtl import Isa

MOST = 67  # channels
AT_ONCE = 40  # trials of one program
Random = np.random.Generator
Making = Callable[[Random, QType], Requant]


@dataclass(frozen=True)
class Choice:
    """One layer: a level of each factor, and its channels."""

    kernel: Shape  # () is a Dense
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int, int, int]
    x: tuple[int, int]  # range of the activations
    widths: tuple[int, ...]  # of the weights, channel after channel; see `declared`
    ending: int  # of ENDINGS
    inputs: int = 1
    outputs: int = 1


def one_line(low: int, high: int, fine: int) -> Making:
    """Scales with multipliers of about `fine` bits, each channel its own, limits alike."""

    def made(random: Random, sums: QType) -> Requant:
        forms = tuple(
            _scale(random, int(a), int(b), low, high, fine)
            for a, b in zip(sums.lows(), sums.highs(), strict=True)
        )
        return Requant(forms, np.full(len(forms), low), np.full(len(forms), high))

    return made


def _scale(random: Random, least: int, most: int, low: int, high: int, fine: int) -> Scale:
    slope = random.uniform(0.7, 3) * (high - low + 1) / max(most - least, 1)
    shift = fine
    while shift and round(slope * 2**shift) >= 2**fine:
        shift -= 1
    multiplier = max(round(slope * 2**shift), 1)
    middle = (least + most) // 2
    offset = (low + high) * 2**shift // 2 - multiplier * middle
    return Scale(Arithmetic.LONG, multiplier, offset, shift, low, high)


def staircase(random: Random, sums: QType) -> Requant:
    """No line at all: the kernels call the general requantizer."""
    places = np.unique(random.integers(sums.minimum, sums.maximum, 20, endpoint=True))
    steps = Steps(places, random.integers(-128, 127, places.size + 1, endpoint=True))
    return Requant((steps,), np.array([-128]), np.array([127]))


def with_hard_ones(random: Random, sums: QType) -> Requant:
    """Some channels have no line: they, with their neighbours, call the general requantizer."""
    line = one_line(-128, 127, 20)(random, sums)
    forms = tuple(
        staircase(random, sums).forms[0] if c % 11 == 5 else f for c, f in enumerate(line.forms)
    )
    return Requant(forms, np.array([-128]), np.array([127]))


def far_apart(random: Random, sums: QType) -> Requant:
    """Channels whose scales differ by orders of magnitude: no shift serves all of them."""
    forms = []
    for c, (a, b) in enumerate(zip(sums.lows().tolist(), sums.highs().tolist(), strict=True)):
        steep = _scale(random, a, b, 0, 255, 26)
        forms.append(replace(steep, multiplier=steep.multiplier << c % 12 // 4 * 6))
    return Requant(tuple(forms), np.array([0]), np.array([255]))


ENDINGS: tuple[Making | None, ...] = (
    one_line(0, 255, 6),
    one_line(0, 255, 26),
    one_line(-128, 127, 8),
    one_line(-128, 127, 30),
    one_line(-100, 90, 20),
    one_line(0, 15, 12),
    staircase,
    None,
    with_hard_ones,
    far_apart,
)
FACTORS: dict[str, tuple[Any, ...]] = {
    "kernel": ((), (1, 1), (3, 3), (1, 4), (5, 2), (2, 3)),
    "strides": ((1, 1), (2, 2), (2, 1), (1, 3)),
    "dilations": ((1, 1), (2, 1), (1, 2)),
    "pads": ((0, 0, 0, 0), (1, 1, 1, 1), (0, 2, 1, 0)),
    "x": ((0, 255), (-128, 127), (0, 15), (-8, 7), (-3, 100)),
    "widths": (
        *((bits,) for bits in range(1, 9)),
        (8, 4, 2),
        (0, 3, 1, 8),
        (4, 4, 4, 4, 2, 2, 2, 2, 8, 8, 8, 8),
        (2, 2, 3, 4, 4, 4, 1),
        (12, 8),
        (83, 4, 83, 2),
    ),
    "ending": tuple(range(len(ENDINGS))),
}


def pairwise(random: Random) -> list[Choice]:
    """Choices in which every two levels of different factors meet."""
    names = list(FACTORS)
    left = {
        (a, i, b, j)
        for a, b in combinations(names, 2)
        for i in range(len(FACTORS[a]))
        for j in range(len(FACTORS[b]))
    }
    found = []
    while left:
        start = min(left)
        level = {start[0]: start[1], start[2]: start[3]}
        for name in random.permutation([n for n in names if n not in level]).tolist():
            news = [len(_pairs(level | {name: i}) & left) for i in range(len(FACTORS[name]))]
            level[name] = int(np.argmax(np.array(news) + random.random(len(news)) / 2))
        left -= _pairs(level)
        found.append(Choice(**{n: FACTORS[n][i] for n, i in level.items()}))
    return found


def _pairs(level: dict[str, int]) -> set[tuple[str, int, str, int]]:
    ordered = [n for n in FACTORS if n in level]
    return {(a, level[a], b, level[b]) for a, b in combinations(ordered, 2)}


def trials(seed: int = 3) -> list[Trial]:
    """Every pair of levels, each number of channels of the input and of the output; and layers
    whose pixels are read where they lie."""
    random = np.random.default_rng(seed)
    choices = pairwise(random)
    assert len(choices) >= MOST
    inputs, outputs = (random.permutation(MOST) + 1 for _ in range(2))
    chosen = [
        replace(c, inputs=int(inputs[i % MOST]), outputs=int(outputs[i % MOST]))
        for i, c in enumerate(choices)
    ]
    still = {"strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0), "inputs": 32}
    for kernel, bits, ending in product(((), (1, 1)), (8, 4, 2), (1, 3)):
        chosen.append(
            Choice(kernel, x=(0, 255), widths=(bits,), ending=ending, outputs=21, **still)
        )
    return [trial(random, c) for c in chosen]


def grid() -> Iterator[Choice]:
    """Every number of channels with every kernel, and with every mixture of widths."""
    rounds = dict.fromkeys(FACTORS, 0)

    def following(**fixed: Any) -> Choice:
        chosen = {}
        for k, (name, levels) in enumerate(FACTORS.items()):
            rounds[name] += k + 1
            chosen[name] = levels[rounds[name] % len(levels)]
        return Choice(**(chosen | fixed))

    for channels in range(1, MOST + 1):
        for i, kernel in enumerate(FACTORS["kernel"]):
            yield following(kernel=kernel, inputs=channels, outputs=(channels * 5 + i) % 19 + 1)
        for i, widths in enumerate(FACTORS["widths"]):
            yield following(widths=widths, outputs=channels, inputs=(channels * 7 + i) % 23 + 1)


def trial(random: Random, c: Choice) -> Trial:
    """The layer on a small image whose size and skew are drawn."""
    shape = (c.outputs, *c.kernel, c.inputs)
    widths = [declared(c.widths[k % len(c.widths)]) for k in range(c.outputs)]
    weight = np.stack([_weights(random, shape[1:], used) for _, used in widths])
    bits = tuple(b for b, _ in widths)
    bias = random.integers(-300, 300, c.outputs)
    rows = (int(random.choice([1, 2, 7])),)
    size = (int(random.integers(1, 3)), *_image(random, c)) if c.kernel else rows
    x = QType.of((*size, c.inputs), *c.x)
    op: IntegerOp = Dense(weight, bias, bits)
    if c.kernel:
        pad = int(random.integers(c.x[0], c.x[1], endpoint=True))
        op = Conv(weight, bias, bits, c.strides, c.dilations, c.pads, pad_value=pad)
    ending = ENDINGS[c.ending]
    requant = ending(random, op.result(x)) if ending else None
    skew = int(random.integers(4)) if requant else 0  # bytes lie anywhere
    return Trial(str(c), op, requant, (x,), (_codes(random, x),), skew=skew)


def _image(random: Random, c: Choice) -> tuple[int, ...]:
    """Of one to six output pixels a row, one or two rows."""
    wanted = int(random.integers(1, 3)), int(random.integers(1, 7))
    reach = [(k - 1) * d + 1 for k, d in zip(c.kernel, c.dilations, strict=True)]
    pads = (c.pads[0] + c.pads[2], c.pads[1] + c.pads[3])
    return tuple(
        max((n - 1) * s + r - p, 1)
        for n, s, r, p in zip(wanted, c.strides, reach, pads, strict=True)
    )


def declared(width: int) -> tuple[int, int]:
    """The declared width and that of the weights: 83 is 8 and 3, 12 is 12 and 8."""
    return (8, width - 80) if width > 80 else (width, min(width, 8))


def _weights(random: Random, shape: Shape, bits: int) -> Ints:
    """Both ends of the width occur; 1 bit is {-1, +1}, or one of them alone."""
    if bits == 0:
        return np.zeros(shape, np.int64)
    if bits == 1:
        low, high = ((0, 2), (0, 1), (1, 2))[int(random.integers(3))]
        return 2 * random.integers(low, high, shape) - 1
    half = 1 << bits - 1
    values = random.integers(-half, half, shape)
    draw = random.integers(0, 6, shape)
    out: Ints = np.where(draw == 0, -half, np.where(draw == 1, half - 1, values))
    return out


def _codes(random: Random, x: QType) -> Ints:
    values = random.integers(x.minimum, x.maximum, x.shape, endpoint=True)
    draw = random.integers(0, 8, x.shape)
    out: Ints = np.where(draw == 0, x.minimum, np.where(draw < 3, x.maximum, values))
    return out


def programs(some: Sequence[Trial], isa: Isa) -> list[Program]:
    """The trials as they are made for `isa`, in programs of a handy size."""
    make = connected(lambda op, site: c_fast.build(op, site, isa))
    return [Program(some[i : i + AT_ONCE], make) for i in range(0, len(some), AT_ONCE)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", nargs="*", choices=[i.value for i in Isa])
    parser.add_argument("--part", default="0/1", help="0/8 is the first of eight parts")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    random = np.random.default_rng(11)
    some = [trial(random, c) for c in list(grid())[part::parts]]
    for isa in map(Isa, options.isa or [i.value for i in Isa]):
        made = programs(some, isa)
        for where in ("host", "RTL"):
            found = [p.on_rtl(isa) if where == "RTL" else p.on_host() for p in made]
            wrong = [o.trial.name for outcomes in found for o in outcomes if not o.right]
            print(f"{isa.value}, {where}: {len(some)} layers, {len(wrong)} wrong", flush=True)
            for name in wrong:
                print(f"    {name}")


if __name__ == "__main__":
    main()
