"""Adders of random constant matrices: qcompile, the same with least depth, naive, and da4ml.

    python -m benchmarks.adder_graphs [--trials 100] [--sizes 4 8 16] [--bits 4 6 8]

Two kinds of entries: "signed", uniform in -2^(bits-1) .. 2^(bits-1)-1, and "top bit set", uniform
in 2^(bits-1)+1 .. 2^bits-1, with which da4ml gives the figures that were published for it. Every
graph is checked on random vectors. Seconds are those of one core, the mean and the longest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from da4ml.cmvm import solve
from numpy.typing import NDArray

from qcompile.plan.adder_search import Options, adders, naive_adders

Ints = NDArray[np.int64]
ADD, SUBTRACT = 0, 1  # operation codes of da4ml
VECTORS = 100


@dataclass(frozen=True)
class Graph:
    """What is compared."""

    adders: int
    depth: int


def ours(matrix: Ints, extra_depth: int | None) -> Graph:
    n = matrix.shape[1]
    graph = adders(matrix, [-128] * n, [127] * n, Options(extra_depth=extra_depth))
    x = np.random.default_rng(1).integers(-128, 128, (VECTORS, n))
    if not np.array_equal(graph.evaluate(x), x @ matrix.T):
        raise SystemExit("a graph is wrong")
    return Graph(graph.adders, graph.depth)


def peer(matrix: Ints, extra_depth: int) -> Graph:
    """da4ml takes [inputs, outputs], contiguous; -1 is no limit of the depth."""
    kernel = np.ascontiguousarray(matrix.T, np.float32)
    pipeline = solve(kernel, hard_dc=extra_depth)
    if not np.array_equal(pipeline.kernel, kernel):
        raise SystemExit("the peer solved another matrix")
    ops = [op for part in pipeline.solutions for op in part.ops]
    count = sum(op.opcode in (ADD, SUBTRACT) for op in ops)
    return Graph(count, int(max(op.latency for op in ops)))


METHODS: dict[str, Callable[[Ints], Graph]] = {
    "naive": lambda m: Graph(naive_adders(m), max(naive_adders(r[None]) for r in m).bit_length()),
    "da4ml": lambda m: peer(m, -1),
    "da4ml, least depth": lambda m: peer(m, 0),
    "qcompile": lambda m: ours(m, None),
    "qcompile, least depth": lambda m: ours(m, 0),
}


def matrices(n: int, low: int, high: int, trials: int) -> list[Ints]:
    rng = np.random.default_rng(n)
    return [rng.integers(low, high, (n, n)) for _ in range(trials)]


def line(name: str, method: Callable[[Ints], Graph], subjects: list[Ints]) -> str:
    graphs, seconds = [], []
    for matrix in subjects:
        start = time.process_time()
        graphs.append(method(matrix))
        seconds.append(time.process_time() - start)
    counts = [g.adders for g in graphs]
    depth = np.mean([g.depth for g in graphs])
    return (
        f"| {name} | {np.mean(counts):.1f} | {min(counts)} | {max(counts)} "
        f"| {depth:.1f} | {np.mean(seconds):.3f} | {max(seconds):.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--bits", type=int, nargs="+", default=[4, 6, 8])
    arguments = parser.parse_args()
    for method in METHODS.values():  # compiled before it is timed
        method(np.array([[3, 5], [7, 9]]))
    print("| matrix | method | mean adders | min | max | mean depth | mean s | max s |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for n in arguments.sizes:
        for bits in arguments.bits:
            half = 1 << (bits - 1)
            ranges = {"signed": (-half, half), "top bit set": (half + 1, 2 * half)}
            for kind, (low, high) in ranges.items():
                subjects = matrices(n, low, high, arguments.trials)
                for name, method in METHODS.items():
                    text = line(name, method, subjects)
                    print(f"| {n}x{n}, {bits} bits, {kind} {text}", flush=True)


if __name__ == "__main__":
    main()
