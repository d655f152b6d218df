"""Builder: an ONNX graph under construction, whatever its nodes mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from qcompile.errors import CompileError
from qcompile.export.quantizer import Shape, numbers

Attribute = int | float | str | Sequence[int] | Sequence[float]

OPSET = 17
IR_VERSION = 8  # the one that came with opset 17, so that old tools read the file too


@dataclass(frozen=True)
class Tensor:
    """A value of the graph; an index of its shape is an axis of the ONNX tensor."""

    name: str
    shape: Shape


class Builder:
    """A graph under construction: nodes run in the order in which they are added."""

    def __init__(self, name: str = "model") -> None:
        self.name = name
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[Tensor] = []
        self._outputs: list[Tensor] = []

    def input(self, name: str, shape: Sequence[int]) -> Tensor:
        """A float32 input of the graph; `shape` includes the batch, which should be 1."""
        tensor = self._new(name, shape)
        self._inputs.append(tensor)
        return tensor

    def output(self, x: Tensor) -> None:
        """Make `x` an output of the graph; it keeps its name."""
        self._check_own(x, at=x.name)
        if x in self._outputs:
            raise CompileError("the tensor is an output already", at=x.name, help="name it once")
        self._outputs.append(x)

    def constant(self, name: str, values: ArrayLike) -> Tensor:
        """Numbers that are stored in the file, as float32."""
        array = numbers(values, "the constant", name)
        tensor = self._new(name, array.shape)
        self._constants.append(numpy_helper.from_array(array, name))
        return tensor

    def node(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        shape: Sequence[int],
        *,
        name: str = "",
        domain: str = "",
        **attributes: Attribute,
    ) -> Tensor:
        """Any ONNX node with one result, of `shape`: the way to an operator without a method."""
        name = self._name(name, op_type.lower())
        for x in inputs:
            self._check_own(x, at=name)
        result = self._new(name, shape)
        node = helper.make_node(op_type, [x.name for x in inputs], [name], name, domain=domain)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in sorted(attributes.items()))
        self._nodes.append(node)
        return result

    def proto(self) -> onnx.ModelProto:
        """The graph as ONNX's own object, checked."""
        if not self._outputs:
            raise CompileError("the model has no output", at=self.name, help="call output(tensor)")
        inner = {node.output[0] for node in self._nodes} - {x.name for x in self._outputs}
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [_value_info(x) for x in self._inputs],
            [_value_info(x) for x in self._outputs],
            initializer=self._constants,
            value_info=[_value_info(x) for x in self._tensors.values() if x.name in inner],
        )
        domains = sorted({node.domain for node in self._nodes} - {""})
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                *(helper.make_opsetid(domain, 1) for domain in domains),
            ],
            ir_version=IR_VERSION,
            producer_name="qcompile",
        )
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError as error:
            what = str(error).splitlines()[0]
            raise CompileError(what, at=self.name, help="check the calls of node()") from error
        return model

    def save(self, path: str | Path) -> None:
        """Write the `.onnx` file."""
        data = self.proto().SerializeToString(deterministic=True)
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise CompileError(
                f"the file cannot be written: {error.strerror}", at=str(path), help="check the path"
            ) from error

    def _check_own(self, x: Tensor, at: str) -> None:
        if self._tensors.get(x.name) is not x:
            raise CompileError(
                "a tensor belongs to another model", at=at, help="use what this model returned"
            )

    def _name(self, given: str, kind: str) -> str:
        """`given` if it is free, or the first free number of a `kind` if there is none."""
        if given in self._tensors:
            raise CompileError("the name is taken", at=given, help="give each node its own")
        number = 0
        while f"{kind}_{number}" in self._tensors:
            number += 1
        return given or f"{kind}_{number}"

    def _new(self, name: str, shape: Sequence[int]) -> Tensor:
        if not name or name in self._tensors:
            raise CompileError("the name is empty or taken", at=name, help="give another")
        if any(size < 1 for size in shape):
            raise CompileError(
                f"the shape {tuple(shape)} has an empty axis", at=name, help="give sizes above 0"
            )
        tensor = Tensor(name, tuple(int(size) for size in shape))
        self._tensors[name] = tensor
        return tensor


def _value_info(x: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(x.name, TensorProto.FLOAT, x.shape)
