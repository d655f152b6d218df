"""How a file writes its quantization, and whether it does at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import onnx

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Graph, Node
from qcompile.read.elements import ELEMENTS
from qcompile.read.tensors import to_array
from qcompile.semantics.number import Grid, constant
from qcompile.source import Dialect

QUANTIZE = (
    "quantize it first: onnxruntime.quantization.quantize_static(MODEL, ...), or train it "
    "quantized with Brevitas, QKeras or HGQ and export QONNX"
)
WRITERS: tuple[tuple[Dialect, frozenset[str]], ...] = (
    (
        Dialect.QOPERATOR,
        frozenset({"QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearMul"}),
    ),
    (Dialect.QONNX, frozenset({"Quant", "IntQuant", "BipolarQuant", "Trunc", "FloatQuant"})),
    (Dialect.FINN, frozenset({"MultiThreshold"})),
    (Dialect.QDQ, frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})),
    (
        Dialect.INTEGER,
        frozenset(
            {"RequantShift", "Floor", "Round", "Ceil", "ConvInteger", "MatMulInteger"}
            | {"IntegerDiv", "TrueIntegerDiv", "IntegerMean", "ITAMax", "iSoftmax", "iGELU"}
            | {"iLayerNorm", "iRMSNorm", "iHardswish"}
        ),
    ),
)
SMOOTH = frozenset({"Softmax", "Sigmoid", "Tanh", "Exp", "Erf", "Gelu", "Sqrt"})
GRID_BITS = 16  # stored weights on a common grid of so many bits are quantized already


def dialect_of(nodes: list[onnx.NodeProto], graph: onnx.GraphProto, place: str) -> Dialect:
    """By the first family of nodes that the file has; raises CompileError for float models."""
    ops = {node.op_type for node in nodes}
    for dialect, writers in WRITERS:
        if ops & writers or (dialect is Dialect.QOPERATOR and any("QLinear" in o for o in ops)):
            return dialect
    try:
        weights = list(_float_weights(nodes, graph))
    except CompileError as error:
        raise error.at(place) from None
    typed = any(
        (e := ELEMENTS.get(v.type.tensor_type.elem_type)) is not None and e.integer
        for v in graph.input
    )
    whole = all(np.all(w == np.rint(w)) for w in weights)
    if (weights and whole) or (not weights and (typed or not ops & SMOOTH)):
        return Dialect.INTEGER
    raise CompileError(
        "the model computes in floating point: nothing in it is quantized",
        at=place,
        help=QUANTIZE,
    )


def _float_weights(
    nodes: list[onnx.NodeProto], graph: onnx.GraphProto
) -> Iterable[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Stored real tensors of at least two axes that are longer than 1."""
    tensors = list(graph.initializer)
    tensors += [a.t for n in nodes if n.op_type == "Constant" for a in n.attribute if a.type == 4]
    used = {name for node in nodes for name in node.input} | {v.name for v in graph.output}
    for tensor in tensors:
        element = ELEMENTS.get(tensor.data_type)
        matrix = sum(d > 1 for d in tensor.dims) >= 2
        if element is not None and not element.integer and matrix:
            if tensor.name and tensor.name not in used:
                continue
            yield to_array(tensor)[0].astype(np.float64)


def check_weights(graph: Graph, constant_node: Callable[[str], bool]) -> list[CompileError]:
    """An error for each Conv or MatMul whose constant operand was never quantized."""
    errors = []
    for node in graph:
        if not isinstance(node.op, real.Conv | real.MatMul):
            continue
        for source in graph.sources(node):
            if constant_node(source.name) and not _quantized(graph, source):
                errors.append(
                    CompileError(
                        f"the weights {source.name} are floating-point numbers",
                        at=node.origin,
                        help="quantize the weights as well as the activations",
                    )
                )
    return errors


def _quantized(graph: Graph, node: Node) -> bool:
    """Whether a constant tensor comes from a quantizer, or is stored on a coarse grid."""
    while True:
        match node.op:
            case real.Constant():
                return _on_grid(node.op)
            case real.Round() | real.Bipolar() | real.MultiThreshold() | real.Wrap():
                return True
            case real.Movement() | real.Pad() | real.Concat() | real.Elementwise():
                if not node.inputs:
                    return False
                node = max(graph.sources(node), key=lambda n: int(np.prod(n.type.shape)))
            case _:
                return False


def _on_grid(op: real.Constant) -> bool:
    if op.value.dtype.kind != "f":
        return True
    if sum(s > 1 for s in op.value.shape) <= 1:  # a vector's elements may each have a unit
        values = op.value.astype(np.float64).reshape(-1, 1)
        values = np.concatenate([values, values], axis=1)
        found = constant(values) if values.shape[0] > 1 else None
    else:
        found = constant(op.value)
    return found is None or (isinstance(found, Grid) and found.magnitude() < 2.0**GRID_BITS)
