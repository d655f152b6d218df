"""Instructions as Python: a straight run of them becomes a function of the machine of `xpulp`.

Sources as there. Registers hold numbers without sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rv32c import expanded

MASK, TOP = 0xFFFFFFFF, 0x80000000
TOKENS = re.compile(r"\w+|\W+")
STRAIGHT = 200  # instructions of one function, at most


class Fault(Exception):
    """The program does what no core defines."""


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - ((value >> (bits - 1)) << bits)


def divided(a: int, b: int, low: int) -> tuple[int, int]:
    """Quotient, rounded toward 0, and remainder; `low` is the least number, 0 without signs."""
    if b == 0:
        return -1, a
    if a == low < 0 and b == -1:
        return a, 0
    quotient = abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)
    return quotient, a - quotient * b


def extracted(word: int, places: int, with_sign: bool) -> int:
    """The field that p.extractr names: bits places % 32 .. and (places >> 5) % 32 more."""
    part, size = word >> (places & 31), (places >> 5 & 31) + 1
    return signed(part, size) if with_sign else part & ((1 << size) - 1)


# What an instruction of opcode 0x33 computes, by function 7 and 3: a, b and the old d without sign,
# A, B and D with it, n the number of the second register.
OPERATIONS = {
    (0, 0): "a + b", (32, 0): "a - b", (0, 1): "a << (b & 31)", (0, 2): "A < B", (0, 3): "a < b",
    (0, 4): "a ^ b", (0, 5): "a >> (b & 31)", (32, 5): "A >> (b & 31)", (0, 6): "a | b",
    (0, 7): "a & b",
    (1, 0): "a * b", (1, 1): "A * B >> 32", (1, 2): "A * b >> 32", (1, 3): "a * b >> 32",
    (1, 4): f"divided(A, B, -{TOP})[0]", (1, 5): "divided(a, b, 0)[0]",
    (1, 6): f"divided(A, B, -{TOP})[1]", (1, 7): "divided(a, b, 0)[1]",
    (0x21, 0): "d + a * b", (0x21, 1): "d - a * b",
    (2, 0): "abs(A)", (2, 4): "min(A, B)", (2, 5): "min(a, b)", (2, 6): "max(A, B)",
    (2, 7): "max(a, b)", (4, 5): "(a << 32 | a) >> (b & 31)",
    (8, 4): "signed(a, 16)", (8, 5): "a & 65535", (8, 6): "signed(a, 8)", (8, 7): "a & 255",
    (10, 1): "max(min(A, (1 << n) - 1 >> 1), ~((1 << n) - 1 >> 1))",
    (10, 2): "max(min(A, (1 << n) - 1 >> 1), 0)",
    (10, 5): "max(min(A, B), ~B)", (10, 6): "max(min(A, B), 0)",
    (0x40, 0): "extracted(a, b, True)", (0x40, 1): "extracted(a, b, False)",
}  # fmt: skip
IMMEDIATES = {  # of opcode 0x13 by function 3; i is the immediate, u the same without sign
    0: "a + i", 2: "A < i", 3: "a < u", 4: "a ^ u", 6: "a | u", 7: "a & u",
}  # fmt: skip
SHIFTS = {(1, 0): "a << n", (5, 0): "a >> n", (5, 32): "A >> n"}
BRANCHES = {0: "a == b", 1: "a != b", 4: "A < B", 5: "A >= B", 6: "a < b", 7: "a >= b"}
# Bytes, and whether the sign is spread, by function 3 and by function 7.
LOADS = {0: "1, True", 1: "2, True", 2: "4, True", 4: "1, False", 5: "2, False"}
LOADS_BY = {0x00: LOADS[0], 0x08: LOADS[1], 0x10: LOADS[2], 0x20: LOADS[4], 0x28: LOADS[5]}
# Dot products by bits 31 to 26: 1 b is signed, 2 a is signed, 4 added to rd.
DOTS = {0b100000: 0, 0b100010: 1, 0b100110: 3, 0b101000: 4, 0b101010: 5, 0b101110: 7}
FIELDS = {
    "opcode": (0, 7), "rd": (7, 5), "f3": (12, 3), "rs1": (15, 5), "rs2": (20, 5), "f7": (25, 7),
}  # fmt: skip


@dataclass(frozen=True)
class Instruction:
    """Fields of a word of 32 bits, which takes `size` bytes of the program."""

    pc: int
    word: int
    size: int

    def __getattr__(self, name: str) -> int:
        place, bits = FIELDS[name]
        return self.word >> place & ((1 << bits) - 1)

    @property
    def immediate(self) -> int:
        return signed(self.word >> 20, 12)

    @property
    def store_immediate(self) -> int:
        return signed(self.f7 << 5 | self.rd, 12)

    @property
    def target(self) -> int:
        """Of a branch or of jal."""
        w = self.word
        if self.opcode == 0x6F:
            high = (w >> 31) << 20 | (w >> 12 & 0xFF) << 12
            return self.pc + signed(high | (w >> 20 & 1) << 11 | (w >> 21 & 0x3FF) << 1, 21)
        high = (w >> 31) << 12 | (w >> 7 & 1) << 11
        return self.pc + signed(high | (w >> 25 & 63) << 5 | (w >> 8 & 15) << 1, 13)

    def text(self, expression: str) -> str:
        """The expression of registers and immediates as Python."""
        registers = {"a": self.rs1, "b": self.rs2, "d": self.rd}
        numbers = {"n": self.rs2, "i": self.immediate, "u": self.immediate & MASK}
        made = []
        for token in TOKENS.findall(expression):
            if token in registers:
                made.append(f"r[{registers[token]}]")
            elif token in numbers:
                made.append(f"({numbers[token]})")
            elif token.lower() in registers:
                made.append(f"((r[{registers[token.lower()]}] ^ {TOP}) - {TOP})")
            else:
                made.append(token)
        return "".join(made)

    def sets(self, expression: str) -> str:
        return f"r[{self.rd}] = ({self.text(expression)}) & {MASK}" if self.rd else "pass"

    def known(self, table: dict[Any, str], key: Any) -> str:
        if key not in table:
            raise Fault(f"no instruction: {self.word:#010x} at {self.pc:#x}")
        return table[key]


def load(i: Instruction) -> str:
    if i.f3 == 7:
        return i.sets(f"m.load(a + b & MASK, {i.known(LOADS_BY, i.f7)})")
    return i.sets(f"m.load(a + i & MASK, {i.known(LOADS, i.f3)})")


def load_post(i: Instruction) -> str:
    if i.rd == i.rs1:
        raise Fault(f"a load into its own address: {i.pc:#x}")
    kind = i.known(LOADS_BY, i.f7) if i.f3 == 7 else i.known(LOADS, i.f3)
    step = "b" if i.f3 == 7 else "i"
    loaded = i.sets(f"m.load(a, {kind})")
    return f"{loaded}; {i.text(f'm.step({i.rs1}, {step})')}"


def store(i: Instruction) -> str:
    size = {0: 1, 1: 2, 2: 4}[i.f3 & 3]
    offset = "d" if i.f3 & 4 else f"{i.store_immediate}"
    return i.text(f"m.store(a + {offset} & MASK, b, {size})")


def store_post(i: Instruction) -> str:
    size = {0: 1, 1: 2, 2: 4}[i.f3 & 3]
    step = "d" if i.f3 & 4 else f"{i.store_immediate}"
    return i.text(f"m.store(a, b, {size}); m.step({i.rs1}, {step})")


def arithmetic(i: Instruction) -> str:
    if i.f7 >> 5 == 3 and i.f3 == 2:  # p.insert
        mask = ((2 << (i.f7 & 31)) - 1) << i.rs2 & MASK
        return i.sets(f"d & {MASK ^ mask} | (a << n) & {mask}")
    if i.f7 >> 5 == 3 and i.f3 < 2:  # p.extract, p.extractu
        return i.sets(f"extracted(a, {(i.f7 & 31) << 5 | i.rs2}, {i.f3 == 0})")
    return i.sets(i.known(OPERATIONS, (i.f7, i.f3)))


def arithmetic_immediate(i: Instruction) -> str:
    if i.f3 in (1, 5):
        return i.sets(i.known(SHIFTS, (i.f3, i.f7)))
    return i.sets(IMMEDIATES[i.f3])


def normalized(i: Instruction) -> str:
    """p.addN, p.subN and their kin."""
    if i.f3 & 2 == 0:
        raise Fault(f"no instruction: {i.word:#010x} at {i.pc:#x}")
    by_register = bool(i.f7 & 32)
    left, right, places = ("d", "a", "(b & 31)") if by_register else ("a", "b", f"{i.f7 & 31}")
    total = f"{left} {'-' if i.f3 & 1 else '+'} {right}"
    if i.f3 & 4:
        total += f" + (1 << {places} >> 1)"
    return i.sets(f"({total} & MASK) >> {places}" if i.f7 & 64 else f"signed({total}) >> {places}")


def vector(i: Instruction) -> str:
    operation = i.f7 >> 1
    if operation in DOTS:
        if i.f3 > 1 or i.f7 & 1:
            raise Fault(f"a dot product with a scalar: {i.pc:#x}")
        kind = DOTS[operation]
        return i.sets(f"m.dot({kind & 3}, a, b, {'d' if kind & 4 else '0'})")
    scalar = signed(i.rs2 << 1 | i.f7 & 1, 6)
    b = f"{scalar}" if i.f3 & 6 == 6 else "b"
    if i.f3 & 6 != 6 and i.f7 & 1:
        raise Fault(f"no instruction: {i.word:#010x} at {i.pc:#x}")
    return i.sets(f"m.simd({operation}, {i.f3}, a, {b}, d)")


def system(i: Instruction) -> str:
    if i.f3 in (0, 4):
        raise Fault(f"ecall, ebreak or mret at {i.pc:#x}")
    value = f"{i.rs1}" if i.f3 & 4 else i.text("a")
    number, kind = i.word >> 20, i.f3 & 3
    if kind != 1 and i.rs1 == 0:
        return i.sets(f"m.csr({number}, None)")
    if kind == 1:
        made = f"t = m.csr({number}, {value})"
    else:
        change = f"t | {value}" if kind == 2 else f"t & ~{value}"
        made = f"t = m.csr({number}, None); m.csr({number}, {change})"
    return f"{made}; {i.sets('t')}"


STATEMENTS: dict[int, Callable[[Instruction], str]] = {
    0x03: load,
    0x0B: load_post,
    0x0F: lambda i: "pass",
    0x13: arithmetic_immediate,
    0x17: lambda i: i.sets(f"{i.pc + (i.word & 0xFFFFF000)}"),
    0x23: store,
    0x2B: store_post,
    0x33: arithmetic,
    0x37: lambda i: i.sets(f"{i.word & 0xFFFFF000}"),
    0x57: vector,
    0x5B: normalized,
    0x73: system,
}


def branch(i: Instruction) -> str:
    return f"return {i.target} if {i.text(i.known(BRANCHES, i.f3))} else {i.pc + i.size}"


def jump(i: Instruction) -> str:
    return f"{i.sets(f'{i.pc + i.size}')}; return {i.target}"


def jump_register(i: Instruction) -> str:
    return f"{i.text('t = a + i & MASK & ~1')}; {i.sets(f'{i.pc + i.size}')}; return t"


ENDS: dict[int, Callable[[Instruction], str]] = {0x63: branch, 0x67: jump_register, 0x6F: jump}


def fetched(m: Any, pc: int) -> Instruction:
    half = m.load(pc, 2, False)
    if half & 3 != 3:
        return Instruction(pc, expanded(half), 2)
    return Instruction(pc, half | m.load(pc + 2, 2, False) << 16, 4)


def set_up(m: Any, i: Instruction) -> str:
    """lp.setup, after a look at the loop: three instructions or more, of 32 bits, without jumps."""
    last = i.pc + 2 * (i.word >> 20)
    body = [fetched(m, at) for at in range(i.pc + 4, last + 4, 4)]
    wrong = any(b.size != 4 or b.opcode in ENDS or b.opcode in (0x0F, 0x73) for b in body)
    if i.f3 != 4 or i.rd > 1 or i.pc % 4 or last % 4 or len(body) < 3 or wrong:
        raise Fault(f"a hardware loop against the rules: {i.pc:#x}")
    m.ends.add(last)
    return f"m.setup({i.rd}, {i.pc + 4}, {last}, r[{i.rs1}]); return {i.pc + 4}"


def translated(m: Any, pc: int) -> Callable[[Any, list[int]], int]:
    """The function that runs the program from `pc` on until it may go elsewhere."""
    lines: list[str] = []
    while len(lines) < STRAIGHT:
        i = fetched(m, pc)
        if i.opcode in ENDS:
            lines.append(ENDS[i.opcode](i))
            break
        if i.opcode == 0x7B:
            lines.append(set_up(m, i))
            break
        if i.opcode not in STATEMENTS:
            raise Fault(f"no instruction: {i.word:#010x} at {pc:#x}")
        lines.append(STATEMENTS[i.opcode](i))
        if pc in m.ends:
            lines.append(f"return m.after({pc})")
            break
        pc += i.size
    else:
        lines.append(f"return {pc}")
    names: dict[str, Any] = {"MASK": MASK, "signed": signed, "divided": divided}
    names["extracted"] = extracted
    exec("def run(m, r):\n " + "\n ".join(lines), names)  # the text is made above
    run: Callable[[Any, list[int]], int] = names["run"]
    return run
