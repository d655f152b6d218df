"""Progress: a line on a terminal, nothing in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.status import Status


class Progress(Protocol):
    """Where long work says how far it is."""

    def step(self, what: str) -> None:
        """A new stage begins."""

    def advance(self, done: int, total: int) -> None:
        """So many of so many parts of the stage are done."""


class Quiet:
    """Says nothing: pipes, tests, the Python API."""

    def step(self, what: str) -> None:
        pass

    def advance(self, done: int, total: int) -> None:
        pass


QUIET = Quiet()


class Bar:
    """A spinner with the stage and its percentage, on standard error."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._what = ""

    def step(self, what: str) -> None:
        self._what = what
        self._status.update(what)

    def advance(self, done: int, total: int) -> None:
        self._status.update(f"{self._what} {100 * done // total} %")


@contextmanager
def shown() -> Iterator[Progress]:
    """A `Bar` while standard error is a terminal, else `Quiet`."""
    from rich.console import Console

    console = Console(stderr=True)  # respects NO_COLOR
    if not console.is_terminal:
        yield QUIET
        return
    with console.status("reading") as status:
        yield Bar(status)
