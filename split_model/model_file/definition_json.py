"""`Definition` in JSON: what a model is, without its weights and arrays."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from partitioner import Layer, LayerGraph, PartitionError
from pictures import Preprocess
from pictures.errors import PreprocessError
from split_model.arguments import ExpectedInputs
from split_model.definition import Definition, Returned
from split_model.errors import ModelFileError
from split_model.model_file.layout import MOST_LAYERS
from split_model.model_file.nesting_json import (
    FixedJson,
    Json,
    NestingJson,
    fixed_json,
    fixed_of,
    nesting_json,
    nesting_of,
)
from split_model.specs import ITEM_BYTES, TensorSpec, ValueSpec
from split_model.values import Array

__all__ = ["DefinitionJson", "definition_json", "definition_of"]

_MOST_BYTES = 1 << 48


def _known(dtype: str) -> str:
    if dtype not in ITEM_BYTES:
        raise ValueError(f"expected one of {', '.join(ITEM_BYTES)}")
    return dtype


Name = Annotated[str, Field(min_length=1, max_length=4096)]
Size = Annotated[int, Field(ge=0, le=_MOST_BYTES)]


class TensorJson(Json):
    """Dtype and shape; a size that depends on values is `null`."""

    dtype: Annotated[str, AfterValidator(_known)]
    shape: Annotated[tuple[Size | None, ...], Field(max_length=32)]


class LayerJson(Json):
    """A layer: what it reads, the tensors of its value, their bytes on the wire, and its name for people."""

    name: Name
    inputs: tuple[Name, ...]
    tensors: tuple[TensorJson, ...]
    output_bytes: Size
    sendable: bool = True
    place: str


class TensorLeafJson(Json):
    """A tensor in inputs or outputs: the layer whose elements it has, `null` for a constant output."""

    path: str
    layer: Name | None
    tensor: TensorJson


class FixedLeafJson(Json):
    """Another leaf: a number, a text or `null`, fixed when the model was traced."""

    path: str
    value: FixedJson


class InputsJson(Json):
    """What the inputs of a call must be: the names of the arguments, their nesting and its leaves."""

    names: tuple[str, ...]
    nesting: NestingJson
    leaves: tuple[TensorLeafJson | FixedLeafJson, ...]


class OutputsJson(Json):
    """What the model returns."""

    nesting: NestingJson | None
    leaves: tuple[TensorLeafJson | FixedLeafJson, ...]


class DefinitionJson(Json):
    """What a model is, as `split_model.definition.Definition` tells."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    layers: Annotated[tuple[LayerJson, ...], Field(min_length=1, max_length=MOST_LAYERS)]
    output_layers: tuple[Name, ...]
    max_message_bytes: Annotated[float, Field(ge=0)] | None = None
    inputs: InputsJson
    outputs: OutputsJson
    rest: Name | None = None
    labels: tuple[str, ...] | None = None
    preprocess: str | None = None
    torch_version: Annotated[str, Field(max_length=100)]


def definition_json(definition: Definition) -> DefinitionJson:
    """The JSON of a definition; the arrays of its constant outputs are not in it.

    Raises:
        UnsupportedModelError: An input or output is nested in, or fixed to, what JSON cannot hold.
    """
    graph, inputs, outputs = definition.graph, definition.inputs, definition.outputs
    nesting = nesting_json(inputs.nesting)
    if nesting is None:
        raise ModelFileError("the nesting of the inputs is a leaf; expected a tuple of arguments")
    limited = graph.max_message_bytes != math.inf
    return DefinitionJson(
        digest=definition.digest,
        layers=tuple(_layer_json(layer, definition) for layer in graph.layers),
        output_layers=graph.outputs,
        max_message_bytes=float(graph.max_message_bytes) if limited else None,
        inputs=InputsJson(
            names=inputs.names,
            nesting=nesting,
            leaves=tuple(
                _leaf_json("input", path, layer, leaf)
                for (path, leaf), layer in zip(inputs.leaves, inputs.layers, strict=True)
            ),
        ),
        outputs=OutputsJson(
            nesting=nesting_json(outputs.nesting),
            leaves=tuple(
                _leaf_json("output", path, leaf.layer, leaf.tensor)
                if isinstance(leaf, ValueSpec)
                else _leaf_json("output", path, None, leaf)
                for path, leaf in outputs.leaves
            ),
        ),
        rest=definition.rest,
        labels=definition.labels,
        preprocess=None if definition.preprocess is None else str(definition.preprocess),
        torch_version=definition.torch_version,
    )


