"""Which values a part of a model needs: a walk back over the graph from what is wanted to what is given."""

from collections.abc import Collection, Sequence

from split_model.definition import Definition
from split_model.engines.engine import PartSpec
from split_model.errors import MissingTensorError, NotClosedError, UnknownLayerError, UnknownOutputError

__all__ = ["check_closed", "crossing", "head_spec", "parts_of_split", "remote_outputs", "tail_spec"]


def crossing(definition: Definition, edge: frozenset[str]) -> tuple[str, ...]:
    """The layers of an edge's part whose values it returns: those that layers outside read, and outputs."""
    graph = definition.graph
    wanted = {name for entry in graph.layers if entry.name not in edge for name in entry.inputs} | set(graph.outputs)
    return tuple(entry.name for entry in graph.layers if entry.name in edge and entry.name in wanted)


def remote_outputs(definition: Definition, edge: Collection[str]) -> tuple[str, ...]:
    """Paths of the outputs that the layers of `edge` do not compute."""
    return tuple(spec.path for spec in definition.outputs.specs if spec.layer is not None and spec.layer not in edge)


def head_spec(definition: Definition, edge: frozenset[str]) -> PartSpec:
    """The part that runs on the edge; `edge` is closed and holds every model input."""
    inputs = [entry.name for entry in definition.graph.layers if not entry.inputs]
    return tail_spec(definition, inputs, crossing(definition, edge), ())


def parts_of_split(definition: Definition, edge: frozenset[str]) -> tuple[PartSpec, ...]:
    """All that computes if one side runs both parts of a split: head, tail, and what makes the head's own outputs.

    Raises:
        UnknownLayerError: The graph has no layer of a name.
        NotClosedError: A model input, or a predecessor of a layer, is missing.
    """
    check_closed(edge, definition)
    head = head_spec(definition, edge)
    remote = remote_outputs(definition, edge)
    local = [spec.path for spec in definition.outputs.specs if spec.layer in edge]
    parts = head, *(tail_spec(definition, head.layers, (), paths) for paths in (remote, local))
    return tuple(part for part in parts if part.computes)


def tail_spec(
    definition: Definition, given: Collection[str], layers: Sequence[str], outputs: Sequence[str]
) -> PartSpec:
    """The part from some given layers' values to wanted layers and outputs.

    Args:
        definition: The model.
        given: Layers whose values are given; may be more than needed.
        layers: Wanted layers.
        outputs: Paths of wanted outputs.

    Raises:
        MissingTensorError: A model input is needed but not given; names the first in graph order.
        UnknownLayerError, UnknownOutputError: The model has no layer or output of a name.
    """
    known = definition.layer_specs
    for name in sorted({*given, *layers}):
        if name not in known:
            raise UnknownLayerError(name)
    layer_of = {spec.path: spec.layer for spec in definition.outputs.specs}
    for path in outputs:
        if path not in layer_of:
            raise UnknownOutputError(path, tuple(layer_of))
    needed = {*layers, *(layer for path in outputs if (layer := layer_of[path]) is not None)}
    feeds: list[str] = []
    missing: str | None = None
    for entry in reversed(definition.graph.layers):
        if entry.name not in needed:
            continue
        if entry.name in given:
            feeds.append(entry.name)
        elif entry.inputs:
            needed.update(entry.inputs)
        else:
            missing = entry.name
    if missing is not None:
        raise MissingTensorError(missing)
    return PartSpec(
        tuple(reversed(feeds)), tuple(layers), tuple(path for path in outputs if layer_of[path] is not None)
    )


def check_closed(edge: frozenset[str], definition: Definition) -> None:
    """Checks that a set of layers can be the edge's part.

    Raises:
        UnknownLayerError: The graph has no layer of a name.
        NotClosedError: A model input, or a predecessor of a layer, is missing.
    """
    unknown = edge - definition.layer_specs.keys()
    if unknown:
        raise UnknownLayerError(min(unknown))
    for entry in definition.graph.layers:
        if not entry.inputs and entry.name not in edge:
            raise NotClosedError(f"the edge must hold every model input; {entry.name!r} is missing")
        if entry.name in edge:
            for name in entry.inputs:
                if name not in edge:
                    raise NotClosedError(f"{entry.name!r} is on the edge, its predecessor {name!r} is not")
