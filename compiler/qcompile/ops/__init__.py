"""The ops of the integer graph, one file each. A backend has a template for every one of them."""

from qcompile.ops.add import Add
from qcompile.ops.arg_max import ArgMax
from qcompile.ops.base import IntegerOp
from qcompile.ops.concat import Concat
from qcompile.ops.constant import Constant
from qcompile.ops.conv import Conv
from qcompile.ops.dense import Dense
from qcompile.ops.gather import Gather
from qcompile.ops.input import Input
from qcompile.ops.matmul import MatMul
from qcompile.ops.max_pool import MaxPool
from qcompile.ops.mul import Mul
from qcompile.ops.pad import Pad
from qcompile.ops.requant import Requant
from qcompile.ops.reshape import Reshape
from qcompile.ops.rounded_sum_pool import RoundedSumPool
from qcompile.ops.sum_pool import SumPool
from qcompile.ops.transpose import Transpose

__all__ = [
    "OPS",
    "Add",
    "ArgMax",
    "Concat",
    "Constant",
    "Conv",
    "Dense",
    "Gather",
    "Input",
    "IntegerOp",
    "MatMul",
    "MaxPool",
    "Mul",
    "Pad",
    "Requant",
    "Reshape",
    "RoundedSumPool",
    "SumPool",
    "Transpose",
]

OPS: tuple[type[IntegerOp], ...] = (
    Input,
    Constant,
    Conv,
    Dense,
    MatMul,
    Requant,
    Add,
    Mul,
    MaxPool,
    SumPool,
    RoundedSumPool,
    Concat,
    Gather,
    Pad,
    Transpose,
    Reshape,
    ArgMax,
)
