"""Canonical dataflow form: a checker of emitted HLS C++, because g++ accepts what HLS rejects.

It reads text, not the plan, so that a fault of a template is found too. It knows just the C++ that
the templates are written in; what it does not understand is a violation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SIMULATION = ("testbench.cpp", "lib/qc_trace.h")  # never synthesized

BANNED = {
    r"\b(?:while|do|goto|break|continue|switch)\b": "a loop has one exit, a counted one",
    r"\b(?:new|delete|malloc|free|realloc)\b": "memory is fixed",
    r"\b(?:virtual|throw|try|dynamic_cast|typeid)\b": "no run-time C++",
    r"\bstd::": "only ap_int.h and hls_stream.h",
    r"\.(?:empty|full|size|read_nb|write_nb)\s*\(": "streams are read and written, blocking",
    r"\b(?:float|double)\b": "integers only",
}
COUNTED = re.compile(
    r"\s*(?:unsigned )?int (\w+) = [^;]+; \1 (?:<|<=|>=|>) [^;&|]+; \1(?:\+\+|--| \+= \w+)\s*"
)
FUNCTION = re.compile(r"^[ \t]*[\w:<>, ]+?\b(\w+)\(((?:[^(){};]|\(&\w+\))*)\)\s*\{", re.MULTILINE)
STREAM = re.compile(r'hls::stream<.+> (\w+)\("(\w+)"\)')
CALL = re.compile(r"(?:(\w+)::)?(\w+)\(([\w, ]*)\)")


@dataclass(frozen=True)
class Violation:
    """Where the text is not in canonical form, and why."""

    place: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


@dataclass(frozen=True)
class Function:
    """A function as written: names of its stream parameters, and what is between its braces."""

    name: str
    streams: tuple[str, ...]
    body: str


def violations(files: Mapping[str, str], top: str) -> list[Violation]:
    """All violations in the C++ of a project whose top function is `top`."""
    texts = {
        path: stripped(text)
        for path, text in files.items()
        if path.endswith((".cpp", ".h")) and path not in SIMULATION
    }
    found: list[Violation] = []
    known: dict[str, Function] = {}
    for path, text in texts.items():
        for function in functions(text):
            place = f"{path}, {function.name}"
            if function.name != top:
                found += _body(place, function)
            if function.name in known and function.streams:
                found.append(Violation(place, "a process is defined once"))
            known[function.name] = function
    if top not in known:
        return [*found, Violation(top, "there is no top function")]
    pragmas = "\n".join(files[path] for path in texts)
    return [*found, *_top(known[top], known, pragmas)]


def stripped(text: str) -> str:
    """Without comments; preprocessor lines stay."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


def functions(text: str) -> Iterator[Function]:
    """Every function definition of a text."""
    plain = re.sub(r"^[ \t]*#[^\n]*$", "", text, flags=re.MULTILINE)
    for match in FUNCTION.finditer(plain):
        streams = re.findall(r"hls::stream<[^&]*>\s*& (\w+)", match[2])
        yield Function(match[1], tuple(streams), plain[match.end() : _closing(plain, match.end())])


def _closing(text: str, start: int) -> int:
    """Where the brace that was opened before `start` closes."""
    depth = 1
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return len(text)


def _body(place: str, function: Function) -> Iterator[Violation]:
    """What a process, or a function that one calls, must not do."""
    for pattern, why in BANNED.items():
        if match := re.search(pattern, function.body):
            yield Violation(place, f"{match[0].strip()!r}: {why}")
    if re.search(r"\bstatic\b", function.body):
        yield Violation(place, "'static': a process keeps nothing between two inferences")
    if re.search(rf"\b{function.name}\s*\(", function.body):
        yield Violation(place, "no recursion")
    for name in function.streams:
        wrong = "write" if name.startswith("in") else "read"
        if re.search(rf"\b{name}\.{wrong}\(", function.body):
            yield Violation(place, f"{name}.{wrong}: a stream has one direction")
        if not re.search(rf"\b{name}\b", function.body):
            yield Violation(place, f"{name} is not used")
    yield from _loops(place, function)


