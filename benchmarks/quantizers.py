"""The quantizers of an ONNX model, wherever it has them."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

ROUNDING_OPS = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold")


@dataclass(frozen=True)
class Quantizer:
    """A node that rounds: names of ONNX tensors, "" where it has none."""

    op: str
    x: str
    y: str
    scale: str
    zero_point: str
    axis: int = 1  # along which a list of scales lies (QuantizeLinear)
    out_scale: float = 1.0  # of MultiThreshold
    out_bias: float = 0.0


def quantizers(model: onnx.ModelProto, ops: tuple[str, ...] = ROUNDING_OPS) -> list[Quantizer]:
    """In the order of the file, which is that of execution."""
    return [_quantizer(node) for node in model.graph.node if node.op_type in ops]


def _quantizer(node: onnx.NodeProto) -> Quantizer:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    inputs = [*node.input, "", "", ""]
    if node.op_type == "MultiThreshold":
        scale, bias = attributes.get("out_scale", 1.0), attributes.get("out_bias", 0.0)
        return Quantizer(
            node.op_type, inputs[0], node.output[0], "", "", out_scale=scale, out_bias=bias
        )
    zero_point = "" if node.op_type == "BipolarQuant" else inputs[2]
    axis = attributes.get("axis", 1)
    return Quantizer(node.op_type, inputs[0], node.output[0], inputs[1], zero_point, axis)
