"""Parts of riscv.md: tables in Markdown, and what they show against what was asked."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.catalogue import models_folder
from benchmarks.riscv_figures import Figures
from benchmarks.riscv_measure import Bench, arguments
from benchmarks.rows import cell


@dataclass(frozen=True)
class Goal:
    """Something that was asked, and what was found."""

    what: str
    wanted: float
    found: float
    most: bool = False  # whether less is better
    scale: float = 1
    digits: int = 3

    @property
    def met(self) -> bool:
        found, wanted = (round(x, 9) for x in (self.found, self.wanted))
        return 0 < found <= wanted if self.most else found >= wanted

    @property
    def verdict(self) -> str:
        if not self.found:
            return "not measured"
        if self.met:
            return "yes"
        return f"no: {abs(self.found / self.wanted - 1):.1%} {'above' if self.most else 'below'}"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        sign = "<=" if self.most else ">="
        wanted, found = (f"{x / self.scale:,.{self.digits}f}" for x in (self.wanted, self.found))
        return self.what, f"{sign} {wanted}", found if self.found else "", self.verdict


@dataclass(frozen=True)
class Part:
    """A section of the document."""

    title: str
    text: str
    goals: tuple[Goal, ...] = ()

    def __str__(self) -> str:
        goals = f"\n\n{goal_table(self.goals)}" if self.goals else ""
        return f"## {self.title}\n\n{self.text}{goals}\n"


Report = Callable[[Bench, Path], Part]


def goal_table(goals: Iterable[Goal]) -> str:
    return table("asked | wanted | found | met", (goal.cells for goal in goals))


def table(header: str, rows: Iterable[Sequence[object]]) -> str:
    """Markdown; the header's names are separated by ` | `."""
    names = header.split(" | ")
    lines = [f"| {header} |", "|" + "---|" * len(names)]
    for row in rows:
        assert len(row) == len(names), "a row of another length than the header"
        lines.append("| " + " | ".join(map(cell, row)) + " |")
    return "\n".join(lines)


def millions(cycles: float) -> str:
    return f"{cycles / 1e6:,.3f}" if cycles else ""


def rate(value: float) -> str:
    return f"{value:.2f}" if value else ""


def ratio(a: float, b: float) -> float:
    """0 where one of them was not measured."""
    return a / b if a and b else 0.0


def failures(found: Iterable[Figures]) -> str:
    """What was not measured, and why; nothing where all was."""
    lines = [f"- {f.subject} on {f.isa.value}: {f.error}" for f in found if f.error]
    return "\n\nNot measured:\n\n" + "\n".join(lines) if lines else ""


def show(report: Report, doc: str | None) -> None:
    """The main function of a part: prints it."""
    parser = ArgumentParser(description=(doc or "").splitlines()[0])
    options, bench = arguments(parser, sys.argv[1:])
    print(report(bench, found_folder(options.models)))


def found_folder(given: str | None) -> Path:
    folder = models_folder(given)
    if folder is None:
        raise SystemExit("the models are not there: set QCOMPILE_MODELS or give --models")
    return folder
