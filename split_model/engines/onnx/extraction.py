"""A part of a network as a small model: from the values of some layers to those of others, and to outputs.

The walk goes back by the names of values, from those wanted to those given. A node that is computed from weights alone
belongs to every part that reads it. Weights are references into the model file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
        spec: The part.
        model: The model; `None` if every wanted value is a feed.
        feeds: For each of its inputs the name, the layer, and the position of the tensor in the layer's value.
        layers: For each wanted layer that is no feed, the names of its tensors.
        weight_bytes: Bytes of the weights that it reads.
        prepacks: Whether the runtime should reorder weights for operators.
    """

    spec: PartSpec
    model: "onnx.ModelProto | None"
    feeds: tuple[tuple[str, str, int], ...]
    layers: Mapping[str, tuple[str, ...]]
    weight_bytes: int
    prepacks: bool


def extract(network: Network, definition: Definition, spec: PartSpec) -> Extracted:
    """Extracts a part.

    Args:
        network: The whole network.
        definition: The model's layers.
        spec: The part. Layers that are feeds are not in the extracted model.

    Raises:
        MissingTensorError: A value needs a model input that is not among the feeds.
        UnsupportedModelError: A value is not in the network, or has a dtype that ONNX Runtime does not take.
    """
    types = _types(definition, spec)
    given = {name: place for name, place in types.items() if place.layer in spec.feeds}
    layers = {layer: _names(definition, layer) for layer in spec.layers if layer not in spec.feeds}
    wanted = [*(name for names in layers.values() for name in names), *map(output_name, spec.outputs)]
    if not wanted:
        return Extracted(spec, None, (), {}, 0, False)
    nodes, read = _walk(network, wanted, given)
    used = {name: place for name, place in given.items() if name in read}
    weights = [name for name in network.weights if name in read]
    model = _model(network, nodes, weights)
    model.graph.input.extend(_declared(name, place.spec) for name, place in used.items())
    model.graph.output.extend(_declared(name, types[name].spec, sized=False) for name in wanted)
    feeds = tuple((name, place.layer, place.position) for name, place in used.items())
    return Extracted(
        spec,
        model,
        feeds,
        layers,
        sum(network.weight_bytes[name] for name in weights),
        not network.prepacking.isdisjoint(nodes),
    )


class _Place(NamedTuple):
    """A tensor of a layer's value, or an output, which is no layer's."""

    layer: str
    position: int
    spec: TensorSpec


def _names(definition: Definition, layer: str) -> tuple[str, ...]:
    return tensor_names(layer, len(definition.layer_specs[layer]))


def _types(definition: Definition, spec: PartSpec) -> dict[str, _Place]:
    """The tensors of a part's feeds, layers and outputs, by name."""
    tensors = {
        name: _Place(layer, position, definition.layer_specs[layer][position])
        for layer in (*spec.feeds, *spec.layers)
        for position, name in enumerate(_names(definition, layer))
    }
    outputs = {output_name(output.path): _Place("", 0, output.tensor) for output in definition.outputs.specs}
    return {**tensors, **outputs}


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


def _declared(name: str, spec: TensorSpec, *, sized: bool = True) -> "onnx.ValueInfoProto":
    """The declaration of an input or output; sizes that depend on values stay open, as do those of outputs."""
    from onnx import TensorProto, helper  # noqa: PLC0415  # a model without this engine needs no onnx

    if spec.carried != spec:
        raise UnsupportedModelError(f"value {name!r} is {spec.dtype}, which ONNX Runtime does not take on a CPU")
    kind = {"float32": "FLOAT", "float64": "DOUBLE"}.get(spec.dtype, spec.dtype.upper())
    return helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), spec.shape if sized else None)
