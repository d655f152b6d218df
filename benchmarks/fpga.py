"""FPGA designs, measured: what stands in fpga.md, from the caches of the scripts that measure.

    python -m benchmarks.fpga_networks && python -m benchmarks.fpga_check
    python -m benchmarks.fpga > benchmarks/fpga.md

The two scripts run for hours and go on where they stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import fpga_check, fpga_networks
from benchmarks.riscv_figures import CACHE
from benchmarks.riscv_tables import found_folder

TEXT = """\
# FPGA designs, measured

Made by `python -m benchmarks.fpga`. Cycles are those of the emitted SystemVerilog in Verilator,
cells those of Yosys for the 7 series, each module synthesised alone and added up. No vendor tool
and no place-and-route had a part in it, so the clock of 100 MHz is assumed.

## MLPerf Tiny on the XC7Z020

Folded for a rate with `--fps`; products are made of LUTs, requantizers of DSPs. All outputs of the
vectors that ran equal the simulator's.

{networks}

## Simulator = HLS C++ = RTL

Families A, C, D and E, as exported and with the weights of every output channel at a random width
of 0 to 8 bits, at most {interval:,} cycles an inference. The oracle is the graph as read. RTL runs
twice, the second time with ends that hesitate at random; \"times wrong\" counts the words that
passed a port in another cycle than the replay of the schedules says.

{check}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE, help="the folder of the caches")
    parser.add_argument("--models", help="the folder of the models")
    parser.add_argument("--keep", action="store_true", help="results of other code are welcome")
    options = parser.parse_args()
    folder, keep = found_folder(options.models), options.keep
    networks = fpga_networks.report(options.cache / fpga_networks.FILE, keep)
    check = fpga_check.report(options.cache / fpga_check.FILE, keep, folder)
    text = TEXT.format(networks=networks, check=check, interval=fpga_check.INTERVAL)
    print(text, end="")


if __name__ == "__main__":
    main()
