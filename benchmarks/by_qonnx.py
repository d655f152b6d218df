"""QONNX and FINN models against the `qonnx` executor: the codes of every quantizer.

Each quantizer of the oracle is fed with the executor's own codes of the quantizers before it. A
code that differs is explained where a value within the float32 error of the executor's chain,
bounded in `float_error`, rounds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from benchmarks import qonnx_executor
from benchmarks.float_error import Sizes
from benchmarks.forced import evaluate_forced, integers, nearest, parameter
from benchmarks.quantizers import Quantizer, quantizers
from benchmarks.tally import Tally, explained
from qcompile.semantics import Add, Div, Mul, Number, Sub
from qcompile.simulate import feed, prepared
from qcompile.source import Source

Array = NDArray[Any]

SCALING = 4  # float32 roundings between a quantizer's input and its rounding


class Grids:
    """The scales of a model's quantizers, and codes on them."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self._tensors = tensors

    def scale(self, q: Quantizer) -> Number:
        if not q.scale:
            return parameter(np.array(q.out_scale, np.float32))
        return parameter(self._tensors[q.scale][0])

    def zero_point(self, q: Quantizer) -> Number:
        if not q.scale:
            return parameter(np.array(-q.out_bias / q.out_scale))
        zero = self._tensors[q.zero_point][0] if q.zero_point else np.zeros((), np.float32)
        return parameter(zero)

    def codes(self, q: Quantizer, number: Number) -> Array:
        """The codes of a quantizer's output, float64."""
        return nearest(Add().run(Div().run(number, self.scale(q)), self.zero_point(q)))

    def number(self, q: Quantizer, codes: Array) -> Number:
        return Mul().run(Sub().run(integers(codes), self.zero_point(q)), self.scale(q))


@dataclass(frozen=True)
class Result:
    """What was counted, and the executor's own outputs [samples, *declared]."""

    tally: Tally
    outputs: dict[str, Array]
    left_out: list[str]  # quantizers that nothing needs, which reading drops


class Run:
    """The executor's run of a model, and the oracle that follows it layer by layer."""

    def __init__(self, source: Source, path: Path, samples: Array) -> None:
        arrays = prepared(source, samples)
        ((name, array),) = arrays.items()
        listed = quantizers(onnx.load(str(path)))
        self.left_out = [q.y for q in listed if q.y not in source.tensors]
        self.quantizers = [q for q in listed if q.y in source.tensors]
        keep = {n for q in listed for n in (q.x, q.y, q.scale, q.zero_point) if n}
        keep |= {o.name for o in source.outputs}
        model = qonnx_executor.prepared(path)
        self.tensors = with_constants(model, qonnx_executor.run(model, name, array, keep), keep)
        self.grids = Grids(self.tensors)
        self.codes = {
            q.y: np.rint(self.grids.codes(q, integers(self.tensors[q.y]))) for q in self.quantizers
        }
        given = {
            source.tensors[q.y]: self.grids.number(q, self.codes[q.y]) for q in self.quantizers
        }
        feeds = {n: feed(source.graph[n], a) for n, a in arrays.items()}
        ends = {n for q in self.quantizers for n in (q.x, q.y)}
        needed = {source.tensors[n] for n in ends if n in source.tensors}
        self.computed = evaluate_forced(source.graph, feeds, given, needed)
        self.sizes = Sizes(source.graph, feeds, given)


def compare(source: Source, path: Path, samples: Array) -> Result:
    """The codes of all quantizers on `samples` [samples, *declared without the batch]."""
    run, tally = Run(source, path, samples), Tally()
    for q in run.quantizers:
        check(source, q, run, tally)
    outputs = {o.name: run.tensors[o.name] for o in source.outputs}
    return Result(tally, outputs, run.left_out)


def with_constants(model: Any, tensors: dict[str, Array], keep: set[str]) -> dict[str, Array]:
    """Stored parameters are not among what the executor made."""
    stored = {n: model.get_initializer(n) for n in keep - tensors.keys()}
    return tensors | {n: a[np.newaxis] for n, a in stored.items() if a is not None}


def check(source: Source, q: Quantizer, run: Run, tally: Tally) -> None:
    """Count one quantizer."""
    y, grids = source.tensors[q.y], run.grids
    own, reference = np.broadcast_arrays(grids.codes(q, run.computed[y]), run.codes[q.y])
    wrong = own != reference
    left = int(wrong.sum())
    x = source.tensors.get(q.x, "")
    if left and x in source.graph:
        value = np.broadcast_to(nearest(run.computed[x]), wrong.shape)
        centre = np.abs(nearest(Mul().run(grids.zero_point(q), grids.scale(q))))
        error = run.sizes.of(x).error(np.dtype(np.float32), SCALING)
        error = error + SCALING * 2.0**-24 * centre
        reach = np.broadcast_to(error, wrong.shape)
        wanted = nearest(grids.number(q, reference))
        fine = explained(source.graph, x, y, value, reach, wanted)
        left = int((wrong & ~fine).sum())
    tally.add(q.y, own.size, int(wrong.sum()), left)


def difference(own: Array, stored: Array) -> str:
    """How many elements differ, and by how much at most; floats to 1e-5·max(1, |reference|)."""
    own, stored = own.astype(np.float64), stored.astype(np.float64)
    far = np.abs(own - stored)
    if not far.any():
        return "equal"
    wrong = far > 1e-5 * np.maximum(1, np.abs(stored))
    if not wrong.any():
        return "equal to 1e-5"
    return f"{int(wrong.sum()):,} of {wrong.size:,} differ, by at most {far.max():.3g}"
