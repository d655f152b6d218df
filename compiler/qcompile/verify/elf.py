"""Section sizes of little-endian ELF files. `python -m qcompile.verify.elf FILES` prints them."""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

WRITE, ALLOCATE, EXECUTE = 1, 2, 4  # sh_flags
NO_BITS = 8  # sh_type


@dataclass(frozen=True)
class Sizes:
    """Bytes of code, constants, initialized and zeroed variables."""

    text: int = 0
    rodata: int = 0
    data: int = 0
    bss: int = 0

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(
            self.text + other.text,
            self.rodata + other.rodata,
            self.data + other.data,
            self.bss + other.bss,
        )

    @property
    def flash(self) -> int:
        return self.text + self.rodata + self.data

    @property
    def ram(self) -> int:
        return self.data + self.bss


def sizes(image: bytes) -> Sizes:
    """The sizes of an object or program; raises ValueError where it is not ELF."""
    if image[:4] != b"\x7fELF" or image[5] != 1:
        raise ValueError("not a little-endian ELF file")
    wide = image[4] == 2
    (table,) = struct.unpack_from("<Q" if wide else "<I", image, 0x28 if wide else 0x20)
    entry, count = struct.unpack_from("<HH", image, 0x3A if wide else 0x2E)
    total = Sizes()
    for index in range(count):
        start = table + index * entry
        kind, flags = struct.unpack_from("<I" + ("Q" if wide else "I"), image, start + 4)
        (size,) = struct.unpack_from("<Q" if wide else "<I", image, start + (32 if wide else 20))
        total += _section(kind, flags, size)
    return total


def _section(kind: int, flags: int, size: int) -> Sizes:
    if not flags & ALLOCATE:
        return Sizes()
    if kind == NO_BITS:
        return Sizes(bss=size)
    if flags & EXECUTE:
        return Sizes(text=size)
    return Sizes(data=size) if flags & WRITE else Sizes(rodata=size)


def main(paths: list[str]) -> None:
    """A line for each file, and their sum."""
    print(f"{'code':>10} {'constants':>10} {'data':>10} {'bss':>10}")
    total = Sizes()
    for path in paths:
        found = sizes(Path(path).read_bytes())
        total += found
        print(_line(found, path))
    if len(paths) > 1:
        print(_line(total, "in all"))


def _line(s: Sizes, title: str) -> str:
    return f"{s.text:>10} {s.rodata:>10} {s.data:>10} {s.bss:>10}  {title}"


if __name__ == "__main__":
    main(sys.argv[1:])
