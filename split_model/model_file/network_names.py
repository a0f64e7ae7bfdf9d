"""Whether a network is that of a definition: each layer's tensors and each output have their names in it."""

from collections.abc import Iterable

import onnx
from onnx import TensorProto

from split_model.definition import Definition
from split_model.engines.onnx.names import output_name, tensor_names
from split_model.errors import ModelFileError
from split_model.specs import TensorSpec

__all__ = ["check_names"]

_DTYPES = {"float": "float32", "double": "float64"}
"""Numpy's names of ONNX's types, where they are not alike."""

_TYPES = frozenset(TensorProto.DataType.values())


def check_names(network: onnx.ModelProto, definition: Definition) -> None:
    """Checks that the network has everything that the definition names.

    What a rest returns may be missing: a rest may be run otherwise.

    Raises:
        ModelFileError: An input is no input layer, or of another type; a layer's tensor or an output is missing; or the
            nodes are not in topological order.
    """
    graph = network.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    layers = {layer.name for layer in definition.graph.layers if not layer.inputs}
    for value in inputs:
        if value.name not in layers:
            raise ModelFileError(f"the network has the input {value.name!r:.80}; expected {', '.join(sorted(layers))}")
        _check_type(value, definition.layer_specs[value.name][0])
    names = _values(graph, weights | {value.name for value in inputs})
    read = {name for layer in definition.graph.layers for name in layer.inputs} | set(definition.graph.outputs)
    wanted = {
        layer.name: tensor_names(layer.name, len(definition.layer_specs[layer.name]))
        for layer in definition.graph.layers
        if layer.name != definition.rest and (layer.inputs or layer.name in read)
    }
    for layer, tensors in wanted.items():
        _check_there(names, tensors, f"layer {layer!r}")
    for spec in definition.outputs.specs:
        if spec.layer is not None and spec.layer != definition.rest:
            _check_there(names, (output_name(spec.path),), f"output {spec.path!r}")


def _values(graph: onnx.GraphProto, given: set[str]) -> set[str]:
    """The values of a graph: each is made once, before it is read, so there is no cycle."""
    values = set(given)
    for node in graph.node:
        unknown = next((name for name in node.input if name and name not in values), None)
        if unknown is not None:
            raise ModelFileError(
                f"the network's {node.op_type:.40} reads {unknown!r:.80}, which no node before it makes"
            )
        made = [name for name in node.output if name]
        repeated = next((name for name in made if name in values), None)
        if repeated is not None or len(set(made)) < len(made):
            raise ModelFileError(f"two nodes of the network make the value {repeated or made[0]!r:.80}")
        values.update(made)
    return values


def _check_there(names: set[str], wanted: Iterable[str], what: str) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise ModelFileError(f"the network has no value {missing[0]!r}, expected of {what}")


def _check_type(value: onnx.ValueInfoProto, spec: TensorSpec) -> None:
    """Type, rank and those sizes that the network fixes."""
    tensor, wanted = value.type.tensor_type, spec.sent
    name = TensorProto.DataType.Name(tensor.elem_type).lower() if tensor.elem_type in _TYPES else "unknown"
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim]
    found = TensorSpec(_DTYPES.get(name, name), tuple(sizes))
    if found.dtype != wanted.dtype or not found.admits(wanted):
        raise ModelFileError(
            f"the network's input {value.name!r} is {found.dtype} {sizes}; expected {wanted.dtype} {list(wanted.shape)}"
        )
