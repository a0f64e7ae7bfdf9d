"""A light index of an ONNX network: which node makes each value, and what each node reads.

Weights stay in the model file. The index holds references to them, rewritten to name that file itself, whatever the
network said: nothing else is ever read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from split_model.definition import Definition
from split_model.engines.onnx.prepacking import prepacking
from split_model.errors import ModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["Network", "NetworkFile", "index", "tensors_of"]


class NetworkFile(Protocol):
    """What the engine needs of a model file (`split_model.model_file.ModelFile`)."""

    @property
    def definition(self) -> Definition:
        """What the model is."""
        ...

    @property
    def network(self) -> "onnx.ModelProto":
        """The network without large weights; their references are relative to the file's member of weights."""
        ...

    @property
    def path(self) -> Path:
        """Where the file is."""
        ...

    @property
    def weights_start(self) -> int:
        """The offset of the weights in the file, in bytes."""
        ...

    @property
    def weights_bytes(self) -> int:
        """Bytes of the weights."""
        ...

    def check_unchanged(self) -> None:
        """Raises a `ModelError` if another file is at the path by now."""
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """An index of a network.

    Attributes:
        frame: The network without nodes, weights, inputs and outputs: versions, operator sets and functions.
        nodes: The nodes, in topological order.
        reads: The values that each node reads, also inside its subgraphs.
        maker: The position of the node that makes each value.
        weights: Weights by name; large ones are references into the model file.
        weight_bytes: Bytes of each weight.
        inputs: The names of the network's inputs.
        prepacking: The positions of nodes that are faster if the runtime reorders their weights; see the module
            `prepacking`.
        folder: The folder of the model file, to which references are relative.
    """

    frame: "onnx.ModelProto"
    nodes: tuple[Any, ...]
    reads: tuple[tuple[str, ...], ...]
    maker: Mapping[str, int]
    weights: Mapping[str, Any]
    weight_bytes: Mapping[str, int]
    inputs: frozenset[str]
    prepacking: frozenset[int]
    folder: Path


def index(file: NetworkFile) -> Network:
    """Indexes the network of a file.

    Raises:
        ModelError: A reference to weights is not within the file's weights.
    """
    import onnx  # noqa: PLC0415  # a model without this engine needs no onnx

    model = onnx.ModelProto()
    model.CopyFrom(file.network)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for tensor in tensors_of(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _point_into(tensor, file)
    frame = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions)
    nodes = tuple(model.graph.node)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    sizes = {name: _bytes(tensor) for name, tensor in weights.items()}
    return Network(
        frame=frame,
        nodes=nodes,
        reads=tuple(tuple(dict.fromkeys(_reads(node))) for node in nodes),
        maker={name: position for position, node in enumerate(nodes) for name in node.output if name},
        weights=weights,
        weight_bytes=sizes,
        inputs=frozenset(value.name for value in model.graph.input),
        prepacking=prepacking(nodes, sizes, file.definition),
        folder=file.path.resolve().parent,
    )


def _reads(node: Any) -> Iterator[str]:  # noqa: ANN401  # protobuf's classes are made at run time
    """The values that a node reads: its inputs, and what its subgraphs take from outside."""
    yield from filter(None, node.input)
    for graph in _subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        for inner in graph.node:
            yield from (name for name in _reads(inner) if name not in own)
            own.update(inner.output)
        yield from (value.name for value in graph.output if value.name not in own)


def _subgraphs(node: Any) -> Iterator[Any]:  # noqa: ANN401
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def tensors_of(graph: Any) -> Iterator[Any]:  # noqa: ANN401
    """The tensors of a graph: its weights, and those in the attributes of its nodes, also inside their subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for subgraph in _subgraphs(node):
            yield from tensors_of(subgraph)


def _point_into(tensor: Any, file: NetworkFile) -> None:  # noqa: ANN401
    entries: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    offset, length = int(entries.get("offset", "0")), int(entries.get("length", "-1"))
    if offset < 0 or length < 0 or offset + length > file.weights_bytes:
        raise ModelError(
            f"weight {tensor.name!r} is at bytes {offset} to {offset + length}; expected them within the "
            f"{file.weights_bytes} bytes of weights: export the model again"
        )
    del tensor.external_data[:]
    place = {"location": file.path.name, "offset": str(file.weights_start + offset), "length": str(length)}
    for key, value in place.items():
        tensor.external_data.add(key=key, value=value)


def _bytes(tensor: Any) -> int:  # noqa: ANN401
    external: Sequence[str] = [entry.value for entry in tensor.external_data if entry.key == "length"]
    if external:
        return int(external[0])
    return len(tensor.raw_data) or 4 * prod(tensor.dims)
