"""One ONNX node, as its handler sees it: inputs, constants and attributes, checked on access."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto

from qcompile.errors import CompileError
from qcompile.qtype import Shape
from qcompile.read.elements import Element
from qcompile.read.tensors import to_array

if TYPE_CHECKING:
    from qcompile.read.builder import Builder, Value


@dataclass(frozen=True, eq=False)
class Site:
    """An ONNX node where the graph is being built."""

    node: onnx.NodeProto
    builder: Builder

    @property
    def op(self) -> str:
        name: str = self.node.op_type
        return name

    @property
    def origin(self) -> str:
        """What messages call the node."""
        return origin(self.node)

    @property
    def opset(self) -> int:
        return self.builder.opset

    @property
    def count(self) -> int:
        """How many inputs the node lists."""
        return len(self.node.input)

    def has(self, index: int) -> bool:
        return index < self.count and bool(self.node.input[index])

    def value(self, index: int) -> Value:
        """An input; raises CompileError where the node does not have it."""
        if not self.has(index):
            raise CompileError(f"{self.op} without its input number {index + 1}")
        return self.builder.values[self.node.input[index]]

    def term(self, index: int) -> str:
        """An input as a node of the graph."""
        return self.builder.node(self.value(index))

    def shape(self, index: int) -> Shape:
        return self.value(index).shape

    def element(self, index: int) -> Element:
        return self.value(index).element

    def constant(self, index: int, what: str) -> NDArray[Any]:
        """An input that must be known at compile time; `what` names it in the message."""
        found = self.builder.known(self.value(index))
        if found is None:
            raise CompileError(
                f"the {what} of {self.op} is computed at run time",
                help="only constants can be compiled there; fold or fix it when exporting",
            )
        return found

    def optional(self, index: int, what: str) -> NDArray[Any] | None:
        return self.constant(index, what) if self.has(index) else None

    def whole(self, index: int, what: str) -> list[int]:
        """A constant input that holds integers, flat."""
        array = np.asarray(self.constant(index, what)).reshape(-1)
        return [whole_number(v, f"{what} of {self.op}") for v in array.tolist()]

    # Attributes: absent ones give the default, those of another type are an error.

    def attribute(self, name: str) -> Any:
        """The Python value of an attribute, None where it is absent."""
        for attribute in self.node.attribute:
            if attribute.name == name:
                return plain(attribute)
        return None

    def integer(self, name: str, default: int) -> int:
        found = self.attribute(name)
        return default if found is None else whole_number(single(found, name), name)

    def flag(self, name: str, default: bool) -> bool:
        return self.integer(name, int(default)) != 0

    def integers(self, name: str) -> list[int] | None:
        found = self.attribute(name)
        if found is None:
            return None
        if not isinstance(found, list | np.ndarray):
            raise CompileError(f"the attribute {name} of {self.op} is not a list of integers")
        return [whole_number(v, name) for v in np.asarray(found).reshape(-1).tolist()]

    def number(self, name: str, default: float | Fraction) -> Fraction:
        """A real attribute, exactly as stored."""
        found = self.attribute(name)
        return exact_number(default if found is None else single(found, name), name)

    def text(self, name: str, default: str) -> str:
        found = self.attribute(name)
        if found is None:
            return default
        if not isinstance(found, str):
            raise CompileError(f"the attribute {name} of {self.op} is not a text")
        return found


def origin(node: onnx.NodeProto) -> str:
    """The node's name, or its op and first output where it has none."""
    if node.name:
        return str(node.name)
    return f"{node.op_type} {next((o for o in node.output if o), '')}".strip()


def plain(attribute: AttributeProto) -> Any:
    """An attribute as an int, float, str, array or list of those."""
    kind = attribute.type
    match kind:
        case AttributeProto.INT:
            return attribute.i
        case AttributeProto.FLOAT:
            return attribute.f
        case AttributeProto.STRING:
            return attribute.s.decode("utf-8", "replace")
        case AttributeProto.INTS:
            return list(attribute.ints)
        case AttributeProto.FLOATS:
            return list(attribute.floats)
        case AttributeProto.STRINGS:
            return [s.decode("utf-8", "replace") for s in attribute.strings]
        case AttributeProto.TENSOR:
            return to_array(attribute.t)[0]
        case _:
            raise CompileError(f"the attribute {attribute.name} is of a kind that is not supported")


def single(value: Any, name: str) -> Any:
    """A number; some writers store it as a tensor or list of one element."""
    if isinstance(value, list | np.ndarray):
        flat = np.asarray(value).reshape(-1).tolist()
        if len(flat) != 1:
            raise CompileError(f"the attribute {name} has {len(flat)} elements instead of one")
        return flat[0]
    return value


def whole_number(value: Any, name: str) -> int:
    """`value` as an int; raises CompileError where it is none."""
    if isinstance(value, int | float) and np.isfinite(value) and value == int(value):
        return int(value)
    raise CompileError(f"{name} is {value!r} and should be an integer")


def exact_number(value: Any, name: str) -> Fraction:
    """`value` as the rational that it is."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int | float) and np.isfinite(value):
        return Fraction(value)
    raise CompileError(f"{name} is {value!r} and should be a finite number")
