"""What running firmware needs of a little-endian 32-bit ELF program."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

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


def sections(elf: bytes) -> tuple[Section, ...]:
    """Every section, in the order of the file."""
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
