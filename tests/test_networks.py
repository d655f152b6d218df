"""Random networks through everything: emitted code on all levels of verification."""

from __future__ import annotations

from pathlib import Path

import pytest

import qcompile
from random_networks import Maker
from random_qdq import QdqMaker


@pytest.mark.parametrize("seed", range(100, 112))
def test_c_of_random_networks(seed: int, tmp_path: Path) -> None:
    """A mismatch on any level raises; what ran is counted."""
    maker = QdqMaker(seed) if seed % 2 else Maker(seed)
    path = maker.save(tmp_path / "network.onnx")
    build = qcompile.compile(path, target="rv32imc", output=tmp_path / "out")
    level = build.report["verify"]["levels"]["host"]
    assert level["ran"]
    assert level["mismatches"] == 0
    assert level["vectors"] >= 100


@pytest.mark.parametrize("seed", [200, 201, 202])
def test_hls_of_random_networks(seed: int, tmp_path: Path) -> None:
    maker = QdqMaker(seed) if seed % 2 else Maker(seed)
    path = maker.save(tmp_path / "network.onnx")
    build = qcompile.compile(path, target="pynq-z2", output=tmp_path / "out")
    level = build.report["verify"]["levels"]["csim"]
    assert level["ran"]
    assert level["mismatches"] == 0
