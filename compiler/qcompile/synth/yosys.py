"""Synthesise RTL with Yosys and count the cells of the netlist.

What Yosys 0.70 makes of our RTL, measured, and how the library is written because of it:

* Reader. It takes flat vector parameters, `K[i*W +: W]`, packed arrays as signals and ports,
  unpacked arrays of signals, casts `W'(x)` and `signed'(x)`, untyped string parameters, $readmemh
  with such a name, generate loops without keyword. It refuses `return` and `break`, functions of a
  package, unpacked arrays as parameters or ports, packed two-dimensional parameters,
  `parameter string`, `parameter type`, `'{default: ...}`, `inside`, and a prefix operator right
  before a cast (write `-(9'(x))`). Files are read with -defer: otherwise a module's default
  parameters must make sense too.
* Adders. It merges all sums of one combinational cloud and compresses them three to two with two
  LUTs per bit, where separate sums take one LUT per bit and a carry chain. A register, a dropped
  low bit or keep_hierarchy between two sums prevents it: a dot product of eight 8-bit products
  takes 1540 LUTs as `x*w + ...`, and 444 as rows of radix 4 with a register between adders.
  The narrower operand of a sum goes straight to the carry chain and the wider one through the LUTs,
  in whatever order they are written. So what is selected or gated must be at least one bit wider
  than the plain operand, or it takes a second LUT per bit; at equal widths either may happen.
* Multipliers. `*` takes a DSP where DSPs are allowed and the result has nine bits or more; the
  attribute use_dsp is ignored. So `*` stands for a DSP and a structural product for LUTs.
  `y <= (first ? '0 : y) + w * a` with any of the DSP's registers is one DSP48E1 and nothing else,
  the packed operand `(w1 <<< 16) + w0` included; `y <= first ? p : y + p` is not. On UltraScale+
  and ECP5 a DSP takes in the product only: adders and registers beside it stay in the fabric.
* ROMs. rom_style = "block" or "logic" is obeyed, "distributed" is an error. Without it a read into
  a register takes a block from somewhere above 4 kbit on.
* FIFOs. A memory with an asynchronous read takes RAM32M (6 bits to depth 32 in four LUTs); shift
  registers with a moving tap become SRLs only when written as one vector per bit.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qcompile.rtl.simulator import cache_folder
from qcompile.synth.cells import Family, Resources, count
from qcompile.synth.program import Program, installed_version, run, warnings
from qcompile.synth.sources import is_rtl, needed

Parameters = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Options:
    """How to synthesise. `flatten`: optimise across modules, as the vendors' tools do."""

    family: Family = Family.XC7
    dsp: bool = True
    flatten: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A module of a design with its parameters, and how many of it the design holds."""

    module: str
    parameters: Parameters = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Synthesis:
    """One netlist: its resources, its cells by type, and what Yosys warned of."""

    resources: Resources
    cells: tuple[tuple[str, int], ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A design, measured module by module: the total counts each part as often as it occurs."""

    total: Resources
    parts: tuple[tuple[Part, Synthesis], ...]


def synthesise(
    part: Part, sources: Mapping[str, str], options: Options, *, seconds: float | None = None
) -> Synthesis:
    """Synthesise a module with all that is inside it; `part.count` plays no role.

    `sources`: the text of each file of the project by its path; the names in $readmemh are paths
    from the project's root, and must start with a string of the RTL or of a parameter. The result
    is kept in the user's cache folder under a hash of the files that the module needs, the script
    and the package's version. Raises NotInstalled,
    ToolError (with the log), NoSuchModule and UnknownCell.
    """
    assert all(not set(path) & set(' "\\;\n') for path in sources), (
        "a path that scripts can not hold"
    )
    literals = tuple(value for _, value in part.parameters if isinstance(value, str))
    files = needed(part.module, sources, literals)
    script = netlist_script(part, list(files), options) + "tee -q -o stat.json stat -json\n"
    kept = cache_folder() / "synth" / f"{_key(script, files)}.json"
    if not kept.is_file():
        _keep(kept, _run_yosys(script, files, seconds))
    found = json.loads(kept.read_text(encoding="utf-8"))
    cells = tuple(sorted(found["cells"].items()))
    return Synthesis(count(dict(cells), options.family), cells, tuple(found["warnings"]))


