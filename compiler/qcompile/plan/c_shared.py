"""Constants that several steps have in common: one array for all that are equal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from qcompile.plan.c_layers import Code
from qcompile.plan.c_requant import Finish
from qcompile.plan.c_types import Array

WORD = re.compile(r"\w+")


class Constants:
    """The arrays of the steps so far, by what they hold."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}

    def share(self, code: Code, finish: Finish | None) -> tuple[Code, Finish | None]:
        """The same code without the arrays that are there already, under the names of those."""
        names = self._known((*code.arrays, *(finish.arrays if finish else ())))
        if not names:
            return code, finish
        own = tuple(a for a in code.arrays if a.name not in names)
        weights = sum(a.bytes for a in code.arrays if a.packed and a.name in names)
        code = replace(
            code,
            details=renamed(code.details, names),
            arrays=own,
            weight_bytes=max(code.weight_bytes - weights, 0),
        )
        if finish is not None:
            left = tuple(a for a in finish.arrays if a.name not in names)
            finish = replace(finish, arrays=left, fields=renamed(finish.fields, names))
        return code, finish

    def _known(self, arrays: tuple[Array, ...]) -> dict[str, str]:
        """Of those that hold the same as another: the other's name."""
        found = {}
        for array in arrays:
            held = (array.type, array.packed, array.values.astype(array.type.dtype).tobytes())
            name = self._names.setdefault(held, array.name)
            if name != array.name:
                found[array.name] = name
        return found


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A record of a template with other names in its texts."""
    if isinstance(value, str):
        return WORD.sub(lambda word: names.get(word[0], word[0]), value)
    if isinstance(value, tuple):
        return tuple(renamed(v, names) for v in value)
    if is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: renamed(getattr(value, f.name), names) for f in fields(value)}
        return replace(value, **changes)
    return value
