"""A model as it was read: the graph of reals, and what ONNX says around it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from qcompile.graph import Graph
from qcompile.qtype import Shape


class Dialect(Enum):
    """How a model writes its quantization."""

    QONNX = "QONNX"
    QDQ = "QDQ"
    QOPERATOR = "QOperator"
    INTEGER = "integer"
    FINN = "FINN"


class Semantics(Enum):
    """What the numbers of a graph mean."""

    EXACT = "exact"  # every quantizer rounds the exact real value
    ORT = "ort"  # integer operators as onnxruntime's kernels compute them


@dataclass(frozen=True)
class Output:
    """An output of the ONNX graph."""

    name: str
    node: str  # in the graph of reals
    dtype: np.dtype[Any]  # as ONNX declares it
    shape: Shape


@dataclass(frozen=True)
class Source:
    """A model as read. Its inputs are the `Input` nodes of `graph`, by their ONNX names."""

    name: str
    sha256: str
    dialect: Dialect
    semantics: Semantics
    graph: Graph
    outputs: tuple[Output, ...]
    tensors: dict[str, str]  # ONNX tensor name -> node of the graph, for all that have one
    notes: tuple[str, ...] = ()  # what was assumed, for the report
