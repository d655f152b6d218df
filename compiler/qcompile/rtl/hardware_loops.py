"""Check the hardware loops of a program against the rules of CV32E40P: the core does not.

The rules are those of the core's manual ("CORE-V Hardware Loop feature"); code that breaks one of
them computes something else, without a trap. Loops whose bounds come from registers (cv.start,
cv.end: interrupt handlers restore loops with them) cannot be checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from qcompile.rtl.firmware import Firmware
from qcompile.rtl.instructions import Instruction, instructions

START_I, END_I, SETUP_I, SETUP = 0, 2, 6, 7  # bits [11:8] of a loop instruction
PC_RELATIVE = (START_I, END_I, SETUP_I, SETUP)


class Rule(Enum):
    """What can be wrong with a loop."""

    SETUP_ALIGNED = "an instruction that sets up a loop lies at a multiple of 4"
    BOUNDS = "start and end lie in the program, on instructions, and end after start"
    LENGTH = "a body has at least 3 instructions"
    UNCOMPRESSED = "a body has only 32-bit instructions"
    ALIGNED = "a body starts at a multiple of 4"
    STRAIGHT = "a body has no branch, jump, fence or system instruction"
    OWN_REGISTERS = "a body leaves the registers of its own loop alone"
    ENTRY = "nothing jumps into a body"
    NESTED_LOOPS = "of two nested loops, loop 0 is inside, and no two overlap otherwise"
    NESTED_ENDS = "an outer loop ends at least 8 bytes after the inner one"


@dataclass(frozen=True)
class Finding:
    """A rule that is broken, and the address where."""

    rule: Rule
    address: int
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule.value}"


@dataclass(frozen=True)
class Loop:
    """Loop `number` runs the instructions in [start, end)."""

    number: int
    start: int
    end: int
    setup: int

    @property
    def body(self) -> tuple[int, int, int]:
        """What two places that set up the same loop have in common."""
        return self.number, self.start, self.end


def check_hardware_loops(firmware: Firmware) -> tuple[Finding, ...]:
    """Every broken rule of every loop of the program, in the order of addresses."""
    code = {i.address: i for i in instructions(firmware.elf)}
    found: list[tuple[Rule, int]] = []
    for at in code.values():
        if at.loop_operation in PC_RELATIVE and at.address % 4:
            found.append((Rule.SETUP_ALIGNED, at.address))
    every = tuple(_loops(code.values()))
    found += [(Rule.BOUNDS, loop.setup) for loop in every if not _in_bounds(loop, code)]
    loops = tuple(loop for loop in every if _in_bounds(loop, code))
    targets = [(i.address, i.target) for i in code.values() if i.target is not None]
    for loop in loops:
        found += _check_body(loop, code)
        for origin, target in targets:
            if loop.start < target < loop.end and not loop.start <= origin < loop.end:
                found.append((Rule.ENTRY, origin))
    found += _check_nesting(loops)
    found.sort(key=lambda finding: finding[1])
    return tuple(Finding(rule, address, firmware.place(address)) for rule, address in found)


def _loops(code: Iterable[Instruction]) -> Iterator[Loop]:
    starts: dict[int, int] = {}
    for at in code:
        yield from _loop_of(at, starts)


def _loop_of(at: Instruction, starts: dict[int, int]) -> Iterator[Loop]:
    """The loop that `at` completes; `starts` holds what cv.starti said of each loop number."""
    long = at.word >> 20 & 0xFFF
    if at.loop_operation == START_I:
        starts[at.loop_number] = at.address + 4 * long
    elif at.loop_operation == END_I and at.loop_number in starts:
        start = starts.pop(at.loop_number)
        yield Loop(at.loop_number, start, at.address + 4 * long, at.address)
    elif at.loop_operation == SETUP_I:
        end = at.address + 4 * (at.word >> 15 & 0x1F)
        yield Loop(at.loop_number, at.address + 4, end, at.address)
    elif at.loop_operation == SETUP:
        yield Loop(at.loop_number, at.address + 4, at.address + 4 * long, at.address)


def _in_bounds(loop: Loop, code: dict[int, Instruction]) -> bool:
    ends = loop.end in code or loop.end - 4 in code  # nothing follows the last of a section
    return loop.start < loop.end and loop.start in code and ends


def _check_body(loop: Loop, code: dict[int, Instruction]) -> Iterator[tuple[Rule, int]]:
    if loop.start % 4:
        yield Rule.ALIGNED, loop.start
    body = [code[at] for at in range(loop.start, loop.end, 2) if at in code]
    if len(body) < 3:
        yield Rule.LENGTH, loop.start
    for at in body:
        if at.compressed:
            yield Rule.UNCOMPRESSED, at.address
            if at.target is not None:
                yield Rule.STRAIGHT, at.address
        elif not at.straight:
            yield Rule.STRAIGHT, at.address
        if at.loop_operation is not None and at.loop_number == loop.number:
            yield Rule.OWN_REGISTERS, at.address


def _check_nesting(loops: tuple[Loop, ...]) -> Iterator[tuple[Rule, int]]:
    for outer in loops:
        for inner in loops:
            if inner.body == outer.body or not outer.start <= inner.start < outer.end:
                continue
            if (outer.number, inner.number) != (1, 0) or inner.end > outer.end:
                yield Rule.NESTED_LOOPS, inner.start
            elif outer.end < inner.end + 8:
                yield Rule.NESTED_ENDS, inner.end
