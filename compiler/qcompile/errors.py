"""The one exception that a user can mend: what is wrong, where, and what to do."""

from __future__ import annotations


class CompileError(Exception):
    """A problem in the user's model, options or files. Everything else raised is our bug."""

    def __init__(self, what: str, *, at: str = "", help: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.place = at
        self.help = help

    def at(self, place: str) -> CompileError:
        """The same error with its place, unless it has one already."""
        return self if self.place else CompileError(self.what, at=place, help=self.help)

    def __str__(self) -> str:
        """Three lines: error, at, help; names are shown with their control characters escaped."""
        place = self.place or "the command line"
        lines = [
            f"error: {self.what}",
            f"   at: {place}",
            f" help: {self.help or 'see the README'}",
        ]
        return "\n".join(printable(line) for line in lines)


class CompileErrors(CompileError):
    """Several problems of one model, reported together."""

    def __init__(self, errors: list[CompileError]) -> None:
        first = errors[0]
        super().__init__(first.what, at=first.place, help=first.help)
        self.errors = tuple(errors)

    @classmethod
    def check(cls, errors: list[CompileError]) -> None:
        """Raises them all, if there are any; reports inside reports are laid flat."""
        if errors:
            raise cls([e for error in errors for e in getattr(error, "errors", (error,))])

    def at(self, place: str) -> CompileError:
        """Each problem has its own place already."""
        return self

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def printable(text: str) -> str:
    """`text` on one line, control characters escaped, so that a hostile name stays visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
