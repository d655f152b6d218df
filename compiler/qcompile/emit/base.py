"""What the emitters share: the template environment, spelled values, library files."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qcompile.errors import printable
from qcompile.resources import folder

LICENCE = "SPDX-License-Identifier: 0BSD"  # what is emitted belongs to whoever generated it


def environment(backend: str) -> Environment:
    """The templates of `templates/<backend>`; an unknown name in one is an error."""
    made = Environment(
        loader=FileSystemLoader(folder("templates") / backend),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters["comment"] = comment
    made.filters["initializer"] = initializer
    made.globals["licence"] = LICENCE
    made.globals["generator"] = f"qcompile {release()}"
    return made


def release() -> str:
    """The version of this package."""
    try:
        return version("qcompile")
    except PackageNotFoundError:  # a checkout that is not installed
        return "(checkout)"


def comment(text: object) -> str:
    """Any text, made harmless inside a C, C++ or SystemVerilog comment of either kind."""
    word = printable(str(text)).encode("ascii", "backslashreplace").decode()
    for opens, closes in (("*/", "* /"), ("/*", "/ *"), ("??", "? ?")):
        while opens in word:
            word = word.replace(opens, closes)
    return f"{word}." if word.endswith("\\") else word


def initializer(values: Iterable[object], indent: int = 4, width: int = 96) -> str:
    """Values with commas between, wrapped into indented lines of at most `width` characters."""
    lines: list[str] = []
    line = ""
    for word in (f"{v}," for v in values):
        joined = f"{line} {word}" if line else word
        if line and len(joined) + indent > width:
            lines.append(line)
            joined = word
        line = joined
    lines.append(line.removesuffix(","))
    return "\n".join(" " * indent + text for text in lines)


def library(backend: str) -> dict[str, str]:
    """The files of `templates/<backend>/lib` by name, copied verbatim into each project."""
    root = folder("templates") / backend / "lib"
    return {path.name: path.read_text() for path in sorted(root.iterdir()) if path.is_file()}
