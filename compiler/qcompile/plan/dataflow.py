"""The dataflow plan: an integer network as processes, the streams between them, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qcompile.graph import Node
from qcompile.model import IntegerModel, Port
from qcompile.names import identifiers
from qcompile.ops import (
    Add,
    ArgMax,
    Concat,
    Constant,
    Conv,
    Dense,
    Gather,
    Input,
    MatMul,
    MaxPool,
    Mul,
    Pad,
    Requant,
    Reshape,
    RoundedSumPool,
    SumPool,
    Transpose,
)
from qcompile.plan import stream_compute, stream_linear, stream_moves
from qcompile.plan.fifos import depths
from qcompile.plan.folding import Fold, divisors
from qcompile.plan.layers import layers
from qcompile.plan.process_moves import ReadPort, WritePort
from qcompile.plan.streams import AxisPort, Number, Process, Stream
from qcompile.plan.wiring import Wiring
from qcompile.qtype import QType

PRODUCTS = 128  # multiplications in a cycle that the default target interval is made for
PORT_BITS = 512


@dataclass(frozen=True, eq=False)
class Dataflow:
    """A streaming design: what the emitters of HLS C++ and SystemVerilog spell."""

    processes: tuple[Process, ...]  # in the order of execution
    inputs: tuple[AxisPort, ...]
    outputs: tuple[AxisPort, ...]
    depths: dict[str, int]  # words that each stream holds, by its name
    folds: dict[str, Fold]  # of the layers with weights, by node
    traces: dict[str, str]  # by node: the name under which a trace build keeps its value
    target: int  # cycles that the folds were chosen for
    layers: dict[str, str]  # by node: the last node of its layer, under which it is reported

    @property
    def interval(self) -> int:
        """Predicted cycles between two inferences: those of the slowest process."""
        return max(p.cycles for p in self.processes)

    @property
    def cycles(self) -> dict[str, int]:
        """Steps of each layer's slowest process, by the layer's last node."""
        found: dict[str, int] = {}
        for p in self.processes:
            layer = self.layers[p.node]
            found[layer] = max(found.get(layer, 0), p.cycles)
        return found

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams inside, in the order of their producers."""
        return tuple(s for p in self.processes for s in p.outputs)


def plan_dataflow(
    model: IntegerModel, target: int | None = None, folds: Mapping[str, Fold] | None = None
) -> Dataflow:
    """Plan `model` for one inference in `target` cycles (by default as PRODUCTS allows).

    `folds` fixes layers by node name. Raises CompileError where one of them does not fit.
    """
    cycles = target or default_target(model)
    w = Wiring(model, cycles, dict(folds or {}))
    ports = dict(zip(_port_keys(model), _port_names(w), strict=True))
    for node in model.graph:
        if isinstance(node.op, Input):
            _input(w, node, ports)
        else:
            _lower(w, node)
    for index, port in enumerate(model.outputs):
        _output(w, index, port, ports)
    traces = identifiers(p.node for p in w.processes if p.value)
    return Dataflow(
        processes=tuple(w.processes),
        inputs=tuple(w.inputs),
        outputs=tuple(w.outputs),
        depths=depths(w.processes),
        folds=w.folds,
        traces=traces,
        target=cycles,
        layers=layer_ends(model),
    )


def layer_ends(model: IntegerModel) -> dict[str, str]:
    """The last node of each node's layer."""
    parts = ((layer, layer.requant or layer.main) for layer in layers(model.graph))
    return {n.name: last.name for layer, last in parts for n in (layer.main, last)}


def default_target(model: IntegerModel) -> int:
    """As many cycles as PRODUCTS multipliers need; at least one for each element that enters."""
    macs = 0
    for node in model.graph:
        if isinstance(node.op, (Conv, Dense, MatMul)):
            macs += node.op.work(*(_type(s) for s in model.graph.sources(node))).macs
    entering = max((model.type_of(p).size for p in model.inputs), default=1)
    return max(-(-macs // PRODUCTS), entering, 1)


def _type(node: Node) -> QType:
    assert isinstance(node.type, QType)
    return node.type


def _lower(w: Wiring, node: Node) -> None:
    """Adds the processes of one node."""
    match node.op:
        case Conv():
            stream_linear.conv(w, node, node.op)
        case Dense():
            stream_linear.dense(w, node, node.op)
        case Reshape():
            w.give(node, w.waiting(node.inputs[0]))
        case _:
            _lower_other(w, node)


def _lower_other(w: Wiring, node: Node) -> None:
    match node.op:
        case Constant():
            stream_moves.constant(w, node, node.op)
        case MatMul():
            stream_compute.matmul(w, node, node.op)
        case Requant():
            stream_compute.requant(w, node, node.op)
        case Add():
            stream_compute.add(w, node, node.op)
        case Mul():
            stream_compute.mul(w, node, node.op)
        case MaxPool() | SumPool():
            stream_compute.pool(w, node, node.op)
        case RoundedSumPool():
            stream_compute.rounded_pool(w, node, node.op)
        case _:
            _lower_movement(w, node)


def _lower_movement(w: Wiring, node: Node) -> None:
    match node.op:
        case Concat():
            stream_moves.concat(w, node, node.op)
        case Gather():
            stream_moves.gather(w, node, node.op)
        case Pad():
            stream_moves.pad(w, node, node.op)
        case Transpose():
            stream_moves.transpose(w, node, node.op)
        case ArgMax():
            stream_compute.arg_max(w, node, node.op)
        case _:
            raise AssertionError(f"{node.op.title} has no processes")


def _port_keys(model: IntegerModel) -> list[tuple[bool, int]]:
    inputs = [(True, i) for i in range(len(model.inputs))]
    return inputs + [(False, i) for i in range(len(model.outputs))]


def _port_names(w: Wiring) -> list[str]:
    """Names of the ports of the top function; an output called like an input is numbered."""
    return [w.fresh(p.name) for p in (*w.model.inputs, *w.model.outputs)]


def _input(w: Wiring, node: Node, names: dict[tuple[bool, int], str]) -> None:
    index, port = next((i, p) for i, p in enumerate(w.model.inputs) if p.node == node.name)
    x = _type(node)
    name = w.process_name(node, "read")
    out = w.stream(name, Number.of(x), _port_lanes(w, x), x.size)
    axis = AxisPort(names[True, index], port, x.container, out)
    w.inputs.append(axis)
    w.processes.append(
        ReadPort(
            name=name,
            inputs=(),
            outputs=(out,),
            node=node.name,
            value=True,
            about=f"{x} in slots of {axis.slot} bits",
            port=axis,
        )
    )
    w.give(node, out)


def _output(w: Wiring, index: int, port: Port, names: dict[tuple[bool, int], str]) -> None:
    node = w.graph[port.node]
    x = _type(node)
    stream = w.take(node, port.node, _port_lanes(w, x))
    axis = AxisPort(names[False, index], port, x.container, stream)
    w.outputs.append(axis)
    w.processes.append(
        WritePort(
            name=w.fresh(f"{axis.name}_write"),
            inputs=(stream,),
            outputs=(),
            node=node.name,
            about=f"{x} in slots of {axis.slot} bits",
            port=axis,
        )
    )


def _port_lanes(w: Wiring, x: QType) -> int:
    """The fewest lanes that keep the target, within PORT_BITS."""
    lanes = stream_moves.words(w, x)
    fitting = [d for d in divisors(x.channels) if d <= lanes and d * x.container <= PORT_BITS]
    return fitting[-1]