def measure(parts: Sequence[Part], sources: Mapping[str, str], options: Options) -> Measured:
    """Synthesise each part of a design alone and add them up; raises what `synthesise` raises."""
    done = tuple((part, synthesise(part, sources, options)) for part in parts)
    total = sum((s.resources * part.count for part, s in done), Resources())
    return Measured(total, done)


def netlist_script(part: Part, paths: Sequence[str], options: Options) -> str:
    """Yosys commands that leave the mapped netlist in memory."""
    given = [f"-chparam {name} {_constant(value)}" for name, value in part.parameters]
    lines = [
        _LIBRARY[options.family],
        *(f"read_verilog -sv -defer {path}" for path in paths if is_rtl(path)),
        " ".join(["hierarchy -check -top", part.module, *given]),
        _map(options),
    ]
    return "".join(f"{line}\n" for line in lines)


# The cells that mapping may put in. Reading the models of all other primitives of the 7 series, as
# synth_xilinx does, takes longer than a small module. UltraScale's memories and DSPs are among
# those, and a cell without a model would be swept away silently.
_XILINX_LIBRARY = "read_verilog -lib -specify +/xilinx/cells_sim.v"
_LIBRARY = {
    Family.XC7: _XILINX_LIBRARY,
    Family.ULTRASCALE_PLUS: f"{_XILINX_LIBRARY}\nread_verilog -lib +/xilinx/cells_xtra.v",
    Family.ECP5: "read_verilog -lib -specify +/lattice/cells_sim_ecp5.v +/lattice/cells_bb_ecp5.v",
}


def _map(options: Options) -> str:
    no_dsp = [] if options.dsp else ["-nodsp"]
    if options.family is Family.ECP5:
        apart = [] if options.flatten else ["-noflatten"]
        return " ".join(["synth_ecp5", *no_dsp, *apart, "-run coarse:edif"])
    flat = ["-flatten"] if options.flatten else []
    family = f"-family {options.family.value}"
    edge = "-noiopad -noclkbuf -run prepare:edif"
    return " ".join(["synth_xilinx", family, *flat, *no_dsp, edge])


def _constant(value: int | str) -> str:
    """A parameter as Yosys reads it. It takes no string there, but a string is its characters."""
    if isinstance(value, str):
        data = value.encode("ascii")
        return f"{8 * len(data)}'h{data.hex()}" if data else "0"
    if -(1 << 31) <= value < 1 << 31:
        return str(value)
    assert value >= 0, "negative parameters have 32 bits"
    return f"{value.bit_length()}'h{value:x}"


def _key(script: str, files: Mapping[str, str]) -> str:
    """A name for what a netlist depends on."""
    texts = [installed_version(Program.YOSYS), script]
    texts += [text for item in sorted(files.items()) for text in item]
    digest = hashlib.sha256()
    for data in map(str.encode, texts):
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()[:32]


def _run_yosys(script: str, files: Mapping[str, str], seconds: float | None) -> str:
    """The cells by type and the warnings, as JSON text."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write(files, home)
        (home / "run.ys").write_text(script, encoding="utf-8")
        log = run(Program.YOSYS, ["-s", "run.ys"], home, seconds)
        found = json.loads((home / "stat.json").read_text(encoding="utf-8"))
    modules = found["modules"]
    cells = {
        name: number
        for name, number in found["design"]["num_cells_by_type"].items()
        if name not in modules and f"\\{name}" not in modules
    }
    return json.dumps({"cells": cells, "warnings": warnings(log)})


def write(files: Mapping[str, str], home: Path) -> None:
    """Lay the files out in a folder."""
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text, encoding="utf-8")


def _keep(path: Path, text: str) -> None:
    """Write a file at once, so that another process never reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)
