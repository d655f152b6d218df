"""Where templates/, targets/ and verilator/ are: inside the package, or beside compiler/."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The folder `name` that ships with the package, installed or in a checkout."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parents[1] / name
