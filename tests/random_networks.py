"""Random small networks in the QONNX dialect: odd shapes, grids, widths, joins and branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qcompile.export import Model, Quantizer, Rounding, Tensor

SCALES = (0.5, 0.125, 0.1, 0.037, 0.0123, 1 / 3)


class Maker:
    """Draws one network."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.model = Model(f"random_{seed}")
        self.power_of_two = bool(self.rng.integers(0, 3) == 0)

    def save(self, path: Path) -> Path:
        rng = self.rng
        shape = (1, int(rng.integers(1, 5)), int(rng.integers(4, 9)), int(rng.integers(4, 9)))
        x = self.quantize(self.model.input("image", shape))
        earlier: list[Tensor] = [x]
        for _ in range(int(rng.integers(2, 7))):
            x = self.step(x, earlier)
            earlier.append(x)
        x = self.quantize(x)
        if rng.integers(0, 2):
            x = self.dense(self.model.flatten(x))
            if rng.integers(0, 2):
                x = self.quantize(x)
        self.model.output(x)
        self.model.save(path)
        return path

    def step(self, x: Tensor, earlier: list[Tensor]) -> Tensor:
        kinds = [self.conv, self.conv, self.depthwise, self.pool, self.activation, self.norm]
        twins = [e for e in earlier[:-1] if e.shape == x.shape]
        choice = int(self.rng.integers(0, len(kinds) + 3))
        if choice < len(kinds):
            return kinds[choice](x)
        if choice == len(kinds) and twins:
            return self.join(x, twins[int(self.rng.integers(0, len(twins)))])
        if choice == len(kinds) + 1:
            return self.concat(x, earlier)
        return self.quantize(x)

    # One node each

    def scale(self, channels: int = 1) -> np.ndarray:
        if self.power_of_two:
            return 2.0 ** self.rng.integers(-5, 1, channels)
        return self.rng.choice(SCALES, channels) * self.rng.choice([1, 1, 0.7], channels)

    def quantizer(self, channels: int, wide: bool = False) -> Quantizer:
        rng = self.rng
        per_channel = bool(rng.integers(0, 2))
        count = channels if per_channel else 1
        signed = bool(rng.integers(0, 2))
        least = 2 if signed else 1
        bits = rng.integers(0 if rng.integers(0, 4) == 0 and not wide else least, 9, count)
        zero = int(rng.integers(-2, 3)) if rng.integers(0, 4) == 0 and not per_channel else 0
        narrow = bool(rng.integers(0, 2))
        bits = np.where((bits == 1) & narrow, 2, bits)
        rounding = list(Rounding)[int(rng.integers(0, len(Rounding)))]
        scale = self.scale(count if rng.integers(0, 3) == 0 else 1)
        return Quantizer(scale, bits, zero, signed, narrow, rounding)

    def quantize(self, x: Tensor) -> Tensor:
        return self.model.quantize(x, self.quantizer(x.shape[1]))

    def ready(self, x: Tensor) -> Tensor:
        """Something that a sum of products can read: quantized, if it is not."""
        return x if x.name.startswith("quant") else self.quantize(x)

    def weights(self, shape: tuple[int, ...]) -> tuple[np.ndarray, Quantizer]:
        values = self.rng.normal(0, 1, shape)
        bits = self.rng.integers(0, 9, shape[0])
        bits = np.where(bits == 1, 2, bits)
        return values, Quantizer(self.scale(shape[0]), bits, 0, True, bool(self.rng.integers(0, 2)))

    def bias(self, outputs: int) -> np.ndarray | None:
        return self.rng.normal(0, 1, outputs) if self.rng.integers(0, 2) else None

    def conv(self, x: Tensor) -> Tensor:
        x, rng = self.ready(x), self.rng
        outputs = int(rng.integers(1, 7))
        kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        values, by = self.weights((outputs, x.shape[1], *kernel))
        pads = tuple(int(p) for p in rng.integers(0, 3, 4))
        strides = tuple(int(s) for s in rng.integers(1, 3, 2))
        if min(x.shape[2] + pads[0] + pads[2], x.shape[3] + pads[1] + pads[3]) < 3:
            pads = (1, 1, 1, 1)
        return self.model.conv(x, values, by, bias=self.bias(outputs), pads=pads, strides=strides)

    def depthwise(self, x: Tensor) -> Tensor:
        x = self.ready(x)
        channels = x.shape[1]
        multiplier = int(self.rng.integers(1, 3))
        values, by = self.weights((channels * multiplier, 1, 3, 2))
        return self.model.conv(x, values, by, groups=channels, pads=(1, 1, 1, 1))

    def pool(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < 2:
            return self.quantize(x)
        if self.rng.integers(0, 2):
            return self.model.max_pool(x, (2, 2), strides=(1, 2))
        padded = bool(self.rng.integers(0, 2))
        return self.model.average_pool(
            self.ready(x),
            (2, 2),
            strides=(2, 1),
            pads=(0, 1, 1, 0) if padded else (0, 0, 0, 0),
            count_padding=bool(self.rng.integers(0, 2)),
        )

    def activation(self, x: Tensor) -> Tensor:
        kind = int(self.rng.integers(0, 3))
        if kind == 0:
            return self.model.relu(x)
        if kind == 1:
            return self.model.node("LeakyRelu", [x], x.shape, alpha=0.125)
        return self.model.node("HardSwish", [self.ready(x)], x.shape)

    def norm(self, x: Tensor) -> Tensor:
        rng, channels = self.rng, x.shape[1]
        gain = rng.normal(0, 1, channels)
        return self.model.batch_norm(
            x,
            gain,
            rng.normal(0, 1, channels),
            rng.normal(0, 1, channels),
            rng.uniform(0.1, 2, channels),
        )

    def join(self, x: Tensor, y: Tensor) -> Tensor:
        return self.model.add(self.ready(x), self.ready(y))

    def concat(self, x: Tensor, earlier: list[Tensor]) -> Tensor:
        twins = [e for e in earlier if e.shape[0] == 1 and e.shape[2:] == x.shape[2:]]
        y = twins[int(self.rng.integers(0, len(twins)))]
        parts = [self.ready(x), self.ready(y)]
        shape = (1, x.shape[1] + y.shape[1], *x.shape[2:])
        return self.model.node("Concat", parts, shape, axis=1)

    def dense(self, x: Tensor) -> Tensor:
        outputs = int(self.rng.integers(1, 6))
        values, by = self.weights((outputs, x.shape[1]))
        return self.model.dense(x, values, by, bias=self.bias(outputs))
