"""Targets: what is known of a device, from one TOML file each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

from qcompile.errors import CompileError
from qcompile.resources import folder
from qcompile.rtl import Isa


class Family(Enum):
    """Which kind of code a target takes."""

    RISCV = "riscv"
    FPGA = "fpga"


class ClockSource(Enum):
    """Where a clock comes from."""

    SILICON = "silicon"  # the data sheet of a chip that one can buy
    ROUTED = "routed"  # a place-and-route reached it
    ASSUMED = "assumed"


DEFAULTS = {Family.RISCV.value: "mpic", Family.FPGA.value: "pynq-z2"}


@dataclass(frozen=True)
class Limits:
    """What a device has; None where nobody said."""

    flash_bytes: int | None = None
    ram_bytes: int | None = None
    lut: int | None = None
    ff: int | None = None
    bram36: int | None = None
    dsp: int | None = None


@dataclass(frozen=True)
class Target:
    """A device to compile for."""

    name: str
    family: Family
    title: str
    source: str  # the document that the figures stand in
    isa: Isa | None = None  # of RISC-V targets
    part: str = ""
    clock_mhz: float | None = None
    clock_source: ClockSource = ClockSource.ASSUMED
    energy_pj_per_cycle: float | None = None
    energy_source: str = ""
    note: str = ""
    limits: Limits = Limits()

    @property
    def is_simulated_core(self) -> bool:
        """Whether its core is the one whose RTL runs: another's cycles are not its latency."""
        return self.isa not in (None, Isa.RV32IMC)

    def limited(self, flash: int | None, ram: int | None) -> Target:
        """With the user's own limits, in bytes, where they are given."""
        given = {"flash_bytes": flash, "ram_bytes": ram}
        return replace(
            self, limits=replace(self.limits, **{k: v for k, v in given.items() if v is not None})
        )

    def clocked(self, mhz: float | None) -> Target:
        """At the user's own clock, if any. Raises CompileError for an impossible one."""
        if mhz is None:
            return self
        if self.family is not Family.FPGA:
            raise CompileError(
                f"the clock of {self.name} is its own", at="--clock", help="leave it out"
            )
        if not 0 < mhz < 100_000:
            raise CompileError(f"a clock of {mhz:g} MHz", at="--clock", help="write MHz")
        return replace(self, clock_mhz=mhz, clock_source=ClockSource.ASSUMED)


def known() -> tuple[str, ...]:
    """The names of all targets that ship with the package."""
    return tuple(sorted(path.stem for path in folder("targets").glob("*.toml")))


def load(name: str) -> Target:
    """The target of that name, the default of a family, or the one in a `.toml` file.

    Raises CompileError for an unknown name, an unreadable file, a key that nobody reads.
    """
    if name.endswith(".toml"):
        return parse(Path(name).stem, read_text(Path(name)), at=name)
    name = DEFAULTS.get(name, name)
    if name not in known():
        raise CompileError(
            f"there is no target {name!r}{nearest(name, known())}",
            at="--target",
            help=f"one of riscv, fpga, {', '.join(known())}, or the path of a .toml file",
        )
    path = folder("targets") / f"{name}.toml"
    return parse(name, path.read_text(), at=path.name)


def described(target: Target) -> str:
    """What is known of a target, one fact a line."""
    facts: dict[str, object] = {
        "name": target.name,
        "title": target.title,
        "family": target.family.value,
        "instructions": target.isa.value if target.isa else "",
        "part": target.part,
        "clock": "" if target.clock_mhz is None else f"{target.clock_mhz:g} MHz",
        "clock from": "" if target.clock_mhz is None else target.clock_source.value,
        "energy": energy_line(target),
        **{f.name: getattr(target.limits, f.name) for f in fields(Limits)},
        "note": target.note,
        "source": target.source,
    }
    return "\n".join(f"{k:>12}  {v}" for k, v in facts.items() if v not in ("", None))


def energy_line(target: Target) -> str:
    if target.energy_pj_per_cycle is None:
        return ""
    return f"{target.energy_pj_per_cycle:g} pJ a cycle (model: {target.energy_source})"


def read_text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError(
            f"the target file cannot be read: {reason(error)}",
            at=str(path),
            help="check the path; `qcompile targets` lists those that ship with qcompile",
        ) from None


def reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text"


def parse(name: str, text: str, at: str) -> Target:
    """A target from the text of its file."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CompileError(f"not TOML: {error}", at=at, help="see targets/ for examples") from None
    limits = table.pop("limits", {})
    check_keys(table, known_keys(Target) - {"name", "limits"}, at)
    if not isinstance(limits, dict):
        raise CompileError("limits is not a table", at=at, help="write a section [limits]")
    check_keys(limits, known_keys(Limits), f"{at}, [limits]")
    for key, value in limits.items():
        if type(value) is not int or value < 0:
            raise CompileError(f"{key} is not a count: {value!r}", at=at, help="write an integer")
    family = Family(choice(table, "family", [f.value for f in Family], at))
    return Target(
        name=name,
        family=family,
        title=text_of(table, "title", name, at),
        source=text_of(table, "source", "not stated", at),
        isa=instructions(table, family, at),
        part=text_of(table, "part", "", at),
        clock_mhz=positive(table, "clock_mhz", "the clock in MHz", at),
        clock_source=ClockSource(
            choice({"clock_source": "assumed"} | table, "clock_source", list(CLOCKS), at)
        ),
        energy_pj_per_cycle=positive(table, "energy_pj_per_cycle", "picojoules", at),
        energy_source=text_of(table, "energy_source", "", at),
        note=text_of(table, "note", "", at),
        limits=Limits(**limits),
    )


CLOCKS = tuple(c.value for c in ClockSource)


def known_keys(kind: type[Any]) -> set[str]:
    return {field.name for field in fields(kind)}


def check_keys(table: dict[str, Any], allowed: set[str], at: str) -> None:
    for key in table:
        if key not in allowed:
            raise CompileError(
                f"nothing reads the key {key!r}{nearest(key, allowed)}",
                at=at,
                help=f"the keys are {', '.join(sorted(allowed))}",
            )


def nearest(word: str, words: Any) -> str:
    """`, did you mean ...?`, or nothing."""
    found = get_close_matches(word, sorted(words), 1)
    return f", did you mean {found[0]!r}?" if found else ""


def choice(table: dict[str, Any], key: str, allowed: list[str], at: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or value not in allowed:
        what = f"{key} is {value!r}" if key in table else f"there is no {key}"
        raise CompileError(what, at=at, help=f"write one of {', '.join(allowed)}")
    return value


def text_of(table: dict[str, Any], key: str, default: str, at: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise CompileError(f"{key} is not text: {value!r}", at=at, help='write it in "quotes"')
    return value


def instructions(table: dict[str, Any], family: Family, at: str) -> Isa | None:
    """The instruction set of a RISC-V target: rv32imc where the file does not say."""
    if family is not Family.RISCV:
        return None
    return Isa(choice({"isa": Isa.RV32IMC.value} | table, "isa", [i.value for i in Isa], at))


def positive(table: dict[str, Any], key: str, what: str, at: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 < value < 100_000:
        raise CompileError(f"{key} is {value!r}", at=at, help=f"write {what}")
    return float(value)
