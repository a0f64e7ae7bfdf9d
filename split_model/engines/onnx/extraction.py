"""A part of a network as a small model: from the values of some layers to those of others, and to outputs.

The walk goes back by the names of values, from those wanted to those given. A node that is computed from weights alone
belongs to every part that reads it. Weights are references into the model file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from split_model.definition import Definition
from split_model.engines.engine import PartSpec
from split_model.engines.onnx.names import output_name, tensor_names
from split_model.engines.onnx.network import Network
from split_model.errors import MissingTensorError, UnsupportedModelError
from split_model.specs import TensorSpec

if TYPE_CHECKING:
    import onnx

__all__ = ["Extracted", "extract"]


@dataclass(frozen=True, slots=True)
class Extracted:
    """A part as a model.

    Attributes:
        model: The model.
        feeds: For each of its inputs the name, the layer, and the position of the tensor in the layer's value.
        wanted: The names of its outputs.
        weight_bytes: Bytes of the weights that it reads.
    """

    model: "onnx.ModelProto"
    feeds: tuple[tuple[str, str, int], ...]
    wanted: tuple[str, ...]
    weight_bytes: int


def extract(network: Network, definition: Definition, spec: PartSpec) -> Extracted | None:
    """Extracts a part.

    Args:
        network: The whole network.
        definition: The model's layers.
        spec: The part. Layers that are feeds are not in the extracted model.

    Returns:
        The model; `None` if every wanted value is a feed.

    Raises:
        MissingTensorError: A value needs a model input that is not among the feeds.
        UnsupportedModelError: A value is not in the network, or has a dtype that ONNX Runtime does not take.
    """
    specs = definition.layer_specs
    given = {
        name: (layer, place)
        for layer in spec.feeds
        for place, name in enumerate(tensor_names(layer, len(specs[layer])))
    }
    types = {
        name: tensor
        for layer in (*spec.feeds, *spec.layers)
        for name, tensor in zip(tensor_names(layer, len(specs[layer])), specs[layer], strict=True)
    }
    wanted = [
        name
        for layer in spec.layers
        if layer not in spec.feeds
        for name in tensor_names(layer, len(specs[layer]))
    ]
    leaves = {output_name(output.path): output.tensor for output in definition.outputs.specs}
    wanted += [output_name(path) for path in spec.outputs]
    if not wanted:
        return None
    nodes, read = _walk(network, wanted, given)
    used = tuple((name, *place) for name, place in given.items() if name in read)
    weights = [name for name in network.weights if name in read]
    model = _model(network, nodes, weights)
    model.graph.input.extend(_value(name, types[name]) for name, _, _ in used)
    model.graph.output.extend(_value(name, {**types, **leaves}[name], shaped=False) for name in wanted)
    return Extracted(model, used, tuple(wanted), sum(network.weight_bytes[name] for name in weights))


def _walk(network: Network, wanted: Iterable[str], given: Iterable[str]) -> tuple[list[int], set[str]]:
    """The positions of the nodes between given and wanted values, and the names of all values that these read."""
    given = frozenset(given)
    nodes: set[int] = set()
    read: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in read:
            continue
        read.add(name)
        if name in given or name in network.weights:
            continue
        position = network.maker.get(name)
        if position is None:
            if name in network.inputs:
                raise MissingTensorError(name)
            raise UnsupportedModelError(f"the network has no value {name!r}: export the model again")
        if position not in nodes:
            nodes.add(position)
            waiting.extend(network.reads[position])
    return sorted(nodes), read


def _model(network: Network, nodes: Iterable[int], weights: Iterable[str]) -> "onnx.ModelProto":
    import onnx  # noqa: PLC0415  # a model without this engine needs no onnx

    model = onnx.ModelProto()
    model.CopyFrom(network.frame)
    model.graph.name = "part"
    model.graph.node.extend(network.nodes[position] for position in nodes)
    model.graph.initializer.extend(network.weights[name] for name in weights)
    return model


def _value(name: str, spec: TensorSpec, *, shaped: bool = True) -> "onnx.ValueInfoProto":
    """The declaration of an input or output; sizes that depend on values stay open, as do those of outputs."""
    from onnx import TensorProto, helper  # noqa: PLC0415

    kind = TensorProto.DataType.Value({"float32": "FLOAT", "float64": "DOUBLE"}.get(spec.dtype, spec.dtype.upper()))
    return helper.make_tensor_value_info(name, kind, spec.shape if shaped else None)