def _loops(place: str, function: Function) -> Iterator[Violation]:
    """Loops count to a bound that they do not change, in braces, and nothing leaves them early."""
    for match in re.finditer(r"\bfor \(", function.body):
        end = _matching(function.body, match.end())
        header = function.body[match.end() : end]
        if not COUNTED.fullmatch(header):
            yield Violation(place, f"for ({header}): a loop counts to a bound")
        rest = function.body[end + 1 :].lstrip()
        if not rest.startswith("{"):
            yield Violation(place, f"for ({header}): a loop has braces")
            continue
        start = len(function.body) - len(rest) + 1
        inside = function.body[start : _closing(function.body, start)]
        if re.search(r"\breturn\b", inside):
            yield Violation(place, f"for ({header}): a loop has one exit")
        counter = header.split("=")[0].split()[-1]
        if re.search(rf"\b{counter}\s*(?:[-+*]?=(?!=)|\+\+|--)", inside):
            yield Violation(place, f"for ({header}): a loop does not change its counter")


def _matching(text: str, start: int) -> int:
    """Where the parenthesis that was opened before `start` closes."""
    depth = 1
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    return len(text)


def _top(top: Function, known: Mapping[str, Function], pragmas: str) -> Iterator[Violation]:
    """The top holds declarations and calls; each stream has one producer and one consumer."""
    if not re.search(r"#pragma HLS dataflow\b", pragmas):
        yield Violation(top.name, "no dataflow pragma")
    declared = []
    written: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for statement in (s.strip() for s in top.body.split(";")):
        if match := STREAM.fullmatch(statement):
            declared.append(match[1])
            yield from _declaration(top.name, match, pragmas)
        elif match := CALL.fullmatch(statement):
            yield from _call(top.name, match, known, written, read)
        elif statement:
            yield Violation(top.name, f"neither a stream nor a call: {statement[:60]!r}")
    for name in declared:
        if (written[name], read[name]) != (1, 1):
            yield Violation(
                top.name, f"{name} has {written[name]} producers and {read[name]} consumers"
            )
    yield from _ports(top, written + read, pragmas)
    for name in sorted({*written, *read} - {*declared, *top.streams}):
        yield Violation(top.name, f"{name} is not declared")


def _ports(top: Function, used: Counter[str], pragmas: str) -> Iterator[Violation]:
    """Every port is a stream that one process uses."""
    for name in top.streams:
        if used[name] != 1:
            yield Violation(top.name, f"port {name} is used {used[name]} times")
        if not re.search(rf"#pragma HLS interface axis port={name}\b", pragmas):
            yield Violation(top.name, f"port {name} has no axis interface")


def _declaration(place: str, match: re.Match[str], pragmas: str) -> Iterator[Violation]:
    if match[1] != match[2]:
        yield Violation(place, f"stream {match[1]} is called {match[2]!r}")
    if not re.search(rf"#pragma HLS stream variable={match[1]} depth=[1-9]\d*\b", pragmas):
        yield Violation(place, f"stream {match[1]} has no depth")


def _call(
    place: str,
    match: re.Match[str],
    known: Mapping[str, Function],
    written: Counter[str],
    read: Counter[str],
) -> Iterator[Violation]:
    """Counts what a call reads and writes; a stream is written before it is read."""
    function = known.get(match[2])
    arguments = [a.strip() for a in match[3].split(",")]
    if function is None or len(function.streams) != len(arguments):
        yield Violation(place, f"{match[2]} is not a process of {len(arguments)} streams")
        return
    for name, parameter in zip(arguments, function.streams, strict=True):
        if parameter.startswith("in"):
            read[name] += 1
            if name not in written and name not in known[place].streams:
                yield Violation(place, f"{name} is read before it is written")
        else:
            written[name] += 1
