"""The packages and programs that running firmware on the core's RTL needs."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
from pathlib import Path


class NotInstalled(Exception):
    """Something is missing that this machine can install; callers print it and go on."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"not run: install {install}")
        self.what = what
        self.install = install


def package(name: str) -> Path:
    """The folder of an installed package of the extra `sim`; raises NotInstalled without it."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise NotInstalled(name, "qcompile[sim]")
    return Path(found.origin).parent


def cxx_compiler() -> list[str]:
    """The command of this machine's C++ compiler: $CXX, or clang++ (faster results), g++ or c++.

    Raises NotInstalled where there is none.
    """
    named = os.environ.get("CXX")
    if named:
        return shlex.split(named)
    found = next((p for p in map(shutil.which, ("clang++", "g++", "c++")) if p), None)
    if found is None:
        raise NotInstalled("a C++ compiler", "g++ or clang++")
    return [found]
