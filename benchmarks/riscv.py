"""Writes riscv.md: what the RISC-V targets reach on the core's RTL.

    python -m benchmarks.riscv > benchmarks/riscv.md

Cycles are exact and the same on every machine. Each figure is kept as soon as it is there; what is
kept, of the same code, is not measured again. `--part` prints one part, `--list` names them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

from benchmarks import (
    riscv_compare,
    riscv_compilers,
    riscv_layers,
    riscv_memory,
    riscv_mixed,
    riscv_networks,
    riscv_options,
    riscv_unit,
)
from benchmarks.riscv_check import checks
from benchmarks.riscv_measure import Bench, arguments
from benchmarks.riscv_subjects import trained
from benchmarks.riscv_tables import (
    beyond,
    found_folder,
    millions,
    overview,
    table,
)
from benchmarks.shapes import Shape
from qcompile.rtl import Isa, rtl_revision

PARTS = (
    riscv_layers.pairs,
    riscv_networks.ends,
    riscv_mixed.mixed,
    riscv_layers.plain_cores,
    riscv_networks.memories,
    riscv_memory.ram,
    riscv_options.bands,
    riscv_memory.flash,
    riscv_networks.layers,
    riscv_networks.bounds,
    riscv_networks.counts,
    riscv_options.waits,
    riscv_compare.compared,
    riscv_unit.unit,
    riscv_compilers.warnings,
    checks,
)

HEAD = """\
# The RISC-V targets, measured

Cycles of the C that qcompile emits, on the RTL of the core CV32E40P with zero-wait memory
({revision}), counted between markers, layer by layer. In the same run every bit of the outputs is
compared with the integer graph, and that with the graph as read. The figures are exact: the same
code takes the same cycles on every machine that simulates it.

| target | what runs |
|---|---|
| `rv32imc` | the core, portable C without its extensions |
| `cv32e40p` | the core with its own extensions: dot products of bytes, hardware loops |
| `mpic` | the same with the mixed-precision dot-product unit: operands of 2, 4 and 8 bits |
| `mpic-q` | the same with the unit's one-cycle requantization |

`a4w2` means activations of 4 bits and weights of 2; `w{{2,4,8}}` a width of its own for each output
channel. MAC are multiply-accumulates. To make this file again (the models of other projects are not
part of this repository: `--models` or `QCOMPILE_MODELS` says where they are, `../shared/models` is
tried otherwise):

    python -m benchmarks.riscv_check
    python -m benchmarks.riscv > benchmarks/riscv.md
"""

SHORT = """\
The 8-bit networks of MLPerf Tiny's shapes, million cycles of an inference, beside tflite-micro with
CMSIS-NN's portable kernels on the same core and memory."""

ASKED = """\
Each part below has its goals, and ends with those that it misses. A goal is beyond a bound where
the count of the instructions that such kernels cannot do without says that it cannot be met."""

BEYOND = """\
Goals that the bounds exclude ("Bounds", and "Narrow weights" for the dense layer)."""


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="", help="only the parts whose names have this text")
    parser.add_argument("--list", action="store_true", help="names of the parts")
    options, bench = arguments(parser, sys.argv[1:])
    chosen = [p for p in PARTS if options.part in p.__name__]
    if options.list:
        print("\n".join(part.__name__ for part in chosen))
        return
    folder = found_folder(options.models)
    parts = [part(bench, folder) for part in chosen]
    if not options.part:
        print(HEAD.format(revision=rtl_revision()))
        print(f"{short(bench, folder)}\n")
        print(f"## What was asked\n\n{ASKED}\n\n{overview(parts)}\n")
        print(f"### Out of reach\n\n{BEYOND}\n\n{beyond(parts)}\n")
    print("\n".join(str(part) for part in parts))


def short(bench: Bench, folder: Path) -> str:
    """The networks on the targets, in a table."""
    rows = []
    for shape in Shape:
        cycles = [bench.figures(trained(shape, folder), isa).cycles for isa in Isa]
        peer = riscv_networks.PEERS[shape][0]
        rows.append((shape.value, f"{peer:,}", *map(millions, cycles)))
    header = " | ".join(("network", "CMSIS-NN", *(isa.value for isa in Isa)))
    return f"## In short\n\n{SHORT}\n\n{table(header, rows)}"


if __name__ == "__main__":
    main()
