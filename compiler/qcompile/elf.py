"""Little-endian 32-bit ELF files: sections, segments, symbols, sizes.

`python -m qcompile.elf FILES` prints the sizes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD = b"\x7fELF\x01\x01"  # 32 bits, little-endian

WRITE, ALLOCATE, EXECUTE = 1, 2, 4  # sh_flags
SYMBOL_TABLE, NO_BITS = 2, 8  # sh_type
LOAD = 1  # p_type
FUNCTION = 2  # type of a symbol


@dataclass(frozen=True)
class Section:
    """A section; `content` is empty where the file holds none."""

    kind: int
    flags: int
    address: int
    size: int
    content: bytes
    link: int


@dataclass(frozen=True)
class Symbol:
    name: str
    address: int
    size: int
    function: bool


@dataclass(frozen=True)
class Segment:
    """Bytes that are in memory at `address` (the load address) before the start."""

    address: int
    content: bytes


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
        """Variables, without any stack."""
        return self.data + self.bss


def sections(elf: bytes) -> tuple[Section, ...]:
    """Every section, in the order of the file; raises ValueError where it is not such a file."""
    if not elf.startswith(HEAD):
        raise ValueError("not a little-endian 32-bit ELF file")
    (table,) = struct.unpack_from("<I", elf, 0x20)
    entry, count = struct.unpack_from("<HH", elf, 0x2E)
    found = []
    for index in range(count):
        _, kind, flags, address, offset, size, link = struct.unpack_from(
            "<7I", elf, table + index * entry
        )
        content = b"" if kind == NO_BITS else elf[offset : offset + size]
        found.append(Section(kind, flags, address, size, content, link))
    return tuple(found)


def sizes(elf: bytes, end: int = 1 << 32) -> Sizes:
    """Of what an object or program has in memory below the address `end`."""
    return sum((size(s) for s in sections(elf) if s.address < end), Sizes())


def size(section: Section) -> Sizes:
    if not section.flags & ALLOCATE:
        return Sizes()
    if section.kind == NO_BITS:
        return Sizes(bss=section.size)
    if section.flags & EXECUTE:
        return Sizes(text=section.size)
    if section.flags & WRITE:
        return Sizes(data=section.size)
    return Sizes(rodata=section.size)


def segments(elf: bytes) -> Iterator[Segment]:
    """The loaded parts that have bytes in the file."""
    (table,) = struct.unpack_from("<I", elf, 0x1C)
    entry, count = struct.unpack_from("<HH", elf, 0x2A)
    for index in range(count):
        kind, offset, _, physical, size = struct.unpack_from("<5I", elf, table + index * entry)
        if kind == LOAD and size:
            yield Segment(physical, elf[offset : offset + size])


def symbols(elf: bytes) -> tuple[Symbol, ...]:
    """Every named symbol."""
    every = sections(elf)
    found = []
    for table in every:
        if table.kind != SYMBOL_TABLE:
            continue
        names = every[table.link].content
        for place in range(0, table.size, 16):
            name, address, size, info = struct.unpack_from("<IIIB", table.content, place)
            text = names[name : names.index(b"\0", name)].decode()
            if text:
                found.append(Symbol(text, address, size, info & 15 == FUNCTION))
    return tuple(found)


def main(paths: list[str]) -> None:
    """A line for each file, and their sum."""
    print(f"{'code':>10} {'constants':>10} {'data':>10} {'bss':>10}")
    found = [sizes(Path(path).read_bytes()) for path in paths]
    for path, each in zip(paths, found, strict=True):
        print(line(each, path))
    if len(paths) > 1:
        print(line(sum(found, Sizes()), "in all"))


def line(s: Sizes, title: str) -> str:
    return f"{s.text:>10} {s.rodata:>10} {s.data:>10} {s.bss:>10}  {title}"


if __name__ == "__main__":
    main(sys.argv[1:])
