"""Weights beside the network: which tensors lie outside of it, where in `weights.bin`, and how long they are.

A tensor outside has ONNX's external data: `location` is `weights.bin`, `offset` and `length` are bytes inside it. Only
initializers of the main graph may lie outside.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from operator import itemgetter

import onnx
from google.protobuf.message import Message
from onnx import TensorProto, numpy_helper

from split_model.errors import ModelFileError, UnsupportedModelError
from split_model.model_file.layout import LEAST_EXTERNAL_BYTES, MOST_NODES, TENSOR_ALIGNMENT, WEIGHTS

__all__ = ["Placed", "check_external", "data_of", "without_weights"]

_BITS: dict[int, int] = {
    TensorProto.BOOL: 8,
    TensorProto.UINT8: 8,
    TensorProto.INT8: 8,
    TensorProto.UINT16: 16,
    TensorProto.INT16: 16,
    TensorProto.FLOAT16: 16,
    TensorProto.BFLOAT16: 16,
    TensorProto.UINT32: 32,
    TensorProto.INT32: 32,
    TensorProto.FLOAT: 32,
    TensorProto.UINT64: 64,
    TensorProto.INT64: 64,
    TensorProto.DOUBLE: 64,
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
}
"""Bits of one element, by type. Those of other types, such as texts, stay inside the network."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor's place in `weights.bin`, in bytes."""

    tensor: TensorProto
    offset: int
    length: int


def without_weights(network: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[Placed, ...]]:
    """The network with its larger initializers outside, and where each of these lies; their bytes are not copied.

    Notes of the exporter (documentation, metadata such as stack traces) are left out: they name files of its machine.

    Raises:
        UnsupportedModelError: A tensor lies in a file already.
    """
    for tensor in (*network.graph.initializer, *_inner_tensors(network)):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise UnsupportedModelError(
                f"the tensor {tensor.name!r} lies in a file; expected it in memory (onnx.load_external_data_for_model)"
            )
    slim = onnx.ModelProto()
    _copy(network, slim, {"graph", "doc_string", "metadata_props"})
    _copy(network.graph, slim.graph, {"initializer", "doc_string", "metadata_props"})
    for value in (*slim.graph.value_info, *slim.graph.input, *slim.graph.output, *slim.graph.node):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    placed: list[Placed] = []
    end = 0
    for tensor in network.graph.initializer:
        length = _length(tensor)
        if length is None or length < LEAST_EXTERNAL_BYTES:
            slim.graph.initializer.add().CopyFrom(tensor)
            continue
        offset = -(-end // TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT
        placed.append(Placed(tensor, offset, length))
        end = offset + length
        outside = slim.graph.initializer.add(name=tensor.name, dims=tensor.dims, data_type=tensor.data_type)
        outside.data_location = TensorProto.EXTERNAL
        for key, text in (("location", WEIGHTS), ("offset", str(offset)), ("length", str(length))):
            outside.external_data.add(key=key, value=text)
    return slim, tuple(placed)


def data_of(placed: Placed) -> bytes:
    """The bytes of a tensor: little-endian, row-major, two 4-bit numbers to a byte.

    Raises:
        UnsupportedModelError: They are not as many as its shape and type tell.
    """
    tensor = placed.tensor
    if not tensor.HasField("raw_data"):
        tensor = numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)
    if len(tensor.raw_data) != placed.length:
        raise UnsupportedModelError(
            f"the weight {tensor.name!r} has {len(tensor.raw_data)} bytes; expected {placed.length}, as its shape tells"
        )
    return tensor.raw_data


def check_external(network: onnx.ModelProto, weights_bytes: int) -> None:
    """Checks the places of a network's tensors.

    Raises:
        ModelFileError: A tensor lies elsewhere than in `weights.bin`, outside of it, where another one lies, or is not
            as long as its shape and type tell; or the network has too many nodes.
    """
    for tensor in _inner_tensors(network):
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ModelFileError(f"the tensor {tensor.name!r} lies outside the network, and is no weight of its graph")
    end, previous = 0, ""
    places = [
        _place(tensor)
        for tensor in network.graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data
    ]
    for offset, length, name in sorted(places, key=itemgetter(0, 1)):
        if offset < end or offset + length > weights_bytes:
            what = f"{previous!r} ends at {end}" if offset < end else f"{WEIGHTS} has {weights_bytes} bytes"
            raise ModelFileError(f"the weight {name!r} lies at {offset} to {offset + length}, but {what}")
        end, previous = offset + length, name


def _place(tensor: TensorProto) -> tuple[int, int, str]:
    name, entries = tensor.name, {entry.key: entry.value for entry in tensor.external_data}
    if entries.get("location") != WEIGHTS or entries.keys() != {"location", "offset", "length"}:
        raise ModelFileError(
            f"the weight {name!r:.80} lies in {entries.get('location')!r:.80}; expected {WEIGHTS}, offset and length"
        )
    numbers = [entries[key] for key in ("offset", "length")]
    if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in numbers):
        raise ModelFileError(f"the weight {name!r:.80} has the offset and length {numbers!r:.80}; expected bytes")
    offset, length = map(int, numbers)
    if tensor.data_location != TensorProto.EXTERNAL or length != _length(tensor) or offset % TENSOR_ALIGNMENT:
        raise ModelFileError(
            f"the weight {name!r:.80} has {length} bytes at {offset}; expected {_length(tensor)} as its shape and type "
            f"tell, at a multiple of {TENSOR_ALIGNMENT}"
        )
    return offset, length, name


def _length(tensor: TensorProto) -> int | None:
    """Bytes of a tensor, as its shape and type tell; `None` for types that stay inside the network."""
    bits = _BITS.get(tensor.data_type)
    if bits is None or any(size < 0 for size in tensor.dims):
        return None
    return -(-prod(tensor.dims) * bits // 8)


def _inner_tensors(network: onnx.ModelProto) -> Iterator[TensorProto]:
    """Tensors anywhere but in the main graph's initializers: in attributes, subgraphs, functions, sparse ones."""
    for sparse in network.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    nodes = [*network.graph.node, *(node for one in network.functions for node in one.node)]
    seen = 0
    while nodes:
        node = nodes.pop()
        seen += 1
        if seen > MOST_NODES:
            raise ModelFileError(f"the network has more than {MOST_NODES} nodes")
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from graph.initializer
                yield from (part for sparse in graph.sparse_initializer for part in (sparse.values, sparse.indices))
                nodes += graph.node


def _copy(source: Message, target: Message, leave: set[str]) -> None:
    """Copies a message's fields but for some: a copy of the whole would hold the weights twice."""
    for field, value in source.ListFields():
        if field.name in leave:
            continue
        if field.is_repeated:
            getattr(target, field.name).extend(value)
        elif field.message_type is not None:
            getattr(target, field.name).CopyFrom(value)
        else:
            setattr(target, field.name, value)
