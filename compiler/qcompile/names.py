"""Names that C, C++ and Verilog accept, made from any text."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Words that C, C++ or SystemVerilog keep for themselves; lower case is compared.
RESERVED = frozenset(
    (
        "alignas alignof and asm auto bool break buf bit byte case catch cell char class config "
        "const constexpr continue default delete disable do double edge else end endmodule enum "
        "event explicit export extern false final float for force function generate goto if "
        "implements import in inline inout input instance int integer interface join library "
        "logic long main module mutable namespace new not null nullptr operator or output "
        "package packed parameter primitive private program property protected public pure real "
        "reg register restrict return rand ref release repeat scalar shared short signed sizeof "
        "small static strong struct super supply0 supply1 switch table task template this throw "
        "time tri true try type typedef typename union unsigned use using var vector virtual "
        "void volatile wait weak while wire with xor"
    ).split()
)


def identifier(text: str, limit: int = 40) -> str:
    """`text` as an identifier: letters, digits, single underscores; at most `limit` characters.

    Of a long name the last words are kept: paths end with what says most.
    """
    words = re.sub(r"[^0-9a-zA-Z]+", "_", text).strip("_").lower().split("_")
    word = words[-1][-limit:]
    for earlier in reversed(words[:-1]):
        if len(earlier) + 1 + len(word) > limit:
            break
        word = f"{earlier}_{word}"
    word = word or "value"
    if word[0].isdigit() or word in RESERVED:
        word = f"t_{word}"
    return word


def identifiers(texts: Iterable[str]) -> dict[str, str]:
    """An identifier for each text, no two alike; the same texts give the same names."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in texts:
        base = identifier(text)
        name = base
        number = 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        names[text] = name
    return names
