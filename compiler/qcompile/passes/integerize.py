"""The last real number leaves the graph: exact integer ops, and functions between them.

Every tensor is either given up to the float tail, or is an expression over integer tensors
(`Value`). Sums of products need their operands as codes; then what lies between two integer
tensors is one function of an integer, and gets its form in `requantize`.
"""

from __future__ import annotations

from fractions import Fraction

from qcompile import ops
from qcompile import semantics as real
from qcompile.errors import CompileError, CompileErrors
from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel, Port
from qcompile.passes import lower_elementwise, lower_linear, lower_movement, lower_pooling
from qcompile.passes.expression import Base, Fixed, Raw, leaves
from qcompile.passes.lowering import Lowering
from qcompile.passes.value import Value, identity
from qcompile.qtype import QType
from qcompile.semantics.units import whole
from qcompile.source import Source


def integerize(source: Source) -> IntegerModel:
    """The integer graph of a model whose constants are folded.

    Raises CompileError or CompileErrors naming each node that has no integer meaning.
    """
    low = Lowering(source.graph)
    errors: list[CompileError] = []
    for node in source.graph:
        try:
            low.values[node.name] = lower(low, node)
        except CompileError as error:
            errors.append(error.at(node.origin))
            low.values[node.name] = None
            low.broken.add(node.name)
    if errors:
        raise errors[0] if len(errors) == 1 else CompileErrors(errors)
    outputs = ports_out(low, source)
    low.graph.outputs = tuple(dict.fromkeys(p.node for p in outputs))
    inputs = ports_in(low, source)
    links = {name: link for name, link in low.links.items() if name in low.graph}
    return IntegerModel(source.name, low.graph, inputs, outputs, tuple(low.proofs), links)


def lower(low: Lowering, node: Node) -> Value | None:
    """What a node becomes; None where it is left to the float tail."""
    op = node.op
    if any(i in low.broken for i in node.inputs):
        low.broken.add(node.name)
        return None
    if isinstance(op, real.Input):
        return lower_input(low, node, op)
    if isinstance(op, real.Constant | real.Known):
        return Value(Fixed(op.run()), node.type.shape, identity(len(node.type.shape)))
    if low.values.get(node.name) is not None:
        return low.values[node.name]  # lowered together with what it reads
    if any(low.values[i] is None for i in node.inputs):
        check_tail(node)
        return None
    return lower_by_kind(low, node)


def lower_by_kind(low: Lowering, node: Node) -> Value | None:
    """What a node becomes whose operands all have a value."""
    op = node.op
    match op:
        case real.Elementwise():
            return lower_elementwise.lower(low, node, op)
        case real.Conv():
            return lower_linear.lower_conv(low, node, op)
        case real.MatMul():
            return lower_linear.lower_matmul(low, node)
        case real.MaxPool() | real.AveragePool() | real.ReduceSum() | real.OrtWindowSum():
            return lower_pooling.lower(low, node, op)
        case real.ArgMax():
            return lower_pooling.lower_arg_max(low, node, op)
        case real.Transpose() | real.Reshape() | real.Gather() | real.Pad() | real.Concat():
            return lower_movement.lower(low, node, op)
    return None


def check_tail(node: Node) -> None:
    """Sums of products cannot be in the float tail; raises CompileError for them."""
    if isinstance(node.op, real.Conv | real.MatMul):
        raise CompileError(
            f"{node.op.title} reads a value that has no integer form (such as a Softmax)",
            help="put a quantizer before it, or end the graph there",
        )


def lower_input(low: Lowering, node: Node, op: real.Input) -> Value:
    shape, rank = node.type.shape, len(node.type.shape)
    if op.grid is None:
        return Value(Raw(node.name, shape), shape, identity(rank))
    grid = op.grid
    kind = QType.of(shape, grid.low, grid.high)
    name = low.add(node.name, ops.Input(kind), origin=node.name)
    unit = whole(grid.unit, rank)
    offset = whole(-grid.unit * grid.zero_point, rank)
    base = low.base(name, node.name, unit, offset, identity(rank))
    return Value(base, shape, identity(rank))


def ports_in(low: Lowering, source: Source) -> tuple[Port, ...]:
    """One port for each input of the graph as read, in its order."""
    found = []
    for node in source.graph:
        if not isinstance(node.op, real.Input):
            continue
        bound = low.raw.get(node.name) or low.inputs.get(node.name)
        if bound is None:
            kind = QType.of(node.type.shape, 0, 0)
            name = low.add(node.name, ops.Input(kind), origin=node.name)
            rank = len(node.type.shape)
            bound = low.base(
                name, node.name, whole(Fraction(1), rank), whole(Fraction(0), rank), identity(rank)
            )
        found.append(low.port(node.name, bound))
    return tuple(found)


def ports_out(low: Lowering, source: Source) -> tuple[Port, ...]:
    """The last integer tensors: of each output, or of what its float tail reads."""
    found: dict[str, Port] = {}
    for output in source.outputs:
        bases = frontier(low, source.graph, output.node)
        for i, base in enumerate(bases):
            name = output.name if len(bases) == 1 else f"{output.name}_{i}"
            if base.node not in {p.node for p in found.values()} or len(bases) == 1:
                found.setdefault(name, low.port(name, base))
    return tuple(found.values())


def frontier(low: Lowering, graph: Graph, name: str) -> list[Base]:
    """The integer tensors behind a node: its own codes, or those that its float tail needs."""
    value = low.values[name]
    if value is None:
        found: dict[str, Base] = {}
        for source in dict.fromkeys(graph[name].inputs):
            if not constant_value(low, source):
                for base in frontier(low, graph, source):
                    found.setdefault(base.node, base)
        return list(found.values())
    codes = low.codes_or_none(value, name)
    if codes is not None:
        return [codes]
    inner = [leaf for leaf in leaves(value.expr) if isinstance(leaf, Base)]
    if not inner:
        raise CompileError(
            "an output depends on an input that no quantizer reads",
            at=name,
            help="declare the input's grid, e.g. --input NAME=uint8",
        )
    return inner


def constant_value(low: Lowering, name: str) -> bool:
    value = low.values[name]
    return value is not None and value.is_constant
