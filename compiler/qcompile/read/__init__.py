"""Reading: an ONNX file of any dialect becomes a graph of reals that says what it means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qcompile.errors import CompileErrors
from qcompile.read.builder import Builder
from qcompile.read.dialect import check_weights, dialect_of
from qcompile.read.files import load
from qcompile.read.inputs import add_inputs, grids, with_grids
from qcompile.read.nodes import add_nodes, add_outputs, all_names, opset_of, unsupported, used_names
from qcompile.read.order import ordered
from qcompile.semantics import InputGrid
from qcompile.source import Dialect, Semantics, Source

__all__ = ["read"]


def read(
    path: str | Path,
    *,
    semantics: Semantics | None = None,
    inputs: Mapping[str, str | InputGrid] | None = None,
) -> Source:
    """The model in the file.

    `inputs` declares the grids of inputs by name (`uint8`, `fixed<16,6>`, ...). Raises
    CompileError, or CompileErrors that name every node at fault.
    """
    place = Path(path)
    model, sha256 = load(place)
    graph = model.graph
    nodes = ordered(graph)
    CompileErrors.check(unsupported(nodes))
    dialect = dialect_of(nodes, graph, str(place))
    default = Semantics.ORT if dialect is Dialect.QOPERATOR else Semantics.EXACT
    meaning = semantics or default
    builder = Builder(opset_of(model), meaning, all_names(graph), used_names(nodes, graph))
    CompileErrors.check(add_inputs(builder, graph))
    CompileErrors.check(add_nodes(builder, nodes, graph))
    outputs = add_outputs(builder, graph)
    found = grids(builder.graph, dialect, inputs or {})
    CompileErrors.check([*check_weights(builder.graph, builder.constant), *found.errors])
    return Source(
        name=place.stem,
        sha256=sha256,
        dialect=dialect,
        semantics=meaning,
        graph=with_grids(builder.graph, found.ops),
        outputs=outputs,
        tensors=builder.tensors(),
        notes=(*builder.notes, *found.notes),
    )
