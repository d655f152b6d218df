"""Random small networks in the QDQ dialect: every kind of operator between quantizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]
KINDS = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}


class QdqMaker:
    """Draws one network; each step ends in QuantizeLinear and DequantizeLinear."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shapes: dict[str, Shape] = {}

    def save(self, path: Path) -> Path:
        rng = self.rng
        shape = (
            1,
            int(rng.integers(2, 5)),
            2 * int(rng.integers(2, 4)),
            2 * int(rng.integers(2, 4)),
        )
        self.shapes["image"] = shape
        x = self.quantized("image")
        earlier = [x]
        for _ in range(int(rng.integers(2, 7))):
            x = self.quantized(self.step(x, earlier))
            earlier.append(x)
        x = self.head(x)
        made = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
        kind = TensorProto.INT64 if x.startswith("ArgMax") else TensorProto.FLOAT
        out = helper.make_tensor_value_info(x, kind, self.shapes[x])
        graph = helper.make_graph(self.nodes, "random", [made], [out], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)
        return path

    # Parts of a graph

    def node(self, op: str, inputs: list[str], shape: Shape, **attributes: object) -> str:
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.shapes[name] = shape
        return name

    def constant(self, value: object) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def scale(self) -> np.float32:
        return np.float32(self.rng.choice([0.25, 0.0123, 0.1, 0.04, 0.5]))

    def quantized(self, x: str) -> str:
        kind = [np.int8, np.uint8][int(self.rng.integers(0, 2))]
        zero = 0 if self.rng.integers(0, 2) else int(self.rng.integers(0, 100))
        scale, point = self.constant(self.scale()), self.constant(kind(zero))
        codes = self.node("QuantizeLinear", [x, scale, point], self.shapes[x])
        return self.node("DequantizeLinear", [codes, scale, point], self.shapes[x])

    def weights(self, shape: Shape, axis: int = 0) -> str:
        values = self.rng.integers(-127, 128, shape).astype(np.int8)
        if self.rng.integers(0, 2):
            scale = self.rng.uniform(0.001, 0.02, shape[axis]).astype(np.float32)
            name = self.node(
                "DequantizeLinear", [self.constant(values), self.constant(scale)], shape, axis=axis
            )
        else:
            name = self.node(
                "DequantizeLinear", [self.constant(values), self.constant(np.float32(0.01))], shape
            )
        return name

    # Steps

    def step(self, x: str, earlier: list[str]) -> str:
        image = len(self.shapes[x]) == 4
        steps = [
            self.conv,
            self.pool,
            self.resize,
            self.depth_to_space,
            self.pad,
            self.split,
            self.transpose,
            self.squeeze_excite,
            self.mean,
            self.conv_1d,
        ]
        if image and self.rng.integers(0, 3):
            return steps[int(self.rng.integers(0, len(steps)))](x)
        twins = [e for e in earlier if self.shapes[e] == self.shapes[x]]
        other = twins[int(self.rng.integers(0, len(twins)))]
        kind = int(self.rng.integers(0, 6))
        shape = self.shapes[x]
        if kind < 3:
            return self.node(["Add", "Sub", "Mul"][kind], [x, other], shape)
        if kind == 3:
            return self.unary(x)
        if kind == 4 and image:
            joined = (shape[0], 2 * shape[1], *shape[2:])
            return self.node("Concat", [x, other], joined, axis=1)
        return self.hard_swish(x)

    def conv(self, x: str) -> str:
        _, c, h, w = self.shapes[x]
        depthwise = bool(self.rng.integers(0, 3) == 0)
        o = c if depthwise else int(self.rng.integers(1, 6))
        weight = self.weights((o, 1 if depthwise else c, 3, 3))
        inputs = [x, weight]
        if self.rng.integers(0, 2):
            inputs.append(self.constant(self.rng.normal(0, 0.5, o).astype(np.float32)))
        pads = [int(p) for p in self.rng.integers(0, 2, 4)] if min(h, w) > 3 else [1, 1, 1, 1]
        out = (1, o, h + pads[0] + pads[2] - 2, w + pads[1] + pads[3] - 2)
        y = self.node("Conv", inputs, out, pads=pads, group=c if depthwise else 1)
        return self.unary(y) if self.rng.integers(0, 2) else y

    def conv_1d(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        flat = self.reshaped(x, (n, c, h * w))
        weight = self.weights((3, c, 3))
        y = self.node("Conv", [flat, weight], (n, 3, h * w), pads=[1, 1], kernel_shape=[3])
        return self.reshaped(self.quantized(y), (n, 3, h, w))

    def reshaped(self, x: str, shape: Shape) -> str:
        return self.node("Reshape", [x, self.constant(np.array(shape, np.int64))], shape)

    def unary(self, x: str) -> str:
        shape = self.shapes[x]
        kind = int(self.rng.integers(0, 6))
        if kind == 0:
            ends = [self.constant(np.float32(v)) for v in (0, 6)]
            return self.node("Clip", [x, *ends], shape)
        names = ["Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid"]
        return self.node(names[kind - 1], [x], shape)

    def hard_swish(self, x: str) -> str:
        shape = self.shapes[x]
        shifted = self.node("Add", [x, self.constant(np.float32(3))], shape)
        ends = [self.constant(np.float32(v)) for v in (0, 6)]
        clipped = self.node("Clip", [shifted, *ends], shape)
        gate = self.node("Div", [clipped, self.constant(np.float32(6))], shape)
        return self.node("Mul", [x, gate], shape)

    def squeeze_excite(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        mean = self.quantized(self.node("GlobalAveragePool", [x], (n, c, 1, 1)))
        gate = self.node("Conv", [mean, self.weights((c, c, 1, 1))], (n, c, 1, 1))
        gate = self.quantized(self.node("Sigmoid", [gate], (n, c, 1, 1)))
        return self.node("Mul", [x, gate], (n, c, h, w))

    def pool(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        if min(h, w) < 3:
            return self.unary(x)
        kind = ["MaxPool", "AveragePool"][int(self.rng.integers(0, 2))]
        pads = [int(p) for p in self.rng.integers(0, 2, 4)]
        out = (n, c, h + pads[0] + pads[2] - 1, (w + pads[1] + pads[3] - 2) // 2 + 1)
        extra = {}
        if kind == "AveragePool":
            extra = {"count_include_pad": int(self.rng.integers(0, 2))}
        return self.node(kind, [x], out, kernel_shape=[2, 2], strides=[1, 2], pads=pads, **extra)

    def mean(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        axes = [[2, 3], [1], [3], [1, 2]][int(self.rng.integers(0, 4))]
        out = tuple(1 if i in axes else s for i, s in enumerate((n, c, h, w)))
        return self.node("ReduceMean", [x], out, axes=axes, keepdims=1)

    def resize(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        if h * w > 100:
            return self.unary(x)
        factors = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node(
            "Resize",
            [x, "", factors],
            (n, c, 2 * h, 2 * w),
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def depth_to_space(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        if c % 4:
            return self.hard_swish(x)
        mode = ["DCR", "CRD"][int(self.rng.integers(0, 2))]
        return self.node("DepthToSpace", [x], (n, c // 4, 2 * h, 2 * w), blocksize=2, mode=mode)

    def pad(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        pads = self.constant(np.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64))
        value = self.constant(np.float32(self.rng.choice([0.0, 0.25])))
        return self.node("Pad", [x, pads, value], (n, c, h + 1, w + 2))

    def split(self, x: str) -> str:
        n, c, h, w = self.shapes[x]
        axis = int(self.rng.integers(1, 4))
        size = (n, c, h, w)[axis]
        ends = [[0], [max(size - 1, 1)], [axis]]
        shape = tuple(max(size - 1, 1) if i == axis else s for i, s in enumerate((n, c, h, w)))
        parts = [self.constant(np.array(v, np.int64)) for v in ends]
        return self.node("Slice", [x, *parts], shape)

    def transpose(self, x: str) -> str:
        order = [0, *(int(i) + 1 for i in self.rng.permutation(3))]
        shape = self.shapes[x]
        return self.node("Transpose", [x], tuple(shape[i] for i in order), perm=order)

    def head(self, x: str) -> str:
        rng = self.rng
        size = int(np.prod(self.shapes[x]))
        if size > 3000 or rng.integers(0, 4) == 0:
            return x
        flat = self.node("Flatten", [x], (1, size), axis=1)
        y = self.node("MatMul", [flat, self.weights((size, 5), 1)], (1, 5))
        y = self.node("Add", [y, self.constant(rng.normal(0, 1, 5).astype(np.float32))], (1, 5))
        kind = int(rng.integers(0, 3))
        if kind == 0:
            return self.quantized(y)
        if kind == 1:
            return self.node("Softmax", [self.quantized(y)], (1, 5), axis=1)
        return self.node("ArgMax", [self.quantized(y)], (1, 1), axis=1, keepdims=1)
