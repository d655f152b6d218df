"""The one table: which handler reads which ONNX op."""

from __future__ import annotations

from collections.abc import Callable

from qcompile.read import heads, indexing, integer, linear, moving, pooling
from qcompile.read import quant_qdq as qdq
from qcompile.read import quant_qonnx as qonnx
from qcompile.read.activations import ACTIVATIONS
from qcompile.read.builder import Result
from qcompile.read.elementwise import ELEMENTWISE, relu6
from qcompile.read.qlinear import QLINEAR
from qcompile.read.qoperator import QOPERATORS
from qcompile.read.site import Site

Handler = Callable[[Site], Result]

STANDARD: dict[str, Handler] = {
    **ACTIVATIONS,
    **ELEMENTWISE,
    "Add": lambda site: (
        integer.requantizing_add(site) if integer.requantizes(site) else ELEMENTWISE["Add"](site)
    ),
    "ArgMax": heads.arg_max,
    "ArgMin": heads.arg_min,
    "AveragePool": pooling.average_pool,
    "BatchNormalization": linear.batch_normalization,
    "Cast": integer.cast,
    "Concat": moving.concat,
    "Conv": linear.conv,
    "ConvTranspose": linear.conv_transpose,
    "DepthToSpace": moving.depth_to_space,
    "DequantizeLinear": qdq.dequantize_linear,
    "Dropout": moving.dropout,
    "DynamicQuantizeLinear": qdq.dynamic,
    "Expand": moving.expand,
    "Flatten": moving.flatten,
    "Gather": indexing.gather,
    "GatherElements": indexing.gather_elements,
    "Gemm": linear.gemm,
    "GlobalAveragePool": pooling.global_average_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "Identity": moving.identity,
    "LogSoftmax": heads.softmax,
    "MatMul": linear.matmul,
    "MaxPool": pooling.max_pool,
    "Pad": indexing.pad,
    "QuantizeLinear": qdq.quantize_linear,
    "ReduceMax": pooling.reduce_max,
    "ReduceMean": pooling.reduce_mean,
    "ReduceSum": pooling.reduce_sum,
    "Reshape": moving.reshape,
    "Resize": indexing.resize,
    "Slice": indexing.cut,
    "Softmax": heads.softmax,
    "SpaceToDepth": moving.space_to_depth,
    "Split": indexing.split,
    "Squeeze": moving.squeeze,
    "Tile": moving.tile,
    "TopK": heads.top_k,
    "Transpose": moving.transpose,
    "Unsqueeze": moving.unsqueeze,
    "Upsample": indexing.resize,
}

CUSTOM: dict[str, Handler] = {  # whatever domain they are written under
    **QLINEAR,
    **QOPERATORS,
    "BipolarQuant": qonnx.bipolar_quant,
    "DynamicQuantizeMatMul": qdq.dynamic,
    "FloatQuant": qonnx.float_quant,
    "IntQuant": qonnx.quant,
    "MatMulIntegerToFloat": qdq.dynamic,
    "MultiThreshold": qonnx.multi_threshold,
    "Quant": qonnx.quant,
    "Relu6": relu6,
    "RequantShift": integer.requant_shift,
    "Trunc": qonnx.trunc,
}

CHANNELS_LAST: dict[str, Handler] = {
    "Conv": linear.conv_channels_last,
    "MaxPool": pooling.max_pool_channels_last,
}

ATTENTION = frozenset(
    """iSoftmax iLayerNorm iGELU iRMSNorm iHardswish ITAMax ITAPartialMax IntegerMean IntegerDiv
    TrueIntegerDiv Attention MultiHeadAttention QAttention LayerNormalization
    SimplifiedLayerNormalization RMSNormalization SkipLayerNormalization EmbedLayerNormalization
    RotaryEmbedding LinearAttention CLCA MHSA""".split()
)

STANDARD_DOMAINS = ("", "ai.onnx")
CONSTANTS = frozenset({"Constant"})


def handler_of(domain: str, op: str) -> Handler | None:
    """The handler of an op, or None where there is none."""
    if domain == "qonnx.custom_op.channels_last":
        return CHANNELS_LAST.get(op)
    if op in CUSTOM:
        return CUSTOM[op]
    shared = domain == "com.microsoft" and op in ("QuantizeLinear", "DequantizeLinear", "Gelu")
    return STANDARD.get(op) if domain in STANDARD_DOMAINS or shared else None
