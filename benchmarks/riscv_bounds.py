"""How few instructions a layer can take on the core, counted by hand."""

from __future__ import annotations

from benchmarks.riscv_figures import Kind, Layer

EXECUTED = (2, 4, 8)  # widths of the unit
TILE = 4  # pixels, and output channels
WORD = 32  # bits
BYTE = 8  # the lane of a dot product of cv32e40p
SHIFTS = {8: 0, 4: 1, 2: 3}  # of a word of weights, whose bytes channels share

TEXT = """\
Instructions on mpic and mpic-q that kernels of this kind cannot do without, one cycle each; no loop
control, no addresses, no copies of activations, no calls. Products with padding count. Of a layer
with `e`-bit executed activations and `w`-bit executed weights (`e` is the wider of the two):

- products: `MAC * e / 32` dot products; a tile of 4 channels and 4 pixels loads each word of
  weights for 4 pixels (`dot products * w / e / 4` loads) and each word of activations for 4
  channels (`dot products / 4`). With fewer than 4 pixels, weights serve all that there are, and
  each word of activations is loaded once;
- depthwise: `ceil(taps / 4)` dot products a result; for each code that is read 1/4 load and 1/2
  shuffle, which is what it takes to turn 4 x 4 codes around;
- each result: its start (1), its requantization, its place in memory (1). Requantization is 1 on
  mpic-q; on mpic 3 with one 32-bit product, 5 with two, 8 where neither is proved equal, and one
  more where the sum is clamped first;
- addition: 1/4 load for each code, one dot product a result, then its requantization less the
  multiplication, and its place in memory; pooling: one instruction for each code."""

DENSE = """\
On cv32e40p the operands of a dot product are four bytes. A dense layer uses each weight once, so
that every word of weights costs a load and the dot products of its codes. Narrow weights of two or
four channels lie in one byte, which serves one channel after the other: a shift for each but the
first. Loads of activations, which channels share, do not count."""


def bound(layer: Layer) -> float:
    """Instructions, by the formulas of `TEXT`."""
    results = layer.pixels * layer.outputs * (2 + layer.requantize)
    match layer.kind:
        case Kind.PRODUCT:
            return results + products(layer)
        case Kind.DEPTHWISE:
            dots = layer.pixels * layer.outputs * -(-layer.taps // 4)
            return results + dots + layer.inputs * 3 / 4
        case Kind.ADD:
            each = 2 + max(layer.requantize - 1, 1)
            return layer.inputs / 4 + layer.pixels * layer.outputs * each
        case Kind.POOL:
            return results + layer.inputs
        case Kind.OTHER:
            return (layer.inputs + layer.pixels * layer.outputs) / 4


def products(layer: Layer) -> float:
    """Dot products and their loads."""
    total = 0.0
    tile = min(layer.pixels, TILE)
    for width, channels in layer.widths.items():
        if width == 0:
            continue
        weights = executed(width)
        bits = max(executed(layer.input_bits), weights)
        dots = layer.pixels * layer.taps * channels * bits / WORD
        total += dots * (1 + weights / bits / tile)
        total += dots / TILE if layer.pixels >= TILE else 0
    if layer.pixels < TILE:
        total += layer.pixels * layer.taps * executed(layer.input_bits) / WORD
    return total


def dense_rate(width: int) -> float:
    """Multiply-accumulates an instruction on cv32e40p, by `DENSE`."""
    return WORD / width / (1 + SHIFTS[width] + BYTE / width)


def dense_bound(layer: Layer, width: int) -> float:
    """Instructions of a dense layer on cv32e40p with weights of `width` bits."""
    return layer.macs / dense_rate(width) + layer.outputs * (2 + layer.requantize)


def executed(bits: int) -> int:
    return next((b for b in EXECUTED if b >= bits), EXECUTED[-1])
