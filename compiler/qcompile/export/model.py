"""Model: the layers of a quantized network, one method each."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from numpy.typing import ArrayLike

from qcompile.errors import CompileError
from qcompile.export.builder import Builder, Tensor
from qcompile.export.quantizer import Floats, Quantizer, numbers
from qcompile.export.window import Window

QONNX = "qonnx.custom_op.general"


class Model(Builder):
    """A quantized network under construction: each method adds one layer.

    `name=` names a node and its result alike; left out, it is the layer's kind and a number.
    """

    def quantize(self, x: Tensor, by: Quantizer, *, axis: int = 1, name: str = "") -> Tensor:
        """Round `x` to the codes of `by`; "per channel" is along `axis`."""
        name = self._name(name, "quantize")
        parameters = by.parameters(x.shape, axis, name)
        inputs = [self.constant(f"{name}.{part}", array) for part, array in parameters.items()]
        return self.node(
            "Quant",
            [x, *inputs],
            x.shape,
            name=name,
            domain=QONNX,
            signed=int(by.signed),
            narrow=int(by.narrow),
            rounding_mode=by.rounding.value,
        )

    def conv(
        self,
        x: Tensor,
        weight: ArrayLike,
        weight_quantizer: Quantizer,
        *,
        bias: ArrayLike | None = None,
        bias_quantizer: Quantizer | None = None,
        strides: Sequence[int] = (),
        pads: Sequence[int] = (),
        dilations: Sequence[int] = (),
        groups: int = 1,
        name: str = "",
    ) -> Tensor:
        """Convolution of `x` [N, C, spatial...] with `weight` [O, C / groups, kernel...].

        `weight` holds real numbers, which the quantizer rounds; its channels are the O outputs.
        `bias` is [O], real unless it has a quantizer. `pads` are ONNX's: all the beginnings, then
        all the ends. Left out, pads are 0, strides and dilations 1. Depthwise is `groups` = C.
        """
        name = self._name(name, "conv")
        kernel = numbers(weight, "the weight", name)
        if kernel.ndim != len(x.shape) or kernel.ndim < 3 or groups < 1:
            raise _unfit(kernel, x, name, "the weight is [outputs, inputs / groups, kernel...]")
        if kernel.shape[1] * groups != x.shape[1] or kernel.shape[0] % groups:
            raise _unfit(kernel, x, name, f"there are {groups} groups: they must divide both")
        window = Window.over(
            x.shape, kernel.shape[2:], strides=strides, pads=pads, dilations=dilations, at=name
        )
        return self.node(
            "Conv",
            self._parameters(x, kernel, weight_quantizer, bias, bias_quantizer, name),
            (x.shape[0], kernel.shape[0], *window.spatial),
            name=name,
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
            group=groups,
        )

    def dense(
        self,
        x: Tensor,
        weight: ArrayLike,
        weight_quantizer: Quantizer,
        *,
        bias: ArrayLike | None = None,
        bias_quantizer: Quantizer | None = None,
        name: str = "",
    ) -> Tensor:
        """Weighted sums of `x` [N, inputs]: `weight` is [outputs, inputs], `bias` [outputs]."""
        name = self._name(name, "dense")
        matrix = numbers(weight, "the weight", name)
        if len(x.shape) != 2:
            raise _unfit(matrix, x, name, "flatten the input first")
        if matrix.ndim != 2 or matrix.shape[1] != x.shape[1]:
            raise _unfit(matrix, x, name, "the weight is [outputs, inputs]")
        inputs = self._parameters(x, matrix, weight_quantizer, bias, bias_quantizer, name)
        return self.node("Gemm", inputs, (x.shape[0], matrix.shape[0]), name=name, transB=1)

    def relu(self, x: Tensor, *, name: str = "") -> Tensor:
        """max(x, 0)."""
        return self.node("Relu", [x], x.shape, name=name)

    def add(self, x: Tensor, y: Tensor, *, name: str = "") -> Tensor:
        """The sum of two tensors of one shape."""
        name = self._name(name, "add")
        if x.shape != y.shape:
            raise CompileError(
                f"the shapes {x.shape} and {y.shape} differ", at=name, help="make them equal"
            )
        return self.node("Add", [x, y], x.shape, name=name)

    def batch_norm(
        self,
        x: Tensor,
        scale: ArrayLike,
        shift: ArrayLike,
        mean: ArrayLike,
        variance: ArrayLike,
        *,
        epsilon: float = 1e-5,
        name: str = "",
    ) -> Tensor:
        """scale * (x - mean) / sqrt(variance + epsilon) + shift, all [C], for `x` [N, C, ...]."""
        name = self._name(name, "batch_norm")
        parts = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
        arrays = {part: numbers(values, f"the {part}", name) for part, values in parts.items()}
        for part, array in arrays.items():
            if array.shape != x.shape[1:2]:
                raise CompileError(
                    f"the {part} has shape {array.shape}, not {x.shape[1:2]}",
                    at=name,
                    help="give one number for each channel",
                )
        if (arrays["variance"] + epsilon).min() <= 0:
            raise CompileError(
                "variance + epsilon is not positive", at=name, help="a variance is 0 or more"
            )
        constants = [self.constant(f"{name}.{part}", array) for part, array in arrays.items()]
        return self.node(
            "BatchNormalization", [x, *constants], x.shape, name=name, epsilon=float(epsilon)
        )

    def max_pool(
        self,
        x: Tensor,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] = (),
        pads: Sequence[int] = (),
        name: str = "",
    ) -> Tensor:
        """The largest of each window; `strides` default to the kernel. Padding never wins."""
        name = self._name(name, "max_pool")
        window = Window.over(x.shape, kernel, strides=strides or kernel, pads=pads, at=name)
        return self.node(
            "MaxPool",
            [x],
            (*x.shape[:2], *window.spatial),
            name=name,
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.pads,
        )

    def average_pool(
        self,
        x: Tensor,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] = (),
        pads: Sequence[int] = (),
        count_padding: bool = False,
        name: str = "",
    ) -> Tensor:
        """The mean of each window; `strides` default to the kernel.

        Padding does not count, at a border the divisor is smaller; with `count_padding` it counts.
        """
        name = self._name(name, "average_pool")
        window = Window.over(x.shape, kernel, strides=strides or kernel, pads=pads, at=name)
        return self.node(
            "AveragePool",
            [x],
            (*x.shape[:2], *window.spatial),
            name=name,
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.pads,
            count_include_pad=int(count_padding),
        )

    def flatten(self, x: Tensor, *, name: str = "") -> Tensor:
        """[N, ...] to [N, everything else], in the order of the axes."""
        return self.node("Flatten", [x], (x.shape[0], prod(x.shape[1:])), name=name, axis=1)

    def _parameters(
        self,
        x: Tensor,
        weight: Floats,
        weight_quantizer: Quantizer,
        bias: ArrayLike | None,
        bias_quantizer: Quantizer | None,
        name: str,
    ) -> list[Tensor]:
        """The inputs of a Conv or Gemm: data, quantized weight and, if there is one, the bias."""
        stored = self.constant(f"{name}.weight", weight)
        inputs = [x, self.quantize(stored, weight_quantizer, axis=0, name=f"{name}.weight_quant")]
        if bias is None:
            return inputs
        offsets = numbers(bias, "the bias", name)
        if offsets.shape != weight.shape[:1]:
            raise CompileError(
                f"the bias has shape {offsets.shape}, not {weight.shape[:1]}",
                at=name,
                help="give one number for each output",
            )
        added = self.constant(f"{name}.bias", offsets)
        if bias_quantizer is not None:
            added = self.quantize(added, bias_quantizer, axis=0, name=f"{name}.bias_quant")
        return [*inputs, added]


def _unfit(weight: Floats, x: Tensor, at: str, help: str) -> CompileError:
    return CompileError(
        f"a weight of shape {weight.shape} does not fit an input of shape {x.shape}",
        at=at,
        help=help,
    )
