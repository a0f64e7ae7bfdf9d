"""Marks the layers of a model whose values the wire cannot carry, so that no split sends them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from partitioner import LayerGraph
from split_model import Model, TensorSpec, ValueSpec
from split_wire import fits, limits

__all__ = ["sendable_graph", "value_fits"]


def sendable_graph(model: Model) -> LayerGraph:
    """The model's graph with the limits of the wire, for decisions.

    A layer is not sendable if its value is too large for a message, or, for an output, if the tensors returned from it
    are. Together, the values of a cut have the same limit.
    """
    graph = model.graph
    returned: dict[str, list[ValueSpec]] = {}
    for spec in model.outputs:
        if spec.layer is not None:
            returned.setdefault(spec.layer, []).append(spec)
    layers = tuple(
        replace(
            layer, sendable=layer.sendable and value_fits(model, layer.name) and _fits(returned.get(layer.name, ()))
        )
        for layer in graph.layers
    )
    total_bytes = math.fsum(layer.output_bytes for layer in layers)
    if layers == graph.layers and total_bytes <= limits.MAX_CUT_BYTES:
        return graph
    return replace(graph, layers=layers, max_message_bytes=limits.MAX_CUT_BYTES)


def value_fits(model: Model, layer: str) -> bool:
    """Whether a layer's value can be sent at all; the limit of a message holds for the decoded tensors too."""
    specs = [spec.sent for spec in model.layer_specs[layer]]
    return fits(layer, [spec.sizes for spec in specs], sum(spec.bytes for spec in specs))


def _fits(outputs: Sequence[ValueSpec]) -> bool:
    """Whether the outputs of one layer can be sent; an output may repeat the elements of its layer's value."""
    specs = [TensorSpec(output.dtype, output.shape).sent for output in outputs]
    size_bytes = sum(spec.bytes for spec in specs)
    return all(fits(output.path, [spec.sizes], size_bytes) for output, spec in zip(outputs, specs, strict=True))
