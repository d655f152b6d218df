"""Coefficients of the resource model, fitted to Yosys on the even configurations.

python -m benchmarks.fpga_fit [--count 280]

Errors are weighed against the module's LUTs and without squares, so that no single module leads;
a coefficient that the data hardly touches stays at one LUT a unit.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import lsq_linear

from benchmarks.fpga_modules import KINDS, Draw, figures, numbers
from qcompile.plan.resources import sizes
from qcompile.plan.resources_parts import Sizes
from qcompile.synth import ToolError

ROUNDS = 15  # of reweighting
LEAST = 20  # LUTs that an error is weighed against at least
PULL = 0.4  # towards one LUT a unit


def fit(found: list[tuple[Sizes, int]]) -> dict[str, float]:
    """The coefficient of each term, not negative."""
    names = sorted({term for s, _ in found for term in s.terms})
    amounts = np.array([[s.terms.get(name, 0.0) for name in names] for s, _ in found])
    wanted = np.array([lut - s.lut for s, lut in found])
    weights = 1 / np.maximum(np.array([float(lut) for _, lut in found]), LEAST)
    size = np.maximum(np.median(amounts * weights[:, np.newaxis], axis=0), 0.02) * PULL
    result = np.ones(len(names))
    for _ in range(ROUNDS):
        errors = np.abs(amounts @ result - wanted) * weights
        w = weights / np.sqrt(errors + 0.01)
        rows = np.vstack([amounts * w[:, np.newaxis], np.diag(size)])
        result = lsq_linear(rows, np.concatenate([wanted * w, size]), bounds=(0, np.inf)).x
    return {name: round(float(value), 2) for name, value in zip(names, result, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=280)
    found: dict[str, list[tuple[Sizes, int]]] = {}
    for kind, number in numbers(parser.parse_args().count, 0):
        make = KINDS[kind]
        if make is None:
            continue
        try:
            lut = figures(kind, number).measured.lut
        except ToolError as error:
            print(kind, number, error)
            continue
        process = make(Draw.of(kind, number)).process
        found.setdefault(type(process).__name__, []).append((sizes(process), lut))
    for name, modules in found.items():
        print(f'    "{name}": {fit(modules)},')


if __name__ == "__main__":
    main()
