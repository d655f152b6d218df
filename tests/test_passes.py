"""No pass changes the meaning: of random networks, before and after each, against the oracle."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from qcompile import ops, passes
from qcompile import semantics as real
from qcompile.errors import CompileError
from qcompile.export import Model, Quantizer
from qcompile.model import IntegerModel
from qcompile.passes import lower
from qcompile.passes.fold_constants import fold_constants
from qcompile.passes.integerize import integerize
from qcompile.progress import QUIET
from qcompile.read import read
from qcompile.semantics.number import Grid
from qcompile.semantics.units import whole
from qcompile.source import Source
from qcompile.verify.run import Effort, Project, verify
from random_networks import Maker
from random_qdq import QdqMaker
from rewidth import rewidth

SAMPLES = 12
order_channels = import_module("qcompile.passes.order_channels")


def inputs_of(source: Source, seed: int) -> dict[str, real.Number]:
    """Reals at each input, on a grid of 1/64 over a few scales of size."""
    rng = np.random.default_rng(seed)
    found: dict[str, real.Number] = {}
    for node in source.graph:
        if isinstance(node.op, real.Input):
            shape = (SAMPLES, *node.type.shape)
            size = rng.choice([4, 64, 1000], (SAMPLES,) + (1,) * len(node.type.shape))
            codes = np.rint(rng.standard_normal(shape) * size)
            found[node.name] = Grid(codes, whole(Fraction(1, 64), len(shape)))
    return found


def mismatches(source: Source, model: IntegerModel, seed: int) -> int:
    """How many output codes differ from the oracle's."""
    feeds = inputs_of(source, seed)
    needed = {p.real for p in (*model.inputs, *model.outputs)}
    values = {**feeds, **real.evaluate(source.graph, feeds, keep=lambda n: n in needed)}
    found = model.run({p.name: p.codes(values[p.real]) for p in model.inputs})
    return sum(int(np.sum(found[p.name] != p.codes(values[p.real]))) for p in model.outputs)


def network(seed: int, folder: Path) -> Source:
    maker = QdqMaker(seed) if seed % 2 else Maker(seed)
    source = read(maker.save(folder / "network.onnx"))
    return rewidth(source, seed) if seed % 3 == 0 else source


@pytest.mark.parametrize("seed", range(60))
def test_every_pass_keeps_the_meaning(seed: int, tmp_path: Path) -> None:
    source = network(seed, tmp_path)
    model = integerize(replace(source, graph=fold_constants(source.graph)))
    assert mismatches(source, model, seed) == 0, "integerize"
    for step in passes.PASSES:
        model = step(model)
        assert mismatches(source, model, seed) == 0, step.__name__


def test_links_say_what_codes_mean(tmp_path: Path) -> None:
    """Every linked tensor inside has the real value that its link tells."""
    for seed in range(8):
        source = network(seed, tmp_path)
        model = lower(source)
        feeds = inputs_of(source, seed)
        values = {**feeds, **real.evaluate(source.graph, feeds, keep=lambda n: True)}
        codes = {p.name: p.codes(values[p.real]) for p in model.inputs}
        trace = model.run(codes, trace=True)
        assert model.links
        for name, link in model.links.items():
            np.testing.assert_array_equal(trace[name], link.codes(values[link.real]), name)


def test_channels_of_one_width_become_one_run(tmp_path: Path) -> None:
    """Widths in any order, through a depthwise layer and a residual Add: few runs are left."""
    source = read(branched(tmp_path / "branched.onnx"))
    plain = integerize(replace(source, graph=fold_constants(source.graph)))
    model = lower(source)
    counts = []
    for graph in (plain.graph, model.graph):
        layers = [n.op.weight_bits for n in graph if isinstance(n.op, ops.Conv)]
        counts.append([order_channels.runs(bits) for bits in layers])
    # Three layers share one order through the Add; the first of them gets its three widths in
    # three runs. The last layer makes the output, whose order stays.
    assert sum(counts[1]) < sum(counts[0])
    assert min(counts[1]) == 3
    assert counts[1][-1] == counts[0][-1]
    assert mismatches(source, model, 0) == 0


def branched(path: Path) -> Path:
    """A residual block with a depthwise layer, its widths drawn from {2, 4, 8} in any order."""
    rng = np.random.default_rng(5)
    model = Model("branched")
    act = Quantizer(0.1, 8, signed=False)

    def conv(x, inputs, groups=1):
        bits = rng.choice([2, 4, 8], 16)
        values = rng.normal(0, 1, (16, inputs // groups, 3, 3))
        by = Quantizer(rng.uniform(0.05, 0.2, 16), bits)
        y = model.conv(x, values, by, groups=groups, pads=(1, 1, 1, 1))
        return model.quantize(model.relu(y), act)

    x = model.quantize(model.input("x", (1, 3, 6, 6)), act)
    a = conv(x, 3)
    b = conv(conv(a, 16), 16, groups=16)
    joined = model.quantize(model.add(a, b), act)
    model.output(conv(joined, 16))
    model.save(path)
    return path


FAULTS = {
    "weights": lambda op: replace(op, weight=op.weight + 1),
    "bias": lambda op: replace(op, bias=op.bias + 3),
    "padding": lambda op: replace(op, pad_value=op.pad_value + 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_integerize_is_seen(fault: str, tmp_path: Path) -> None:
    """The oracle does not share the integer graph: what goes wrong there shows."""
    source = read(branched(tmp_path / "branched.onnx"))
    model = lower(source)
    first = next(n.name for n in model.graph if isinstance(n.op, ops.Conv))

    def rule(new, node, inputs):
        op = FAULTS[fault](node.op) if node.name == first else node.op
        return new.add(node.name, op, *inputs, origin=node.origin)

    broken = replace(model, graph=model.graph.rebuild(rule))
    assert mismatches(source, model, 1) == 0
    assert mismatches(source, broken, 1) > 0


def test_a_wrong_entry_in_a_channel_order_is_seen(tmp_path: Path, monkeypatch) -> None:
    source = read(branched(tmp_path / "branched.onnx"))
    true = order_channels.permuted

    def swapped(node, before, after):
        wrong = [b.copy() for b in before]
        if isinstance(node.op, ops.Conv) and node.op.groups == 1 and len(wrong[0]) > 3:
            wrong[0][[0, 1]] = wrong[0][[1, 0]]
        return true(node, wrong, after)

    monkeypatch.setattr(order_channels, "permuted", swapped)
    model = lower(source)
    assert mismatches(source, model, 2) > 0
    with pytest.raises(CompileError, match="differs from the graph as read") as error:
        verify(source, model, Project(None, {}), (), Effort.USUAL, None, QUIET)
    assert error.value.place in {n.origin for n in model.graph if isinstance(n.op, ops.Conv)}
