"""Wiring: streams handed from the process that makes a value to those that read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd, lcm

from qcompile.graph import Graph, Node
from qcompile.model import IntegerModel
from qcompile.names import identifier
from qcompile.plan.folding import Fold
from qcompile.plan.process_moves import Convert, Drain, Fork
from qcompile.plan.streams import AxisPort, Number, Process, Stream
from qcompile.qtype import QType

WIDEST = 1024  # bits of a word that a width converter may pass through


@dataclass(eq=False)
class Wiring:
    """A dataflow design while it grows, in the order of execution."""

    model: IntegerModel
    target: int  # cycles an inference may take
    asked: dict[str, Fold]  # folds that the user chose, by node
    processes: list[Process] = field(default_factory=list)
    inputs: list[AxisPort] = field(default_factory=list)
    outputs: list[AxisPort] = field(default_factory=list)
    folds: dict[str, Fold] = field(default_factory=dict)  # what was chosen
    _taken: set[str] = field(default_factory=lambda: {"hls", "main", "qc", "std"})
    _waiting: dict[str, list[Stream]] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        return self.model.graph

    def fresh(self, text: str) -> str:
        """An identifier like `text` that nothing else in the design has."""
        base = name = identifier(text)
        number = 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        return name

    def process_name(self, node: Node, kind: str) -> str:
        """A name for a process that works for `node`; the suffix keeps it apart from C++ names."""
        return self.fresh(f"{identifier(node.origin, 36)}_{kind}")

    def stream(self, process: str, number: Number, lanes: int, elements: int) -> Stream:
        """A new stream that `process` writes."""
        assert elements % lanes == 0, "words are whole"
        return Stream(self.fresh(f"{process}_out"), number, lanes, elements // lanes)

    def type(self, name: str) -> QType:
        found = self.graph[name].type
        assert isinstance(found, QType)
        return found

    def readers(self, name: str) -> int:
        """How many streams of the value are needed."""
        slots = sum(user.inputs.count(name) for user in self.graph.users(self.graph[name]))
        return slots + sum(port.node == name for port in self.model.outputs)

    def give(self, node: Node, stream: Stream) -> None:
        """`stream` carries the node's value: fork it for all readers."""
        count = self.readers(node.name)
        if count == 1:
            self._waiting[node.name] = [stream]
            return
        if count == 0:
            self.processes.append(
                Drain(
                    name=self.process_name(node, "drain"),
                    inputs=(stream,),
                    outputs=(),
                    node=node.name,
                    about="nobody reads this value",
                )
            )
            return
        name = self.process_name(node, "fork")
        copies = tuple(
            self.stream(name, stream.number, stream.lanes, stream.size) for _ in range(count)
        )
        self.processes.append(
            Fork(
                name=name,
                inputs=(stream,),
                outputs=copies,
                node=node.name,
                about=f"{count} readers",
            )
        )
        self._waiting[node.name] = list(copies)

    def waiting(self, name: str) -> Stream:
        """One of the streams of a value, as it is."""
        return self._waiting[name].pop(0)

    def take(self, node: Node, name: str, lanes: int) -> Stream:
        """One of the streams of the value `name`, for `node`, in words of `lanes`."""
        return self.convert(node, self.waiting(name), lanes)

    def convert(self, node: Node, stream: Stream, lanes: int) -> Stream:
        """The stream in words of `lanes`, through at most two converters."""
        if stream.lanes == lanes:
            return stream
        common = lcm(stream.lanes, lanes)
        if common not in (stream.lanes, lanes):
            if common * stream.number.bits > WIDEST:
                common = gcd(stream.lanes, lanes)
            return self.convert(node, self.convert(node, stream, common), lanes)
        name = self.process_name(node, "lanes")
        out = self.stream(name, stream.number, lanes, stream.size)
        self.processes.append(
            Convert(
                name=name,
                inputs=(stream,),
                outputs=(out,),
                node=node.name,
                about=f"{stream.lanes} lanes to {lanes}",
            )
        )
        return out
