"""Inputs of the graph: their shapes, and the grids of what arrives at them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import onnx

from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.graph import Graph, Node, copy_node
from qcompile.qtype import Shape
from qcompile.read.builder import Builder, Value
from qcompile.read.elements import Element, container, element_of
from qcompile.semantics import InputGrid
from qcompile.source import Dialect

KINDS = "uint8, int8, uintN, intN, fixed<W,I> or ufixed<W,I>, then ,scale=...,zero_point=..."
WIDTH = r"(?:(\d{1,3})|<\s*(\d{1,3})\s*,\s*(-?\d{1,3})\s*>)"
PATTERN = re.compile(rf"(u?)(int|fixed){WIDTH}\s*((?:,.*)?)")


def add_inputs(builder: Builder, graph: onnx.GraphProto) -> list[CompileError]:
    """A node for each input that is not an initializer; integer ones hold what their type does."""
    stored = {t.name for t in graph.initializer}
    errors = []
    for info in graph.input:
        if info.name in stored:
            continue
        try:
            _add(builder, info)
        except CompileError as error:
            errors.append(error.at(info.name))
    return errors


def _add(builder: Builder, info: onnx.ValueInfoProto) -> None:
    if info.type.WhichOneof("value") != "tensor_type":
        raise CompileError("an input that is no tensor")
    kind = info.type.tensor_type
    element = element_of(kind.elem_type)
    if element.boolean:
        raise CompileError("a boolean input", help="only numbers can be compiled")
    shape, batched = declared_shape(info)
    grid = None
    if element.integer:
        grid = InputGrid(Fraction(1), Fraction(0), element.low, element.high)
    op = real.Input(shape, container(kind.elem_type), grid, batched)
    builder.add(info.name, op, origin=info.name)
    builder.values[info.name] = Value(info.name, element, shape, node=info.name)


def declared_shape(info: onnx.ValueInfoProto) -> tuple[Shape, bool]:
    """The shape with a batch of 1, and whether the first axis is one."""
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        raise CompileError("an input without a shape", help="declare its shape when exporting")
    shape, batched = [], False
    for axis, dim in enumerate(kind.shape.dim):
        size = dim.dim_value if dim.WhichOneof("value") == "dim_value" else 0
        if size <= 0 and axis:
            name = dim.dim_param or "?"
            raise CompileError(
                f"axis {axis} of the input has no fixed length ({name})",
                help="fix it: python -m onnxruntime.tools.make_dynamic_shape_fixed "
                f"--input_name {info.name} --input_shape 1,... model.onnx fixed.onnx",
            )
        batched |= axis == 0 and size <= 1
        shape.append(max(size, 1))
    return tuple(shape), batched


def parse_grid(text: str, name: str) -> InputGrid:
    """`uint8`, `int4`, `fixed<16,6>`, `uint8,scale=1/255,zero_point=3`; fixed<W,I> as in HLS."""
    match = PATTERN.fullmatch(text.strip().lower())
    if match is None:
        raise CompileError(f"the input type {text!r}", at=name, help=f"write {KINDS}")
    unsigned, family, width, total, whole, rest = match.groups()
    if (family == "int") != (width is not None):
        raise CompileError(f"the input type {text!r}", at=name, help=f"write {KINDS}")
    bits = int(width or total)
    if not 1 <= bits <= 32:
        raise CompileError(f"an input of {bits} bits", at=name, help="1 to 32 bits are supported")
    unit = Fraction(1) if width else Fraction(2) ** (int(whole) - bits)
    zero_point = Fraction(0)
    for part in filter(None, (p.strip() for p in rest.split(","))):
        key, _, value = part.partition("=")
        number = _number(value.strip(), name)
        if key.strip() == "scale" and number > 0:
            unit *= number
        elif key.strip() == "zero_point":
            zero_point = number
        else:
            raise CompileError(f"{part!r} in the input type", at=name, help=f"write {KINDS}")
    element = Element(bits, signed=not unsigned)
    return InputGrid(unit, zero_point, element.low, element.high)


def _number(text: str, name: str) -> Fraction:
    """A decimal or a quotient, of a sensible size."""
    try:
        if len(text) > 64 or re.search(r"[eE][+-]?\d{3,}", text):
            raise ValueError
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise CompileError(f"{text!r} is no number", at=name, help=f"write {KINDS}") from None


@dataclass(frozen=True)
class Grids:
    """Inputs with their grids, what was assumed about them, and what is wrong with them."""

    ops: dict[str, real.Input]
    notes: tuple[str, ...]
    errors: tuple[CompileError, ...]


def grids(graph: Graph, dialect: Dialect, given: Mapping[str, str | InputGrid]) -> Grids:
    """The grid of every input, as far as it needs one."""
    inputs = {node.name: node for node in graph if isinstance(node.op, real.Input)}
    known = ", ".join(inputs) or "none"
    errors = [
        CompileError(f"the model has no input {name}", at=name, help=f"its inputs are: {known}")
        for name in given
        if name not in inputs
    ]
    notes: list[str] = []
    ops: dict[str, real.Input] = {}
    for name, node in inputs.items():
        try:
            ops[name], note = _settled(graph, node, dialect, given.get(name))
        except CompileError as error:
            errors.append(error.at(name))
            continue
        notes += [note] if note else []
    return Grids(ops, tuple(notes), tuple(errors))


def with_grids(graph: Graph, ops: dict[str, real.Input]) -> Graph:
    """The graph with other Input ops."""

    def rule(new: Graph, node: Node, sources: tuple[str, ...]) -> str:
        if node.name in ops:
            return new.add(node.name, ops[node.name], origin=node.origin)
        return copy_node(new, node, sources)

    return graph.rebuild(rule)


def _settled(
    graph: Graph, node: Node, dialect: Dialect, wish: str | InputGrid | None
) -> tuple[real.Input, str]:
    op = node.op
    assert isinstance(op, real.Input)
    if wish is not None:
        grid = wish if isinstance(wish, InputGrid) else parse_grid(wish, node.name)
        _check_fits(op, grid)
        return real.Input(op.declared, op.dtype, grid, op.batched), ""
    wide = op.grid is not None and op.grid.high - op.grid.low >= 1 << 16
    if not (wide and dialect is Dialect.INTEGER) and (
        op.grid is not None or quantizers_read(graph, node, dialect)
    ):
        return op, ""
    if dialect is not Dialect.INTEGER:
        raise CompileError(
            f"no quantizer reads the input {node.name}",
            at=node.name,
            help=f"say what arrives there: --input {node.name}=uint8 (or {KINDS})",
        )
    grid = InputGrid(Fraction(1), Fraction(0), 0, 255, assumed=True)
    note = f"input {node.name}: unsigned 8 bits assumed (--input {node.name}=int8 says otherwise)"
    return real.Input(op.declared, op.dtype, grid, op.batched), note


def _check_fits(op: real.Input, grid: InputGrid) -> None:
    if grid.unit <= 0 or grid.low > grid.high:
        raise CompileError("an input grid without elements", help=f"write {KINDS}")
    if op.grid is None:
        return
    plain = grid.unit == 1 and grid.zero_point == 0
    if not plain or grid.low < op.grid.low or grid.high > op.grid.high:
        raise CompileError(
            f"the model declares the input as {op.dtype}, and the given type does not fit in",
            help="give a narrower integer type, without scale and zero point",
        )


def quantizers_read(graph: Graph, node: Node, dialect: Dialect) -> bool:
    """Whether all that reads a tensor, past constants and moved elements, rounds it."""
    if node.name in graph.outputs:
        return False
    return all(_rounds(graph, node, user, dialect) for user in graph.users(node))


def _rounds(graph: Graph, source: Node, user: Node, dialect: Dialect) -> bool:
    match user.op:
        case real.Bipolar() | real.MultiThreshold():
            return True
        case real.Round(mode=mode):
            # In integer dialects Floor is arithmetic on integers, not what makes them.
            return dialect is not Dialect.INTEGER or mode is real.Rounding.HALF_EVEN
        case real.Movement() | real.Pad():
            return quantizers_read(graph, user, dialect)
        case real.Elementwise():
            others = (n for n in graph.sources(user) if n.name != source.name)
            return _all_constant(graph, others) and quantizers_read(graph, user, dialect)
        case _:
            return False


def _all_constant(graph: Graph, nodes: Iterable[Node]) -> bool:
    """Whether no input of the graph lies behind any of the nodes."""
    pending, seen = list(nodes), set()
    while pending:
        node = pending.pop()
        if isinstance(node.op, real.Input):
            return False
        if node.name not in seen:
            seen.add(node.name)
            pending += graph.sources(node)
    return True
