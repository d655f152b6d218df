"""The commands: qcompile, inspect, simulate, compare, targets.

The only place that catches CompileError.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from qcompile import __version__
from qcompile.errors import CompileError

EPILOG = """\
other commands:
  qcompile inspect MODEL [--json]             layers, bits, MACs and bytes, before any target
  qcompile simulate MODEL --inputs X.npz --output Y.npz
                                              run the graph as it was read
  qcompile compare MODEL [--targets rv32imc,mpic]
                                              cycles, time, memory over RISC-V targets
  qcompile targets [NAME]                     devices, and what is known of them
"""


class Parser(argparse.ArgumentParser):
    """Mistakes on the command line read like all others, and end with status 1."""

    def error(self, message: str) -> NoReturn:
        raise CompileError(message, help=f"{self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 1 where the user has something to mend."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(words[0]) if words else None
    try:
        return command(words[1:]) if command is not None else compile_command(words)
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has gone: nothing is left to say
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def compile_command(words: list[str]) -> int:
    # A bare --verify takes no word after it: that may be the model.
    words = ["--verify=usual" if word == "--verify" else word for word in words]
    options = compile_parser().parse_args(words)
    from qcompile.compile import compile
    from qcompile.inputs import load_arrays
    from qcompile.progress import shown
    from qcompile.report.summary import summary

    with shown() as progress:
        build = compile(
            options.model,
            options.target,
            output=options.output or "",
            name=options.name,
            semantics=options.semantics,
            grids=grids(options.input),
            inputs=load_arrays(options.inputs) if options.inputs else None,
            verify=options.verify,
            flash=options.flash,
            ram=options.ram,
            bands=options.bands,
            fps=options.fps,
            clock=options.clock,
            folding=options.folding,
            measure=options.measure,
            flash_wait=options.flash_wait,
            graph_layout=options.io_layout == "graph",
            dump=options.dump,
            progress=progress,
        )
    print(summary(build.report, str(build.folder)))
    return 0


def compile_parser() -> Parser:
    parser = Parser(
        prog="qcompile",
        description="Compile a quantized ONNX graph to proved C or HLS C++.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"qcompile {__version__}")
    add_model(parser)
    parser.add_argument(
        "--target", required=True, metavar="NAME", help="riscv, fpga, a device, or a .toml file"
    )
    parser.add_argument("-o", "--output", metavar="DIR", help="default: MODEL-TARGET")
    parser.add_argument("--inputs", metavar="X.npz", help="vectors of your own to verify with")
    parser.add_argument("--name", default="", help="prefix of all emitted names")
    parser.add_argument("--io-layout", choices=("channels-last", "graph"), default="channels-last")
    parser.add_argument("--flash", type=byte_count, metavar="BYTES", help="64k, 1M, 40000")
    parser.add_argument("--ram", type=byte_count, metavar="BYTES")
    parser.add_argument(
        "--bands",
        default="auto",
        metavar="N",
        help="the first layers in N bands of rows, for less RAM; or no, least, auto: where needed",
    )
    parser.add_argument(
        "--flash-wait",
        type=wait_states,
        default=0,
        metavar="N",
        help="print cycles with N wait states of flash too",
    )
    parser.add_argument("--fps", type=float, metavar="N", help="FPGA: inferences a second")
    parser.add_argument("--clock", type=float, metavar="MHZ", help="FPGA: the clock to plan for")
    parser.add_argument(
        "--folding", default="", metavar="FILE", help="FPGA: folds of some layers, as folding.json"
    )
    parser.add_argument("--measure", action="store_true", help="FPGA: map it with Yosys")
    parser.add_argument("--dump", metavar="DIR", help="write the graph of each stage")
    parser.add_argument(
        "--verify",
        default="usual",
        choices=("usual", "full", "no"),
        help="--verify=full runs many more vectors; --verify and --no-verify for short",
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_const", const="no", help=argparse.SUPPRESS
    )
    return parser


def inspect_command(words: list[str]) -> int:
    parser = Parser(prog="qcompile inspect", allow_abbrev=False)
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="as in report.json")
    options = parser.parse_args(words)
    from qcompile.passes import lower
    from qcompile.progress import shown
    from qcompile.read import read
    from qcompile.report.document import document
    from qcompile.report.summary import table

    with shown() as progress:
        source = read(options.model, semantics=options.semantics, inputs=grids(options.input))
        progress.step("integers")
        found = document(source, lower(source), __version__)
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0


def simulate_command(words: list[str]) -> int:
    options = simulate_parser().parse_args(words)
    from qcompile.inputs import load_arrays
    from qcompile.metrics import scores
    from qcompile.output import write_arrays
    from qcompile.progress import shown
    from qcompile.read import read
    from qcompile.simulate import simulate

    with shown() as progress:
        source = read(options.model, semantics=options.semantics, inputs=grids(options.input))
        arrays = load_arrays(options.inputs)
        labels = load_arrays(options.labels) if options.labels else None
        progress.step("simulating")
        found = simulate(
            source, arrays, trace=options.trace, integer=options.integer, progress=progress
        )
        write_arrays(options.output, found)
        lines = scores(options.model, source, arrays, found, labels, progress) if labels else []
    print("\n".join([*(f"note: {note}" for note in source.notes), *lines]))
    return 0


def simulate_parser() -> Parser:
    parser = Parser(prog="qcompile simulate", allow_abbrev=False)
    add_model(parser)
    parser.add_argument("--inputs", required=True, metavar="X.npz", help="an array for each input")
    parser.add_argument("--output", required=True, metavar="Y.npz")
    parser.add_argument("--trace", action="store_true", help="every tensor, not only outputs")
    parser.add_argument("--integer", action="store_true", help="outputs as codes, int64")
    parser.add_argument("--labels", metavar="L.npz", help="print top-1, AUC or MSE")
    return parser


def compare_command(words: list[str]) -> int:
    parser = Parser(prog="qcompile compare", allow_abbrev=False)
    add_model(parser)
    parser.add_argument("--targets", default="", metavar="A,B", help="RISC-V targets, by name")
    parser.add_argument("--inputs", metavar="X.npz", help="its first sample is what runs")
    parser.add_argument("--json", action="store_true", help="totals and layers of each")
    options = parser.parse_args(words)
    from qcompile.compare import USUAL, compare
    from qcompile.inputs import load_arrays
    from qcompile.progress import shown
    from qcompile.report.comparison import comparison

    with shown() as progress:
        rows = compare(
            options.model,
            options.targets.split(",") if options.targets else USUAL,
            semantics=options.semantics,
            grids=grids(options.input),
            inputs=load_arrays(options.inputs) if options.inputs else None,
            progress=progress,
        )
    print(json.dumps(rows, indent=2) if options.json else comparison(rows))
    return 0


def targets_command(words: list[str]) -> int:
    parser = Parser(prog="qcompile targets", allow_abbrev=False)
    parser.add_argument("name", nargs="?", metavar="NAME")
    options = parser.parse_args(words)
    from qcompile.target import DEFAULTS, described, known, load

    if options.name:
        print(described(load(options.name)))
        return 0
    width = max(map(len, known()))
    for name in known():
        also = "".join(f"  (also: {family})" for family, n in DEFAULTS.items() if n == name)
        print(f"{name:{width}}  {load(name).title}{also}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "compare": compare_command,
    "inspect": inspect_command,
    "simulate": simulate_command,
    "targets": targets_command,
}


def add_model(parser: argparse.ArgumentParser) -> None:
    """The model, and what says how to read it."""
    parser.add_argument("model", metavar="MODEL", help="an ONNX file")
    parser.add_argument("--semantics", choices=("exact", "ort"), help="what the graph means")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=GRID",
        help="uint8, int8 or fixed<W,I>, then ,scale=... and ,zero_point=...",
    )


def grids(words: list[str]) -> dict[str, str]:
    """The grids that `--input NAME=GRID` declares, by name."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, grid = word.partition("=")
        if not equals or not name or not grid:
            raise CompileError(
                f"--input {word!r} is not NAME=GRID", help="for example --input image=uint8"
            )
        found[name] = grid
    return found


def byte_count(text: str) -> int:
    """40000, 64k or 1M: bytes."""
    scale = {"k": 1024, "m": 1024**2}.get(text[-1:].lower(), 1)
    digits = text[:-1] if scale > 1 else text
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    return int(digits) * scale


def wait_states(text: str) -> int:
    """0 to 100 cycles."""
    if not (text.isascii() and text.isdigit()) or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of wait states")
    return int(text)
