"""Simulate: the oracle, on the graph as read, for a batch of samples.

Batches: an input whose declared first dimension is 1 or symbolic takes (N, *declared[1:]), any
other (N, *declared). Every sample runs alone, and outputs stack the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qcompile.errors import CompileError
from qcompile.graph import Node
from qcompile.model import IntegerModel, Port
from qcompile.progress import QUIET, Progress
from qcompile.qtype import Real
from qcompile.semantics.evaluate import constants, evaluate
from qcompile.semantics.interval import fractions
from qcompile.semantics.number import Bounded, Grid, Number, finest_exponent
from qcompile.semantics.sources import Input, InputGrid
from qcompile.semantics.units import EXACT, whole
from qcompile.source import Dialect, Output, Source

Array = NDArray[Any]

CHUNK_BYTES = 1 << 20  # of the largest tensor of a chunk: more leaves the caches, and is slower


def simulate(
    source: Source,
    inputs: Mapping[str, ArrayLike] | ArrayLike,
    *,
    trace: bool = False,
    integer: bool = False,
    progress: Progress = QUIET,
) -> dict[str, Array]:
    """The outputs of `source` by name, or with `trace` every tensor by its ONNX name.

    `inputs` holds an array for each graph input, or is the array of the only one. Outputs have
    the declared dtype, float64 in the integer dialects; other traced tensors are float64. With
    `integer`, outputs are int64 codes: those of the last integer tensor, which emitted code
    computes. Raises CompileError for shapes that do not fit and values that an input cannot hold.
    """
    arrays = prepared(source, inputs)
    model = integer_model(source) if integer else None
    wanted = requests(source, model, trace)
    keep = {request.node for request in wanted.values()}
    samples = len(next(iter(arrays.values()))) if arrays else 1
    parts: dict[str, list[Array]] = {name: [] for name in wanted}
    fixed = constants(source.graph)
    for part in chunks(samples, chunk_size(source)):
        progress.advance(part.start, samples)
        feeds = fixed | {n: feed(source.graph[n], a[part]) for n, a in arrays.items()}
        values = evaluate(source.graph, feeds, keep.__contains__)
        for name, request in wanted.items():
            found = request.convert(values[request.node])
            count = part.stop - part.start
            parts[name].append(np.broadcast_to(found, (count, *found.shape[1:])))
    return {name: np.concatenate(found) for name, found in parts.items()}


class Request:
    """A tensor that is asked for: where it is found, and how it is given back."""

    def __init__(self, node: str, convert: Callable[[Number], Array]) -> None:
        self.node = node
        self.convert = convert


def requests(source: Source, model: IntegerModel | None, trace: bool) -> dict[str, Request]:
    """What to keep, by the name that the caller will see."""
    wanted: dict[str, Request] = {}
    if trace:
        wanted |= {name: Request(node, inner) for name, node in source.tensors.items()}
    if model is not None:
        for port in model.outputs:
            convert = _codes(port)
            wanted[port.name] = Request(port.real, convert)
        return wanted
    exact = source.dialect is Dialect.INTEGER
    return wanted | {o.name: Request(o.node, _declared(o, exact)) for o in source.outputs}


def _codes(port: Port) -> Callable[[Number], Array]:
    def convert(number: Number) -> Array:
        return stacked(port.restored(port.codes(number)))

    return convert


def _declared(output: Output, exact: bool) -> Callable[[Number], Array]:
    """Into the declared type; values of the integer dialects go beyond it and stay float64."""
    dtype = np.dtype(np.float64) if exact and output.dtype.kind == "f" else output.dtype

    def convert(number: Number) -> Array:
        values = inner(number)
        return (np.rint(values) if dtype.kind in "iu" else values).astype(dtype)

    return convert


def inner(number: Number) -> Array:
    """The nearest float64 of each element."""
    if isinstance(number, Grid):
        return stacked(number.codes * number.unit.astype(np.float64))
    return stacked(number.value)


def stacked(x: Array) -> Array:
    """[samples, *declared] without a first declared axis of 1: how batches are given back."""
    return x[:, 0] if x.ndim > 1 and x.shape[1] == 1 else x


def integer_model(source: Source) -> IntegerModel:
    from qcompile.passes import lower

    return lower(source)


def chunks(samples: int, size: int) -> Iterator[slice]:
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))


def chunk_size(source: Source) -> int:
    """Samples that run together: as many as keep the largest tensor in the processor's cache."""
    constant: set[str] = set()
    largest = 1
    for node in source.graph:
        if not isinstance(node.op, Input) and constant.issuperset(node.inputs):
            constant.add(node.name)
        elif isinstance(node.type, Real):
            largest = max(largest, int(np.prod(node.type.shape)))
    return max(CHUNK_BYTES // (8 * largest), 1)


def input_nodes(source: Source) -> list[Node]:
    return [node for node in source.graph if isinstance(node.op, Input)]


def prepared(source: Source, inputs: Mapping[str, ArrayLike] | ArrayLike) -> dict[str, Array]:
    """Arrays [samples, *declared] by input, in the declared dtype, one for every input."""
    nodes = input_nodes(source)
    given = named(nodes, inputs)
    arrays = {n.name: batch(n, np.asarray(given[n.name])) for n in nodes}
    counts = {len(a) for a in arrays.values()}
    if len(counts) > 1:
        raise CompileError(
            f"the inputs hold different numbers of samples: {sorted(counts)}",
            at="--inputs",
            help="give each input the same number",
        )
    if counts == {0}:
        raise CompileError("there is no sample", at="--inputs", help="give at least one")
    return arrays


def named(
    nodes: list[Node], inputs: Mapping[str, ArrayLike] | ArrayLike
) -> Mapping[str, ArrayLike]:
    """The arrays by input name; `input` stands for the only input."""
    names = [node.name for node in nodes]
    if not isinstance(inputs, Mapping):
        inputs = {"input": inputs}
    if len(names) == 1 and names[0] not in inputs and "input" in inputs:
        return {names[0]: inputs["input"]}
    for name in names:
        if name not in inputs:
            has = ", ".join(map(repr, inputs)) or "nothing"
            raise CompileError(
                f"the inputs hold {has}, and not {name!r}",
                at=name,
                help=f"give an array for each of {', '.join(map(repr, names))}",
            )
    return inputs


def batch(node: Node, array: Array) -> Array:
    """The user's array as [samples, *declared]; raises CompileError where shape or type differ."""
    op = node.op
    assert isinstance(op, Input)
    declared = op.declared
    single = op.batched and bool(declared)
    sample = declared[1:] if single else declared
    if array.ndim != len(sample) + 1 or array.shape[1:] != sample:
        raise CompileError(
            f"an array of shape {array.shape} does not fit the input",
            at=node.name,
            help=f"give (N, {', '.join(map(str, sample))}): N samples",
        )
    if array.dtype.kind not in "biuf":
        raise CompileError(
            f"an array of {array.dtype} does not hold numbers", at=node.name, help="give numbers"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CompileError("the input holds NaN or infinity", at=node.name, help="remove them")
    return _in_dtype(node, array, op.dtype).reshape(len(array), *declared)


def _in_dtype(node: Node, array: Array, dtype: np.dtype[Any]) -> Array:
    """In the declared dtype; integers must not change, floats may round."""
    with np.errstate(over="ignore", invalid="ignore"):
        out: Array = array.astype(dtype)
    same = dtype.kind == "f" or bool(np.array_equal(out.astype(array.dtype), array))
    if same and (dtype.kind != "f" or np.isfinite(out).all()):
        return out
    raise CompileError(
        f"the input is {dtype}, and some values are not", at=node.name, help=f"give {dtype} values"
    )


def feed(node: Node, array: Array) -> Number:
    """A declared input's array as the exact number that it is."""
    op = node.op
    assert isinstance(op, Input)
    if op.grid is not None:
        return _on_grid(node.name, op.grid, array)
    values = array.astype(np.float64)
    exponent = finest_exponent(values)
    codes = np.ldexp(values, -exponent)
    if np.abs(codes).max(initial=0) < EXACT:
        return Grid(codes, whole(Fraction(2) ** exponent, codes.ndim))
    return Bounded(values, np.zeros((1,) * values.ndim), lambda i, _: fractions(values.flat[i]))


WIDEST = 2**31  # integers that an input may hold whose grid was only assumed


def _on_grid(name: str, grid: InputGrid, array: Array) -> Grid:
    """Codes of a declared grid; each value must be one of them, as its dtype spells it."""
    codes = np.rint(array.astype(np.float64) / float(grid.unit) + float(grid.zero_point))
    spelled = (codes - float(grid.zero_point)) * float(grid.unit)
    low, high = (-WIDEST, WIDEST) if grid.assumed else (grid.low, grid.high)
    off = (spelled.astype(array.dtype) != array) | (codes < low) | (codes > high)
    if off.any():
        raise CompileError(
            f"the input cannot hold {array[off].flat[0]}: it takes {described(grid)}",
            at=name,
            help="scale the input to this grid, or declare another with --input",
        )
    parts = grid.zero_point.denominator  # of a unit, so that the zero point is whole
    values = codes * parts - grid.zero_point.numerator
    return Grid(values, whole(grid.unit / parts, array.ndim))


def described(grid: InputGrid) -> str:
    """A grid in words."""
    low, high = ((c - grid.zero_point) * grid.unit for c in (grid.low, grid.high))
    return f"multiples of {float(grid.unit):g} from {float(low):g} to {float(high):g}"
