"""Compressed instructions (RV32C) as the instructions of 32 bits that they stand for."""

from __future__ import annotations


def i_type(opcode: int, f3: int, rd: int, rs1: int, immediate: int) -> int:
    return (immediate & 0xFFF) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode


def r_type(f7: int, f3: int, rd: int, rs1: int, rs2: int) -> int:
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | 0x33


def s_type(rs2: int, rs1: int, offset: int) -> int:
    """sw."""
    return (offset >> 5) << 25 | rs2 << 20 | rs1 << 15 | 2 << 12 | (offset & 31) << 7 | 0x23


def bits(half: int, *places: tuple[int, int, int]) -> int:
    """Fields (from, how many, to) of the instruction, put together."""
    return sum((half >> at & ((1 << count) - 1)) << to for at, count, to in places)


def signed(value: int, sign: int) -> int:
    return value - (value >> sign << (sign + 1))


def jump(half: int, link: int) -> int:
    fields = ((12, 1, 11), (11, 1, 4), (9, 2, 8), (8, 1, 10), (7, 1, 6), (6, 1, 7), (3, 3, 1))
    offset = signed(bits(half, *fields, (2, 1, 5)), 11)
    upper = (offset >> 20 & 1) << 31 | (offset >> 1 & 0x3FF) << 21 | (offset >> 11 & 1) << 20
    return upper | (offset >> 12 & 0xFF) << 12 | link << 7 | 0x6F


def branch(half: int, f3: int) -> int:
    fields = ((12, 1, 8), (10, 2, 3), (5, 2, 6), (3, 2, 1), (2, 1, 5))
    offset = signed(bits(half, *fields), 8)
    upper = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25
    lower = (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
    return upper | (8 + (half >> 7 & 7)) << 15 | f3 << 12 | lower | 0x63


def first(half: int) -> int:
    """Quadrant 0: c.addi4spn, c.lw, c.sw."""
    short, base = 8 + (half >> 2 & 7), 8 + (half >> 7 & 7)
    offset = bits(half, (10, 3, 3), (6, 1, 2), (5, 1, 6))
    if half >> 13 == 0:
        stack = bits(half, (11, 2, 4), (7, 4, 6), (6, 1, 2), (5, 1, 3))
        return i_type(0x13, 0, short, 2, stack)
    if half >> 13 == 2:
        return i_type(0x03, 2, short, base, offset)
    assert half >> 13 == 6, f"{half:#06x}"
    return s_type(short, base, offset)


def second(half: int) -> int:
    """Quadrant 1."""
    rd, number = half >> 7 & 31, signed(bits(half, (12, 1, 5), (2, 5, 0)), 5)
    match half >> 13:
        case 0:
            return i_type(0x13, 0, rd, rd, number)
        case 1 | 5:
            return jump(half, int(half >> 13 == 1))
        case 2:
            return i_type(0x13, 0, rd, 0, number)
        case 3 if rd == 2:
            fields = ((12, 1, 9), (6, 1, 4), (5, 1, 6), (3, 2, 7), (2, 1, 5))
            return i_type(0x13, 0, 2, 2, signed(bits(half, *fields), 9))
        case 3:
            return (number & 0xFFFFF) << 12 | rd << 7 | 0x37
        case 4:
            return calculation(half, 8 + (half >> 7 & 7), number)
        case _:
            return branch(half, half >> 13 & 1)


def calculation(half: int, rd: int, number: int) -> int:
    match half >> 10 & 3:
        case 0:
            return i_type(0x13, 5, rd, rd, number & 31)
        case 1:
            return i_type(0x13, 5, rd, rd, number & 31 | 0x400)
        case 2:
            return i_type(0x13, 7, rd, rd, number)
        case _:
            f7, f3 = ((0x20, 0), (0, 4), (0, 6), (0, 7))[half >> 5 & 3]
            return r_type(f7, f3, rd, rd, 8 + (half >> 2 & 7))


def third(half: int) -> int:
    """Quadrant 2."""
    rd, rs2 = half >> 7 & 31, half >> 2 & 31
    if half >> 13 == 0:
        return i_type(0x13, 1, rd, rd, rs2)
    if half >> 13 == 2:
        return i_type(0x03, 2, rd, 2, bits(half, (12, 1, 5), (4, 3, 2), (2, 2, 6)))
    if half >> 13 == 6:
        return s_type(rs2, 2, bits(half, (9, 4, 2), (7, 2, 6)))
    assert half >> 13 == 4, f"{half:#06x}"
    add = half >> 12 & 1
    if rs2 == 0:
        assert rd != 0, "c.ebreak"
        return i_type(0x67, 0, add, rd, 0)
    return r_type(0, 0, rd, rd if add else 0, rs2)


def expanded(half: int) -> int:
    assert half != 0, "an illegal instruction"
    return (first, second, third)[half & 3](half)
