"""Turns the marks of a network into names of values, and checks that each layer's value is there as it should be.

A mark behind a node gives its name to that node's value. Where that value has a name already, as an input or another
layer whose elements are the same, the mark becomes an `Identity`: each layer has a value of its own, which its readers
read.
"""

from collections.abc import Sequence

import onnx_ir

from split_model.engines.onnx.names import tensor_names
from split_model.errors import NoOnnxFormError
from split_model.exporting.marked import MARK, MARK_DOMAIN
from split_model.specs import TensorSpec
from split_model.trace.layering import Layering

__all__ = ["name_values"]


def name_values(network: onnx_ir.Model, layering: Layering, expected: Sequence[str]) -> None:
    """Names the network's values.

    Args:
        network: Reduced, with marks; it is changed.
        layering: The layers.
        expected: The names of all values that it must have, besides its inputs.

    Raises:
        NoOnnxFormError: A layer's value is missing, or of another dtype or shape than the layer's.
    """
    graph = network.graph
    inputs = [entry.name for entry in layering.graph.layers if not entry.inputs]
    for value, name in zip(graph.inputs, inputs, strict=True):
        value.name = name
    _rename_inner(graph, _named(graph, set(inputs)))
    network.opset_imports.pop(MARK_DOMAIN, None)
    graph.name = "network"
    _check(graph, layering, expected)


def _named(graph: onnx_ir.Graph, taken: set[str]) -> set[str]:
    """Resolves the marks; returns the names in use."""
    for node in list(graph):
        if (node.domain, node.op_type) != (MARK_DOMAIN, MARK):
            continue
        (source,), (made,) = node.inputs, node.outputs
        name = node.attributes["name"].as_string()
        assert source is not None  # noqa: S101  # for mypy: a mark has one input
        if source.producer() is None or source.name in taken:
            node.domain, node.op_type = "", "Identity"
            node.attributes.clear()
            made.name = name
        else:
            source.name, source.shape, source.type = name, made.shape, made.type
            made.replace_all_uses_with(source, replace_graph_outputs=True)
            graph.remove(node, safe=True)
        taken.add(name)
    return taken


def _rename_inner(graph: onnx_ir.Graph, taken: set[str]) -> None:
    """Names what is between layers by the layer that follows, so that the same trace gives the same names."""
    waiting: list[onnx_ir.Value] = []
    for node in [*graph, None]:
        outputs = () if node is None else node.outputs
        waiting += [value for value in outputs if value.name not in taken]
        layer = next((value.name for value in outputs if value.name in taken), None)
        if node is None or layer is not None:
            for number, value in enumerate(waiting):
                value.name = _free(f"{layer or 'unused'}:{number}", taken)
            waiting.clear()
    weights = list(graph.initializers.values())
    graph.initializers.clear()
    for number, value in enumerate(weights):
        value.name = _free(f"weight:{number}", taken)
        graph.initializers.add(value)
    for node in graph:
        node.name = node.outputs[0].name


def _free(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted += ":"
    taken.add(wanted)
    return wanted


def _check(graph: onnx_ir.Graph, layering: Layering, expected: Sequence[str]) -> None:
    specs = {
        name: spec
        for layer, tensors in layering.specs.items()
        for name, spec in zip(tensor_names(layer, len(tensors)), tensors, strict=True)
    }
    there = {value.name: value for node in graph for value in node.outputs}
    for name in expected:
        value = there.get(name)
        if value is None:
            raise NoOnnxFormError(f"layer {name} has no value of its own in ONNX; the model runs in torch")
        if name in specs and (found := _spec(value)) != specs[name]:
            raise NoOnnxFormError(f"layer {name} is {specs[name]}, but {found} in ONNX; the model runs in torch")


def _spec(value: onnx_ir.Value) -> TensorSpec:
    dtype = "unknown" if value.dtype is None else str(value.dtype.numpy())
    shape = () if value.shape is None else value.shape
    return TensorSpec(dtype, tuple(size if isinstance(size, int) else None for size in shape))
