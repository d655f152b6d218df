"""From sorted ONNX nodes to the graph of reals, node by node, all errors collected."""

from __future__ import annotations

from math import prod

import numpy as np
import onnx

from qcompile.errors import CompileError, CompileErrors
from qcompile.read.builder import Builder, Made, Result, Value
from qcompile.read.elements import INT64, REAL, container
from qcompile.read.fold import FOLDED, folded
from qcompile.read.site import Site, origin
from qcompile.read.table import ATTENTION, STANDARD_DOMAINS, handler_of
from qcompile.read.tensors import to_array
from qcompile.source import Output


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own ops; 13 where the file only imports others."""
    found = [o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS]
    return max(found, default=13)


def all_names(graph: onnx.GraphProto) -> frozenset[str]:
    """Every ONNX tensor: names that helpers must leave to them."""
    names = {t.name for t in graph.initializer} | {v.name for v in graph.input}
    return frozenset(names | {o for node in graph.node for o in node.output})


def used_names(nodes: list[onnx.NodeProto], graph: onnx.GraphProto) -> frozenset[str]:
    """The ONNX tensors that something needs."""
    return frozenset({i for node in nodes for i in node.input} | {v.name for v in graph.output})


def unsupported(nodes: list[onnx.NodeProto]) -> list[CompileError]:
    """An error for each node that nothing here reads."""
    errors = []
    for node in nodes:
        standard = node.domain in STANDARD_DOMAINS
        if handler_of(node.domain, node.op_type) or (standard and node.op_type in FOLDED):
            continue
        name = node.op_type if standard else f"{node.domain}.{node.op_type}"
        help = "cut the graph before it, or write it with the supported operators (see README)"
        if node.op_type in ATTENTION:
            help = "transformers are not supported yet; cut the graph before it"
        errors.append(CompileError(f"{name} is not supported", at=origin(node), help=help))
    return errors


def add_nodes(
    builder: Builder, nodes: list[onnx.NodeProto], graph: onnx.GraphProto
) -> list[CompileError]:
    """Handle each node; those that depend on a failed one are passed over in silence."""
    stored = {t.name: t for t in graph.initializer}
    errors: list[CompileError] = []
    failed: set[str] = set()
    for node in nodes:
        site = Site(node, builder)
        try:
            for name in node.input:
                if name in stored and name not in builder.values and name not in failed:
                    _store(builder, stored[name], failed)
            if not failed.intersection(node.input):
                _define(site, _handled(site))
                continue
        except CompileError as error:
            errors.append(error.at(site.origin))
        failed.update(node.output)
    return errors


def _store(builder: Builder, tensor: onnx.TensorProto, failed: set[str]) -> None:
    """An initializer becomes a value when the first node reads it."""
    try:
        array, element = to_array(tensor)
    except CompileError as error:
        failed.add(tensor.name)
        raise error.at(tensor.name) from None
    builder.values[tensor.name] = Value(tensor.name, element, array.shape, array=array)


def _handled(site: Site) -> Result:
    if site.op == "Constant":
        return _constant(site)
    standard = site.node.domain in STANDARD_DOMAINS
    found = folded(site) if standard and site.op in FOLDED else None
    if found is not None:
        return found
    handler = handler_of(site.node.domain, site.op)
    if handler is None:
        raise CompileError(
            f"{site.op} of values that depend on the input",
            help="only constants can be compiled there; fold or fix it when exporting",
        )
    return handler(site)


def _constant(site: Site) -> Made:
    """The attribute that holds the value; lists and numbers have types of their own."""
    for attribute in site.node.attribute:
        match attribute.name:
            case "value":
                return Made(*to_array(attribute.t))
            case "value_int":
                return Made(np.array(attribute.i, np.int64), INT64)
            case "value_ints":
                return Made(np.array(attribute.ints, np.int64), INT64)
            case "value_float":
                return Made(np.array(attribute.f, np.float32), REAL)
            case "value_floats":
                return Made(np.array(attribute.floats, np.float32), REAL)
    raise CompileError("a Constant that holds no number", help="only numbers can be compiled")


def _define(site: Site, result: Result) -> None:
    """Give the node's outputs their values; one that is used and not made is an error."""
    results = [result] if isinstance(result, Made) else result
    for i, name in enumerate(site.node.output):
        made = results[i] if i < len(results) else None
        if made is not None and name:
            site.builder.define(name, made, site.origin)
        elif name and site.builder.used(name):
            raise CompileError(f"output number {i + 1} of {site.op} is not supported")


def add_outputs(builder: Builder, graph: onnx.GraphProto) -> tuple[Output, ...]:
    """The graph's outputs, with the types that ONNX declares."""
    outputs = []
    for info in graph.output:
        if info.name not in builder.values:
            tensor = next(t for t in graph.initializer if t.name == info.name)
            _store(builder, tensor, set())
        value = builder.values[info.name]
        node = builder.node(value)
        shape = builder.graph[node].type.shape
        if not prod(shape):
            raise CompileError("an output without elements", at=info.name)
        dtype = container(info.type.tensor_type.elem_type or onnx.TensorProto.FLOAT)
        outputs.append(Output(info.name, node, dtype, shape))
    builder.graph.outputs = tuple(o.node for o in outputs)
    if len({o.name for o in outputs}) != len(outputs):
        raise CompileErrors([CompileError("an output is listed twice", at=graph.name or "outputs")])
    return tuple(outputs)