def definition_of(json: DefinitionJson, constants: Mapping[str, Array]) -> Definition:
    """The definition of JSON.

    Args:
        json: Of the right types; whether its parts agree is checked here.
        constants: The arrays of constant outputs, by path.

    Raises:
        ModelFileError: Its parts do not agree.
    """
    graph = _graph_of(json)
    specs = {layer.name: tuple(map(_spec_of, layer.tensors)) for layer in json.layers}
    for path, layer in ((leaf.path, leaf.layer) for leaf in json.outputs.leaves if isinstance(leaf, TensorLeafJson)):
        if layer is not None and layer not in graph.outputs:
            raise ModelFileError(f"output {path!r} is of layer {layer!r}, which is not among the output layers")
    if json.rest is not None and json.rest not in specs:
        raise ModelFileError(f"the rest {json.rest!r} is not a layer")
    inputs = _inputs_of(json.inputs)
    _check_inputs(inputs, graph, specs)
    return Definition(
        digest=json.digest,
        graph=graph,
        layer_specs=specs,
        inputs=inputs,
        outputs=_outputs_of(json.outputs, constants),
        places={layer.name: layer.place for layer in json.layers},
        rest=json.rest,
        labels=json.labels,
        preprocess=_preprocess_of(json.preprocess),
        torch_version=json.torch_version,
    )


def _layer_json(layer: Layer, definition: Definition) -> LayerJson:
    return LayerJson(
        name=layer.name,
        inputs=layer.inputs,
        tensors=tuple(map(_tensor_json, definition.layer_specs[layer.name])),
        output_bytes=layer.output_bytes,
        sendable=layer.sendable,
        place=definition.places[layer.name],
    )


def _leaf_json(what: str, path: str, layer: str | None, leaf: object) -> TensorLeafJson | FixedLeafJson:
    if isinstance(leaf, TensorSpec):
        return TensorLeafJson(path=path, layer=layer, tensor=_tensor_json(leaf))
    return FixedLeafJson(path=path, value=fixed_json(leaf, f"{what} {path!r}"))


def _tensor_json(spec: TensorSpec) -> TensorJson:
    return TensorJson(dtype=spec.dtype, shape=spec.shape)


def _spec_of(json: TensorJson) -> TensorSpec:
    spec = TensorSpec(json.dtype, json.shape)
    if spec.bytes > _MOST_BYTES:
        raise ModelFileError(f"a tensor has the shape {list(json.shape)}, which no memory holds")
    return spec


def _graph_of(json: DefinitionJson) -> LayerGraph:
    try:
        layers = tuple(Layer(layer.name, layer.inputs, layer.output_bytes, layer.sendable) for layer in json.layers)
        most = math.inf if json.max_message_bytes is None else json.max_message_bytes
        return LayerGraph(layers, json.output_layers, most)
    except PartitionError as error:
        raise ModelFileError(f"its layers are no graph: {error}") from error


def _inputs_of(json: InputsJson) -> ExpectedInputs:
    nesting = nesting_of(json.nesting)
    _check_leaves("inputs", nesting.leaves, tuple(leaf.path for leaf in json.leaves))
    return ExpectedInputs(
        names=json.names,
        nesting=nesting,
        leaves=tuple(
            (leaf.path, _spec_of(leaf.tensor) if isinstance(leaf, TensorLeafJson) else fixed_of(leaf.value))
            for leaf in json.leaves
        ),
        layers=tuple(leaf.layer if isinstance(leaf, TensorLeafJson) else None for leaf in json.leaves),
    )


def _outputs_of(json: OutputsJson, constants: Mapping[str, Array]) -> Returned:
    nesting = nesting_of(json.nesting)
    _check_leaves("outputs", nesting.leaves, tuple(leaf.path for leaf in json.leaves))
    leaves: list[tuple[str, object]] = []
    for leaf in json.leaves:
        if isinstance(leaf, TensorLeafJson):
            spec = _spec_of(leaf.tensor)
            leaves.append((leaf.path, ValueSpec(leaf.path, leaf.layer, spec.dtype, spec.shape)))
        else:
            leaves.append((leaf.path, fixed_of(leaf.value)))
    return Returned(nesting, tuple(leaves), constants)


def _check_leaves(what: str, expected: int, paths: tuple[str, ...]) -> None:
    if len(paths) != expected or len(set(paths)) != len(paths):
        raise ModelFileError(f"the {what} are nested in {expected} leaves, and {len(set(paths))} are described")


def _check_inputs(inputs: ExpectedInputs, graph: LayerGraph, specs: Mapping[str, tuple[TensorSpec, ...]]) -> None:
    """Every input layer gets one leaf, which is as its value."""
    fed = [layer for layer, (_, leaf) in zip(inputs.layers, inputs.leaves, strict=True) if isinstance(leaf, TensorSpec)]
    layers = [layer.name for layer in graph.layers if not layer.inputs]
    if sorted(map(str, fed)) != sorted(layers):
        raise ModelFileError(f"the input layers are {', '.join(layers)}, and inputs feed {', '.join(map(str, fed))}")
    for layer, (path, leaf) in zip(inputs.layers, inputs.leaves, strict=True):
        if layer is not None and specs[layer] != (leaf,):
            raise ModelFileError(f"input {path!r} is not as the value of its layer {layer!r}")
    if inputs.nesting.kind is not tuple or len(inputs.names) > len(inputs.nesting.parts):
        raise ModelFileError(f"the inputs are a tuple of arguments; its names are {', '.join(inputs.names)}")


def _preprocess_of(text: str | None) -> Preprocess | None:
    try:
        return None if text is None else Preprocess.parse(text)
    except PreprocessError as error:
        raise ModelFileError(f"its preprocessing cannot be read: {error}") from error
