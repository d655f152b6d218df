"""Writing: all or nothing, and nobody else's files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from qcompile import output
from qcompile.errors import CompileError

FILES = {"a.c": "int a;\n", "lib/b.h": "int b;\n", "report.json": '{"qcompile": "0"}\n'}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def ours(files: dict[str, str]) -> dict[str, str]:
    return files | {"report.json": json.dumps({"qcompile": "0", "files": output.manifest(files)})}


def test_a_new_folder_and_the_ones_above_it(tmp_path: Path) -> None:
    output.write_tree(tmp_path / "x" / "out", FILES)
    assert tree(tmp_path / "x" / "out") == {k: v.encode() for k, v in FILES.items()}
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    output.write_tree(tmp_path / "out", FILES)
    assert len(tree(tmp_path / "out")) == 3


def test_ours_is_replaced_and_what_others_added_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    output.write_tree(out, ours({"old.c": "1", "same.c": "1"}))
    (out / "notes.txt").write_text("mine")
    (out / "build").mkdir()
    (out / "build" / "x.o").write_text("object")
    output.write_tree(out, ours({"new.c": "2", "same.c": "2"}))
    found = tree(out)
    assert set(found) == {"new.c", "same.c", "report.json", "notes.txt", "build/x.o"}
    assert found["same.c"] == b"2"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json"])
def test_a_foreign_folder_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "report.json").write_text(text)
    before = tree(tmp_path)
    with pytest.raises(CompileError, match="qcompile did not write it"):
        output.write_tree(tmp_path, FILES)
    assert tree(tmp_path) == before


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(CompileError, match="a file is in the way"):
        output.write_tree(tmp_path / "out", FILES)


def test_a_failed_write_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    output.write_tree(out, ours({"a.c": "1"}))
    before = tree(out)
    rename = Path.rename

    def fails_at_last(self: Path, target: Path) -> Path:
        if Path(target) == out and (self / "b.c").exists():
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_at_last)
    with pytest.raises(CompileError, match="No space left on device"):
        output.write_tree(out, ours({"b.c": "2"}))
    assert tree(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_arrays_have_the_same_bytes_each_time_and_any_name(tmp_path: Path) -> None:
    arrays = {
        "/conv/out:0": np.arange(6).reshape(2, 3),
        "file": np.float64([1.5]),
        "é": np.int8([]),
    }
    for name in ("a.npz", "b.npz"):
        output.write_arrays(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as found:
        assert {n: (a.dtype, a.tolist()) for n, a in found.items()} == {
            n: (a.dtype, a.tolist()) for n, a in arrays.items()
        }


def test_arrays_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="No such file or directory"):
        output.write_arrays(tmp_path / "no" / "a.npz", {"x": np.zeros(1)})
