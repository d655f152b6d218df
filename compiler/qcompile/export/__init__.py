"""Writing a quantized network as an ONNX graph, from numpy arrays.

    model = Model("tiny")
    x = model.input("image", (1, 1, 8, 8))
    x = model.quantize(x, Quantizer(scale=1 / 16, bits=5, signed=False))
    y = model.conv(x, weight, Quantizer(scale=scales, bits=[8, 4, 2, 0]), pads=(1, 1, 1, 1))
    y = model.quantize(model.relu(y), Quantizer(scale=0.07, bits=4, signed=False))
    model.output(y)
    model.save("tiny.onnx")

The graph is in the QONNX dialect: `Quant` nodes of the domain `qonnx.custom_op.general` between
float nodes of ONNX opset 17. Tensors are NCHW (NCW with one spatial axis); the first axis is the
batch. Every number is stored as float32, and what is stored is what the graph means: a scale of 0.1
is the float32 nearest to 0.1. The same calls give the same bytes.

Each method of `Model` adds one layer and returns its result. Whatever has no method goes in through
`Model.node`. Mistakes raise `CompileError` with the name of the node.
"""

from qcompile.export.builder import Tensor
from qcompile.export.model import Model
from qcompile.export.quantizer import Quantizer
from qcompile.semantics.modes import Rounding

__all__ = ["Model", "Quantizer", "Rounding", "Tensor"]
