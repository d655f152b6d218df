"""Writes riscv.md: what the RISC-V targets reach on the core's RTL.

    python -m benchmarks.riscv > benchmarks/riscv.md

Cycles are exact and the same on every machine. Each figure is kept as soon as it is there; what is
kept, of the same code, is not measured again. `--part` prints one part, `--list` names them.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter

from benchmarks import riscv_layers, riscv_memory, riscv_mixed, riscv_networks
from benchmarks.riscv_check import checks
from benchmarks.riscv_measure import arguments
from benchmarks.riscv_tables import Goal, found_folder, goal_table
from qcompile.rtl import rtl_revision

PARTS = (
    riscv_layers.pairs,
    riscv_networks.ends,
    riscv_networks.memories,
    riscv_networks.layers,
    riscv_networks.bounds,
    riscv_mixed.mixed,
    riscv_layers.plain_cores,
    riscv_memory.ram,
    riscv_memory.flash,
    checks,
)

HEAD = """\
# The RISC-V targets, measured

Cycles of the emitted C on the RTL of CV32E40P with zero-wait memory ({revision}), counted between
markers, layer by layer; in the same run every bit of the outputs is compared with the integer
graph, and that with the graph as read. `mpic` is that core with the mixed-precision dot-product
unit, `mpic-q` adds its one-cycle requantization; `cv32e40p` is the core with its own extensions,
`rv32imc` the same core running portable C without them. The figures are exact and repeatable.

To make this file again; the models of other projects are not part of this repository (`--models`
or `QCOMPILE_MODELS` says where they are, `../shared/models` is tried otherwise):

    python -m benchmarks.riscv_check
    python -m benchmarks.riscv > benchmarks/riscv.md
"""


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
        print(missed([goal for part in parts for goal in part.goals]))
    print("\n".join(str(part) for part in parts))


def missed(goals: list[Goal]) -> str:
    """How many goals are met, and which are not."""
    rest = [goal for goal in goals if not goal.met]
    text = f"## Goals\n\n{len(goals) - len(rest)} of {len(goals)} are met.\n"
    return f"{text}\nThe others:\n\n{goal_table(rest)}\n" if rest else text


if __name__ == "__main__":
    main()
