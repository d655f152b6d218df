"""Which files of an RTL project one of its modules needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

RTL_SUFFIXES = (".sv", ".v")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DEFINITION = re.compile(r"\b(?:module|package|interface)\s+(?:automatic\s+)?(\w+)")
_WORD = re.compile(r"\w+")
_LITERAL = re.compile(r'"([^"\n]+)"')


class NoSuchModule(Exception):
    """No file defines the module."""


def is_rtl(path: str) -> bool:
    """Whether a file is given to a tool; the others are only read from RTL."""
    return PurePosixPath(path).suffix in RTL_SUFFIXES


def needed(module: str, sources: Mapping[str, str], literals: tuple[str, ...]) -> dict[str, str]:
    """The files that a module depends on, in the order of `sources`.

    RTL files: the one that defines it, and those that define a word in a file found so far. Other
    files ($readmemh, include): those whose path or name starts with a string in these files or in
    `literals`, the strings among the module's parameters; a start is enough, since a file's name
    may be put together from a parameter and a suffix. Both rules rather take too much: what a
    module needs and lacks here is then missing in synthesis too, so it is an error and never a
    result that an old text gave. Raises NoSuchModule.
    """
    code = {path: _COMMENT.sub(" ", text) for path, text in sources.items() if is_rtl(path)}
    defined = {name: path for path, text in code.items() for name in _DEFINITION.findall(text)}
    if module not in defined:
        raise NoSuchModule(module)
    found: set[str] = set()
    waiting = [defined[module]]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [defined[word] for word in set(_WORD.findall(code[path])) & defined.keys()]
    strings = {s for path in found for s in _LITERAL.findall(code[path])} | set(literals)
    for path in sources.keys() - code.keys():
        names = (path, PurePosixPath(path).name)
        if any(name.startswith(string) for name in names for string in strings if string):
            found.add(path)
    return {path: text for path, text in sources.items() if path in found}
