"""What an ONNX graph means: ops on exact reals, and the oracle that evaluates them.

Import as `from qcompile import semantics as real`: its `Conv` is a sum of reals, that of
`qcompile.ops` a sum of integer codes.
"""

from qcompile.semantics.activations import (
    Abs,
    Erf,
    Exp,
    LeakyRelu,
    Power,
    Sigmoid,
    Sqrt,
    Tanh,
)
from qcompile.semantics.arithmetic import Add, Div, Maximum, Minimum, Mul, Sub
from qcompile.semantics.base import Elementwise, RealOp
from qcompile.semantics.evaluate import evaluate
from qcompile.semantics.heads import ArgMax, Softmax
from qcompile.semantics.linear import Conv, MatMul
from qcompile.semantics.modes import Rounding
from qcompile.semantics.movement import Concat, Gather, Movement, Pad, Reshape, Transpose
from qcompile.semantics.number import Bounded, Grid, Number, constant, samples
from qcompile.semantics.ort import OrtAdd, OrtMean, OrtRequantize, OrtScale, OrtTable, OrtWindowSum
from qcompile.semantics.pooling import AveragePool, MaxPool, ReduceSum, Window
from qcompile.semantics.rounding import Bipolar, MultiThreshold, Round, Wrap
from qcompile.semantics.sources import Constant, Input, InputGrid, Known

__all__ = [
    "Abs",
    "Add",
    "ArgMax",
    "AveragePool",
    "Bipolar",
    "Bounded",
    "Concat",
    "Constant",
    "Conv",
    "Div",
    "Elementwise",
    "Erf",
    "Exp",
    "Gather",
    "Grid",
    "Input",
    "InputGrid",
    "Known",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Maximum",
    "Minimum",
    "Movement",
    "Mul",
    "MultiThreshold",
    "Number",
    "OrtAdd",
    "OrtMean",
    "OrtRequantize",
    "OrtScale",
    "OrtTable",
    "OrtWindowSum",
    "Pad",
    "Power",
    "RealOp",
    "ReduceSum",
    "Reshape",
    "Round",
    "Rounding",
    "Sigmoid",
    "Softmax",
    "Sqrt",
    "Sub",
    "Tanh",
    "Transpose",
    "Window",
    "Wrap",
    "constant",
    "evaluate",
    "samples",
]
