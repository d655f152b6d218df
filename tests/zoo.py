"""The folder of real models beside the checkout, and how tests run a model that was read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcompile import semantics as real
from qcompile.source import Source

Array = Any
MODELS = Path(os.environ.get("QCOMPILE_MODELS", Path(__file__).parents[2] / "shared" / "models"))

needs_models = pytest.mark.skipif(
    not (MODELS / "INDEX.md").exists(),
    reason=f"no folder of models at {MODELS} (QCOMPILE_MODELS names another)",
)


def evaluated(
    source: Source, arrays: list[Array], keep: set[str] | None = None
) -> dict[str, Array]:
    """Float64 values of the outputs, and of the ONNX tensors in `keep`, by ONNX name."""
    feeds = {}
    inputs = [node for node in source.graph if isinstance(node.op, real.Input)]
    for node, array in zip(inputs, arrays, strict=True):
        assert isinstance(node.op, real.Input)
        feeds[node.name] = real.samples(np.reshape(array, (-1, *node.op.declared)))
    names = {name: source.tensors[name] for name in keep or ()}
    names |= {o.name: o.node for o in source.outputs}
    wanted = set(names.values())
    values = real.evaluate(source.graph, feeds, wanted.__contains__)
    return {name: values[node].bounded().value for name, node in names.items()}
