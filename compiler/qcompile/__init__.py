"""qcompile: quantized ONNX graphs to proved C for RISC-V and HLS C++ for FPGAs.

    import qcompile

    source = qcompile.read("model.onnx")
    outputs = qcompile.simulate(source, {"input": x})
    build = qcompile.compile("model.onnx", target="riscv", output="out")
    codes = build.run(x)

`qcompile.export` writes such graphs from numpy arrays. What is named here is loaded when it is
first used, so that importing the package takes no time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qcompile.compile import Build as Build
    from qcompile.compile import compile as compile
    from qcompile.errors import CompileError as CompileError
    from qcompile.read import read as read
    from qcompile.simulate import simulate as simulate
    from qcompile.source import Semantics as Semantics
    from qcompile.source import Source as Source
    from qcompile.target import Target as Target

__version__ = "0.1.0"

__all__ = [
    "Build",
    "CompileError",
    "Semantics",
    "Source",
    "Target",
    "compile",
    "read",
    "simulate",
]

HOMES = {
    "Build": "qcompile.compile",
    "CompileError": "qcompile.errors",
    "Semantics": "qcompile.source",
    "Source": "qcompile.source",
    "Target": "qcompile.target",
    "compile": "qcompile.compile",
    "read": "qcompile.read",
    "simulate": "qcompile.simulate",
}


class Package(ModuleType):
    """A package in which `read` is a function although a module has that name too.

    Importing the module `qcompile.read` would put the module there; this keeps the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        if name not in HOMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = getattr(import_module(HOMES[name]), name)
        setattr(self, name, found)
        return found


sys.modules[__name__].__class__ = Package
