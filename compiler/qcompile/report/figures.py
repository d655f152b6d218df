"""Figures of a network that no target changes: layers, work, bits, forms."""

from __future__ import annotations

from collections import Counter
from typing import Any

from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel
from qcompile.ops.base import IntegerOp, Work
from qcompile.ops.requant import Form, Requant, Scale, Steps
from qcompile.plan.layers import Layer, layers
from qcompile.qtype import QType

Table = dict[str, Any]


def layer_rows(model: IntegerModel) -> list[Table]:
    """One row a layer, in the order of execution: the keys of `layers` in report.json."""
    return [layer_row(model.graph, layer) for layer in layers(model.graph) if worth_a_row(layer)]


def worth_a_row(layer: Layer) -> bool:
    """Whether a layer computes something; inputs and constants do not."""
    return bool(layer.inputs)


def layer_row(graph: Graph, layer: Layer) -> Table:
    done = work_of(graph, layer.main)
    extra = work_of(graph, layer.requant) if layer.requant is not None else Work()
    sources = [graph[name].type for name in layer.inputs]
    row: Table = {
        "name": layer.name,
        "node": layer.last.name,
        "op": layer.main.op.title,
        "origin": layer.main.origin,
        "macs": done.macs,
        "bops": done.bops,
        "input_bits": max((t.bits for t in sources if isinstance(t, QType)), default=0),
        "output_bits": layer.output.bits,
    }
    widths = getattr(layer.main.op, "weight_bits", None)
    if widths is not None:
        row["weights"] = int(layer.main.op.weight.size)  # type: ignore[attr-defined]
        row["weight_bits"] = by_width(Counter(widths))
        row["weight_bytes"] = -(-done.constant_bits // 8)
    if len(set(layer.output.channel_bits)) > 1:
        row["output_channel_bits"] = by_width(Counter(layer.output.channel_bits))
    if done.metadata_bits + extra.metadata_bits:
        row["metadata_bytes"] = -(-(done.metadata_bits + extra.metadata_bits) // 8)
    return row


def by_width(counts: Counter[int]) -> dict[str, int]:
    """Channels by width, narrow first; JSON's keys are text."""
    return {str(width): counts[width] for width in sorted(counts)}


def work_of(graph: Graph, node: Node) -> Work:
    assert isinstance(node.op, IntegerOp)
    return node.op.work(*(t for n in node.inputs if isinstance(t := graph[n].type, QType)))


def forms(model: IntegerModel) -> dict[str, int]:
    """How many channels are requantized in which form."""
    counts: Counter[str] = Counter()
    for node in model.graph:
        if isinstance(node.op, Requant) and isinstance(node.type, QType):
            each = node.type.channels // len(node.op.forms)
            for form in node.op.forms:
                counts[form_name(form)] += each
    return dict(sorted(counts.items()))


def form_name(form: Form) -> str:
    """The name of the arithmetic (clip, shift, 32-bit, ...), or thresholds, or table."""
    if isinstance(form, Scale):
        return form.arithmetic.value + (" with exceptions" if form.exceptions else "")
    return "thresholds" if isinstance(form, Steps) else "table"


def totals(rows: list[Table], model: IntegerModel) -> Table:
    """Sums over the layers: the keys of `totals` that every target has."""
    summed = ("macs", "bops", "weights", "weight_bytes", "metadata_bytes")
    found: Table = {key: sum(row.get(key, 0) for row in rows) for key in summed}
    found["forms"] = forms(model)
    return found
