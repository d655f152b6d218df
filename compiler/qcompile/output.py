"""Writing: whole folders and files move into place, or nothing does.

A compile fills a temporary folder beside its destination and renames it at the end, so an
interrupted run leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError

REPORT = "report.json"  # what marks a folder as ours; it lists what we wrote
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of every member of a zip: the same input, the same bytes


def manifest(files: Mapping[str, str | bytes]) -> dict[str, str]:
    """The SHA-256 of each file by its path, for the report."""
    return {path: hashlib.sha256(as_bytes(files[path])).hexdigest() for path in sorted(files)}


def check_destination(destination: Path) -> None:
    """Raises CompileError where `write_tree` would: call it before the long work."""
    if destination.exists() and not destination.is_dir():
        raise _refused(destination, "a file is in the way")
    if destination.is_dir() and any(destination.iterdir()) and written(destination) is None:
        raise _refused(destination, "the folder is not empty, and qcompile did not write it")
    parent = nearest_parent(destination)
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise _refused(destination, "the folder above it cannot be written")


def write_tree(destination: Path, files: Mapping[str, str | bytes]) -> None:
    """Make `destination` hold `files` (relative path -> content), all at once.

    An earlier output of ours is replaced; files that someone else put there stay. Raises
    CompileError for a folder that is not ours, or that the system does not let us write.
    """
    check_destination(destination)
    with disk_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.mkdtemp(prefix=f".{destination.name}-", dir=destination.parent)
        try:
            for path in sorted(files):
                place = Path(made) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(as_bytes(files[path]))
            keep_foreign(destination, Path(made))
            os.chmod(made, 0o755)
            replace_folder(Path(made), destination)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files into a folder that others use too, over what had their names."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(files):
            with replacing(folder / path) as file:
                file.write(as_bytes(files[path]))


def keep_foreign(old: Path, new: Path) -> None:
    """Copy what we did not write from an earlier output of ours."""
    ours = written(old) or ()
    for place in sorted(old.rglob("*")) if old.is_dir() else ():
        path = place.relative_to(old)
        if place.is_dir() or path.as_posix() in ours or (new / path).exists():
            continue
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(place, new / path, follow_symlinks=False)


def replace_folder(new: Path, destination: Path) -> None:
    """Rename `new` to `destination`; what was there before comes back if that fails."""
    if not destination.exists():
        new.rename(destination)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{destination.name}-old-", dir=destination.parent))
    destination.rename(old / "kept")
    try:
        new.rename(destination)
    except OSError:
        (old / "kept").rename(destination)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def written(folder: Path) -> tuple[str, ...] | None:
    """The paths that an earlier run wrote into a folder, or None if it is not ours."""
    try:
        report = json.loads((folder / REPORT).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(report, dict) or "qcompile" not in report:
        return None
    files = report.get("files")
    return (REPORT, *files) if isinstance(files, dict) else (REPORT,)


def write_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an `.npz` file, all at once; the same arrays give the same bytes."""
    path = Path(path)
    with disk_errors(path), replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            with archive.open(member, "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that gets its name when everything is in it."""
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(made, 0o644)
        Path(made).replace(path)
    finally:
        Path(made).unlink(missing_ok=True)


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Turns what the file system says into a CompileError."""
    try:
        yield
    except OSError as error:
        raise CompileError(
            f"cannot write: {error.strerror}", at=str(place), help="check the path and the disk"
        ) from error


def as_bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def nearest_parent(path: Path) -> Path:
    """The first folder above `path` that exists."""
    return next(p for p in path.absolute().parents if p.exists())


def _refused(place: Path, why: str) -> CompileError:
    return CompileError(why, at=str(place), help="give another folder with -o, or empty this one")
