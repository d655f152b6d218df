"""Vectors: input codes that verification runs, and codes that drive requantizers to their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from qcompile.model import IntegerModel
from qcompile.ops.requant import Arithmetic, Form, Requant, Scale, Steps, Table
from qcompile.qtype import Ints, QType

SEED = 20_240_229
MOST_STEPS = 600  # probes of one channel's steps; more steps than that are sampled evenly
Codes = dict[str, Ints]
Maker = Callable[[np.random.Generator, QType], Ints]


def vectors(model: IntegerModel, count: int, given: Mapping[str, Ints] | None = None) -> Codes:
    """`count` vectors by input port, [count, *stored]: corners first, then `given`, then random.

    The same model and count give the same vectors.
    """
    random = np.random.default_rng(SEED)
    out: Codes = {}
    for port in model.inputs:
        kind = model.type_of(port)
        own = [] if given is None else [given[port.name]]
        drawn = np.stack([make(random, kind) for make in _kinds(count)])
        corners, rest = drawn[: len(CORNERS)], drawn[len(CORNERS) :]
        out[port.name] = np.concatenate([corners, *own, rest])[:count]
    return out


def lowest(random: np.random.Generator, kind: QType) -> Ints:
    """Every code at its least."""
    return np.broadcast_to(kind.lows(), kind.shape)


def highest(random: np.random.Generator, kind: QType) -> Ints:
    """Every code at its most."""
    return np.broadcast_to(kind.highs(), kind.shape)


def corners(random: np.random.Generator, kind: QType) -> Ints:
    """Every code at one of its ends."""
    return np.where(random.integers(0, 2, kind.shape) == 1, kind.highs(), kind.lows())


def channel_corners(random: np.random.Generator, kind: QType) -> Ints:
    """Every channel at one of its ends."""
    ends = np.where(random.integers(0, 2, kind.channels) == 1, kind.highs(), kind.lows())
    return np.broadcast_to(ends, kind.shape)


def uniform(random: np.random.Generator, kind: QType) -> Ints:
    """Every code anywhere in its range."""
    return random.integers(kind.lows(), kind.highs(), kind.shape, endpoint=True)


def smooth(random: np.random.Generator, kind: QType) -> Ints:
    """Codes around one level, as real signals are; sums come near their middle."""
    level, spread = random.uniform(0, 1), random.uniform(0, 0.3)
    part = np.clip(level + spread * random.standard_normal(kind.shape), 0, 1)
    span = (kind.highs() - kind.lows()).astype(np.float64)
    return np.clip(kind.lows() + np.rint(part * span).astype(np.int64), kind.lows(), kind.highs())


def sparse(random: np.random.Generator, kind: QType) -> Ints:
    """Mostly the code nearest to 0."""
    rest = np.clip(0, kind.lows(), kind.highs())
    return np.where(random.uniform(0, 1, kind.shape) < 0.9, rest, uniform(random, kind))


CORNERS = (lowest, highest, corners, channel_corners)
USUAL = (uniform, smooth, uniform, sparse, smooth, corners, channel_corners)


def _kinds(count: int) -> Iterator[Maker]:
    yield from CORNERS
    for i in range(max(count - len(CORNERS), 0)):
        yield USUAL[i % len(USUAL)]


def probes(op: Requant, kind: QType) -> Ints:
    """Codes [points, channels] on both sides of every step of every channel, and its ends."""
    columns = []
    for c in range(kind.channels):
        low, high = int(kind.lows()[c]), int(kind.highs()[c])
        form = op.forms[c if len(op.forms) > 1 else 0]
        columns.append(_around(steps(form, low, high), low, high))
    points = max(len(c) for c in columns)
    return np.stack([np.resize(c, points) for c in columns], axis=-1)


def _around(places: Ints, low: int, high: int) -> Ints:
    """Both sides of each place, and the ends of the range."""
    ends = np.array([low, high], np.int64)
    if len(places) > MOST_STEPS:
        places = places[np.linspace(0, len(places) - 1, MOST_STEPS).astype(np.int64)]
    both = np.concatenate([ends, places - 1, places])
    return np.unique(both[(both >= low) & (both <= high)])


def steps(form: Form, low: int, high: int) -> Ints:
    """The codes in [low, high] at which the results of `form` change, or may."""
    match form:
        case Scale():
            found = scale_steps(form)
        case Steps():
            found = [int(b) for b in form.breaks]
        case Table():
            found = list(range(form.base, form.base + len(form.values)))
    return np.array(sorted(s for s in set(found) if low < s <= high), np.int64)


def scale_steps(form: Scale) -> list[int]:
    """`ceil((edge - offset) / multiplier)` for the least sum of each result, and exceptions."""
    listed = [place + d for place, _ in form.exceptions for d in (0, 1)]
    m = form.multiplier
    if m == 0:
        return listed
    results = range(form.low + 1, form.high + 1)
    if len(results) > 4 * MOST_STEPS:
        results = results[:: len(results) // MOST_STEPS]
    edges = [(k << form.shift) - form.offset for k in results]
    if form.arithmetic is Arithmetic.EVEN:  # a half goes to k only if k is even
        half = 1 << form.shift - 1
        edges = [e - half + (k & 1) for e, k in zip(edges, results, strict=True)]
    # A falling function steps just after the last code that still reaches k.
    return listed + [-(-e // m) if m > 0 else e // m + 1 for e in edges]
