"""Small programs of the simulated system, in C and in assembly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qcompile.rtl import Firmware, Isa, compile_firmware


def build(folder: Path, text: str, isa: Isa = Isa.RV32IMC, name: str = "main.c") -> Firmware:
    source = folder / name
    source.write_text(text)
    return compile_firmware([source], isa, flags=["-Wall", "-Wextra", "-Werror"])


def assembly(folder: Path, lines: Sequence[str], isa: Isa = Isa.RV32IMC) -> Firmware:
    """`main` made of `lines`, uncompressed and aligned; `ret` is added."""
    text = "\n    ".join(
        [".option norvc", ".text", ".balign 16", ".globl main", ".type main, @function"]
    )
    body = "\n    ".join(lines)
    text = f"    {text}\nmain:\n    {body}\n    ret\n    .size main, . - main\n"
    return build(folder, text, isa, "main.S")


def loop_setup(number: int, count_register: int, words: int) -> str:
    """cv.setup: the loop ends `words` instructions after this one."""
    fields = 0x2B | number << 7 | 7 << 8 | 4 << 12 | count_register << 15 | words << 20
    return f".4byte {fields:#x}"
