"""Programs for RI5CY (Xpulp) with status-based mixed-precision dot products, run in Python.

RV32IMC, the Xpulp instructions that kernels use, and the status registers 0x00D to 0x010. Decoded
from the definition: the decoder, the ALU and the mixed-precision controller of the public RTL
(pulp-platform/flex-v, AlSaqr-platform/riscv_nn), not from the header that makes the encodings. What
the RTL leaves open is a `Fault`: SIMD of a mixed format, dot products in legacy mode, a hardware
loop against the rules.

Each straight run of instructions becomes a Python function when it is first reached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from xpulp_decode import MASK, Fault, signed, translated

EXCHANGE = 0x20000000
SIZES = {0x0: 4 << 20, 0x1: 1 << 20, 0x2: 8 << 20}  # flash, RAM, exchange window
UNIFORM = {1: 16, 2: 8, 3: 4, 4: 2}  # lanes' bits by the format register
STATUS = {0x00D: ("format", 15), 0x00E: ("index", 7), 0x00F: ("skip", 31), 0x010: ("legacy", 1)}
OTHERS = (0x300, 0x304, 0x305, 0x320, 0x340, 0x341, 0x342)  # registers that only hold something
FORMATS = {2: (8, 8), 3: (4, 4), 4: (2, 2), 5: (4, 2), 6: (8, 2), 8: (8, 4)}
Block = Callable[["Machine", list[int]], int]


class Exit(Exception):
    """The program wrote EXIT."""


@lru_cache(1 << 16)
def lanes(word: int, bits: int, with_sign: bool) -> tuple[int, ...]:
    """Little endian."""
    parts = [(word >> i) & ((1 << bits) - 1) for i in range(0, 32, bits)]
    return tuple(signed(p, bits) if with_sign else p for p in parts)


def joined(values: list[int], bits: int) -> int:
    return sum((v & ((1 << bits) - 1)) << (i * bits) for i, v in enumerate(values))


@dataclass
class Machine:
    """State from reset on; `exchange` lies in its window."""

    image: bytes
    exchange: bytes
    r: list[int] = field(default_factory=lambda: [0] * 32)
    legacy: int = 1
    format: int = 0
    index: int = 0
    skip: int = 0
    counter: int = 0
    dots: set[tuple[int, int]] = field(default_factory=set)  # (format, signs) of those that ran
    others: set[int] = field(default_factory=set)  # operations of other SIMD that ran

    def __post_init__(self) -> None:
        self.memory = {k: bytearray(size) for k, size in SIZES.items()}
        self.memory[0][: len(self.image)] = self.image
        self.memory[2][: len(self.exchange)] = self.exchange
        self.csrs = dict.fromkeys(OTHERS, 0)
        self.loops = [(0, 0, 0), (0, 0, 0)]  # start, last instruction, count
        self.ends: set[int] = set()
        self.blocks: dict[int, Block] = {}
        self.exit_code = -1

    def run(self, most: int = 50_000_000) -> None:
        """Until EXIT; `most` blocks. Raises Fault."""
        blocks, r, pc = self.blocks, self.r, 0
        try:
            for _ in range(most):
                block = blocks.get(pc)
                if block is None:
                    block = blocks[pc] = translated(self, pc)
                pc = block(self, r)
        except Exit:
            return
        raise Fault(f"no end, at {pc:#x}")

    def load(self, address: int, size: int, with_sign: bool) -> int:
        region, offset = self.memory.get(address >> 28, b""), address & 0xFFFFFFF
        if offset + size > len(region):
            raise Fault(f"load from {address:#x}")
        return int.from_bytes(region[offset : offset + size], "little", signed=with_sign)

    def store(self, address: int, value: int, size: int) -> None:
        region, offset = self.memory.get(address >> 28), address & 0xFFFFFFF
        if address >> 28 == 3:
            self.device(offset, value)
        elif region is None or address >> 28 == 0 or offset + size > len(region):
            raise Fault(f"store to {address:#x}")
        else:
            low = value & ((1 << 8 * size) - 1)
            region[offset : offset + size] = low.to_bytes(size, "little")

    def step(self, register: int, by: int) -> None:
        """The increment after an access; register 0 stays 0."""
        if register:
            self.r[register] = self.r[register] + by & MASK

    def device(self, offset: int, value: int) -> None:
        if offset == 4:
            self.exit_code = value
            raise Exit
        if offset in (16, 20):
            raise Fault(f"trap {value:#x}")

    def csr(self, number: int, value: int | None) -> int:
        """What the register held; it takes `value` unless that is None."""
        if number in STATUS:
            name, bits = STATUS[number]
            old: int = getattr(self, name)
            if value is not None:
                setattr(self, name, value & bits)
            return old
        if number not in self.csrs:
            raise Fault(f"status register {number:#x}")
        old = self.csrs[number]
        if value is not None:
            self.csrs[number] = value
        return old

    def setup(self, loop: int, start: int, last: int, count: int) -> None:
        self.loops[loop] = (start, last, count)
        start_1, last_1, count_1 = self.loops[1]
        if loop == 0 and count_1 > 1 and start_1 <= start <= last_1 and last_1 < last + 8:
            raise Fault(f"nested loops end too close to each other: {last:#x}")
        if loop == 1 and start <= self.loops[0][1] < last + 4 and self.loops[0][2] > 1:
            raise Fault(f"loop 1 within loop 0: {start:#x}")

    def after(self, last: int) -> int:
        """Where the instruction after the one at `last`, the end of a loop, is."""
        for i, (start, end, count) in enumerate(self.loops):
            if end == last and count > 1:
                self.loops[i] = (start, end, count - 1)
                return start
        return last + 4

    def dot(self, function: int, a: int, b: int, c: int) -> int:
        """`function`: 0 unsigned, 1 a unsigned, b signed, 3 both signed."""
        if self.legacy:
            raise Fault("a dot product in legacy mode")
        if self.format not in FORMATS:
            raise Fault(f"a dot product of format {self.format}")
        wide, narrow = FORMATS[self.format]
        self.dots.add((self.format, function))
        count = 32 // wide
        taps = lanes(b, narrow, bool(function & 1))
        first = self.index * count if wide != narrow else 0
        part = taps[first : first + count]
        for x, w in zip(lanes(a, wide, bool(function & 2)), part, strict=True):
            c += x * w
        self.advance(wide // narrow)
        return c & MASK

    def advance(self, ratio: int) -> None:
        """The controller: the next slice after `skip` dot products of whatever format."""
        if self.counter + 1 < self.skip:
            self.counter += 1
            return
        self.counter = 0
        if ratio > 1:
            self.index = 0 if self.index >= ratio - 1 else self.index + 1

    def width(self, byte: int) -> int:
        """Bits of the lanes of SIMD other than dot products."""
        if self.legacy:
            return 8 if byte else 16
        if self.format not in UNIFORM:
            raise Fault(f"SIMD of format {self.format}")
        return UNIFORM[self.format]

    def simd(self, operation: int, mode: int, a: int, b: int, d: int) -> int:
        """`mode`: function 3; `b` is a word, or the scalar of .sc and .sci."""
        bits = self.width(mode & 1)
        self.others.add(operation)
        if mode & 4:
            b = joined([b] * (32 // bits), bits)
        if operation in MERGES:
            return MERGES[operation](bits, a, b, d)
        if operation not in LANES:
            raise Fault(f"SIMD operation {operation:#b}")
        with_sign, one = LANES[operation]
        x, y = lanes(a, bits, with_sign), lanes(b, bits, with_sign)
        return joined([one(p, q, bits) for p, q in zip(x, y, strict=True)], bits)


def shuffle2(bits: int, a: int, b: int, d: int) -> int:
    if bits != 8:
        raise Fault(f"pv.shuffle2 of {bits} bits")
    both = lanes(d, 8, False) + lanes(a, 8, False)
    return joined([both[i & 7] for i in lanes(b, 8, False)], 8)


def pack(bits: int, a: int, b: int, d: int) -> int:
    if bits != 16:
        raise Fault(f"pv.pack of {bits} bits")
    return (a & 0xFFFF) << 16 | b & 0xFFFF


def pack_bytes(place: int) -> Callable[[int, int, int, int], int]:
    def packed(bits: int, a: int, b: int, d: int) -> int:
        if bits != 8:
            raise Fault(f"pv.packlo or pv.packhi of {bits} bits")
        return d & ~(0xFFFF << place) | (b & 255) << place | (a & 255) << (place + 8)

    return packed


# By bits 31 to 26 of opcode 0x57.
MERGES = {
    0b110010: shuffle2,
    0b110100: pack,
    0b110110: pack_bytes(16),
    0b111000: pack_bytes(0),
}
LANES: dict[int, tuple[bool, Callable[[int, int, int], int]]] = {  # lanes' sign, operation
    0b000000: (False, lambda x, y, n: x + y),
    0b000010: (False, lambda x, y, n: x - y),
    0b001000: (True, lambda x, y, n: min(x, y)),
    0b001010: (False, lambda x, y, n: min(x, y)),
    0b001100: (True, lambda x, y, n: max(x, y)),
    0b001110: (False, lambda x, y, n: max(x, y)),
    0b010000: (False, lambda x, y, n: x >> (y & (n - 1))),
    0b010010: (True, lambda x, y, n: x >> (y & (n - 1))),
    0b010100: (False, lambda x, y, n: x << (y & (n - 1))),
}
