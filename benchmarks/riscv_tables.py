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
    """Something that was asked, what was found, and the best that can be, where that is known."""

    what: str
    wanted: float
    found: float
    most: bool = False  # whether less is better
    scale: float = 1
    digits: int = 3
    best: float = 0

    @property
    def met(self) -> bool:
        return self._reached(self.found)

    @property
    def possible(self) -> bool:
        """Whether no bound stands against it."""
        return not self.best or self._reached(self.best)

    def _reached(self, value: float) -> bool:
        value, wanted = round(value, 9), round(self.wanted, 9)
        return 0 < value <= wanted if self.most else value >= wanted

    @property
    def verdict(self) -> str:
        if not self.found:
            return "not measured"
        if self.met:
            return "yes"
        side = "above" if self.most else "below"
        text = f"no: {abs(self.found / self.wanted - 1):.1%} {side}"
        if self.possible:
            return text
        return f"{text}; bound {self.spelled(self.best)}"

    @property
    def over(self) -> str:
        """How far what was found is from the bound."""
        return f"{self.found / self.best - 1:+.1%}" if self.best and self.found else ""

    def spelled(self, value: float) -> str:
        return f"{value / self.scale:,.{self.digits}f}"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        sign = "<=" if self.most else ">="
        wanted, found = map(self.spelled, (self.wanted, self.found))
        return self.what, f"{sign} {wanted}", found if self.found else "", self.verdict


@dataclass(frozen=True)
class Part:
    """A section of the document."""

    title: str
    text: str
    goals: tuple[Goal, ...] = ()

    def __str__(self) -> str:
        goals = f"\n\n{met(self.goals)}" if self.goals else ""
        return f"## {self.title}\n\n{self.text}{goals}\n"


Report = Callable[[Bench, Path], Part]


def overview(parts: Iterable[Part]) -> str:
    """How many goals of each part are met, and those that are not."""
    asking = [part for part in parts if part.goals]
    every = [goal for part in asking for goal in part.goals]
    rows = [(part.title, *tally(part.goals)) for part in asking]
    rows.append(("all", *tally(every)))
    text = table("part | goals | met | not met | of these beyond a bound", rows)
    rest = [goal for goal in every if goal.possible and not goal.met]
    return (
        f"{text}\n\nMissed, though no bound excludes them:\n\n{goal_table(rest)}" if rest else text
    )


def beyond(parts: Iterable[Part]) -> str:
    """The goals that a bound stands against."""
    goals = [goal for part in parts for goal in part.goals if not goal.possible]
    rows = [(*g.cells[:2], g.spelled(g.best), g.spelled(g.found), g.over) for g in goals]
    return table("asked | wanted | bound | found | found to bound", rows) if rows else ""


def met(goals: Sequence[Goal]) -> str:
    """How many goals are met; the table of the others."""
    rest = [goal for goal in goals if not goal.met]
    text = f"{len(goals) - len(rest)} of {len(goals)} goals are met."
    return f"{text}\n\n{goal_table(rest)}" if rest else text


def tally(goals: Sequence[Goal]) -> tuple[int, int, int, int]:
    """(all, met, not met, not possible)."""
    rest = [goal for goal in goals if not goal.met]
    return len(goals), len(goals) - len(rest), len(rest), sum(not g.possible for g in rest)


def goal_table(goals: Iterable[Goal]) -> str:
    return table("asked | wanted | found | met", (goal.cells for goal in goals))


def table(header: str, rows: Iterable[Sequence[object]]) -> str:
    """Markdown; the header's names are separated by ` | `."""
    names = header.split(" | ")
    lines = [f"| {header} |", "|" + "---|" * len(names)]
    for row in rows:
        assert len(row) == len(names), "a row of another length than the header"
        lines.append("| " + " | ".join(map(spelled, row)) + " |")
    return "\n".join(lines)


def spelled(value: object) -> str:
    """A cell; whole numbers in groups of three digits."""
    return f"{value:,}" if isinstance(value, int) else cell(value)


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
