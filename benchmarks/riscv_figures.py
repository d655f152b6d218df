"""What is measured of a network on the core's RTL, and the file that keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from qcompile.resources import PACKAGE, folder
from qcompile.rtl import Isa

CACHE = Path.home() / ".cache" / "qcompile" / "benchmarks"
OWN = ("shapes.py", "riscv_figures.py", "riscv_measure.py")  # parts of this folder that matter


class Kind(Enum):
    """What a layer does."""

    PRODUCT = "product"  # convolution of one group, dense
    DEPTHWISE = "depthwise"
    ADD = "add"
    POOL = "pool"
    OTHER = "other"


@dataclass(frozen=True)
class Layer:
    """One step of the code; counts are those of the first vector."""

    title: str
    kind: Kind
    macs: int
    pixels: int  # of the output
    outputs: int  # channels
    taps: int  # weights of an output channel
    inputs: int  # codes that are read
    input_bits: int
    widths: dict[int, int]  # output channels by the declared width of their weights
    requantize: int  # instructions that one result takes in the form that serves the layer
    cycles: int = 0
    instructions: int = 0
    loads: int = 0
    stores: int = 0
    model: int | None = None  # cycles that the plan expects

    @property
    def rate(self) -> float:
        """Multiply-accumulates a cycle."""
        return self.macs / self.cycles if self.cycles else 0.0


@dataclass(frozen=True)
class Sizes:
    """Bytes. `weights` are the true bits of all weights."""

    flash: int = 0
    code: int = 0
    weights: int = 0
    stored: int = 0
    runs: int = 0  # tables of runs, and of how weights are coded
    descriptors: int = 0  # windows and products: the shapes of the layers
    parameters: int = 0  # biases, multipliers, shifts, tables of requantizers
    arena: int = 0
    arena_bound: int = 0  # the least that is proved for it, or less
    values: int = 0  # the arena if there were no scratch
    values_bound: int = 0
    ports: int = 0  # inputs and outputs, which the caller has
    living: int = 0  # the most bytes of activations, ports among them, in use at one step
    stack: int = 0


@dataclass(frozen=True)
class Figures:
    """A network on one instruction set; `error` says why there are none."""

    subject: str
    isa: Isa
    code: str  # fingerprint
    layers: tuple[Layer, ...] = ()
    sizes: Sizes = field(default_factory=Sizes)
    claim: str = ""  # what is known of smaller arenas
    error: str = ""

    @property
    def cycles(self) -> int:
        return sum(layer.cycles for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def products(self) -> tuple[Layer, ...]:
        """The layers that multiply."""
        return tuple(layer for layer in self.layers if layer.macs)


@cache
def fingerprint() -> str:
    """Of everything that decides what is measured."""
    files = list(PACKAGE.rglob("*.py"))
    files += [p for name in ("templates", "verilator") for p in folder(name).rglob("*")]
    files += [Path(__file__).with_name(name) for name in OWN]
    total = hashlib.sha256()
    for path in sorted(f for f in files if f.is_file() and "__pycache__" not in f.parts):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()[:12]


def save(path: Path, found: Figures) -> None:
    """Append a line; the last line of a network and instruction set counts."""
    data = asdict(found) | {"isa": found.isa.value}
    for row in data["layers"]:
        row["kind"] = row["kind"].value
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(data) + "\n")


def load(path: Path) -> dict[tuple[str, Isa], Figures]:
    """By subject and instruction set."""
    return {(f.subject, f.isa): f for f in read(path)}


def read(path: Path) -> Iterator[Figures]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        data = json.loads(line)
        yield Figures(
            **data
            | {
                "isa": Isa(data["isa"]),
                "layers": tuple(map(layer_of, data["layers"])),
                "sizes": Sizes(**data["sizes"]),
            }
        )


def layer_of(row: dict[str, Any]) -> Layer:
    """From JSON, whose keys are text."""
    widths = {int(k): v for k, v in row["widths"].items()}
    return Layer(**row | {"kind": Kind(row["kind"]), "widths": widths})
