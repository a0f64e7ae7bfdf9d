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
    named: dict[onnx_ir.Value, str] = {}  # by value: the exporter's own names may be those of other layers
    inputs = [entry.name for entry in layering.graph.layers if not entry.inputs]
    named.update(zip(graph.inputs, inputs, strict=True))
    _resolve_marks(graph, named)
    _name_inner(graph, named)
    weights = list(graph.initializers.values())
    graph.initializers.clear()
    for value, name in named.items():
        value.name = name
    for value in weights:
        graph.initializers.add(value)
    for node in graph:
        node.name = node.outputs[0].name
    graph.name = "network"
    network.opset_imports.pop(MARK_DOMAIN, None)
    _check(graph, layering, expected)


def _resolve_marks(graph: onnx_ir.Graph, named: dict[onnx_ir.Value, str]) -> None:
    for node in list(graph):
        if (node.domain, node.op_type) != (MARK_DOMAIN, MARK):
            continue
        (source,), (made,) = node.inputs, node.outputs
        name = node.attributes["name"].as_string()
        assert source is not None  # noqa: S101  # for mypy: a mark has one input
        if source.producer() is None or source in named:
            node.domain, node.op_type = "", "Identity"
            node.attributes.clear()
            named[made] = name
        else:
            source.shape, source.type = made.shape, made.type
            named[source] = name
            made.replace_all_uses_with(source, replace_graph_outputs=True)
            graph.remove(node, safe=True)


def _name_inner(graph: onnx_ir.Graph, named: dict[onnx_ir.Value, str]) -> None:
    """Names what is between layers by the layer that follows, so that the same trace gives the same names."""
    taken = set(named.values())
    waiting: list[onnx_ir.Value] = []
    for node in [*graph, None]:
        outputs = () if node is None else node.outputs
        waiting += [value for value in outputs if value not in named]
        follows = next((named[value] for value in outputs if value in named), None)
        if node is None or follows is not None:
            for number, value in enumerate(waiting):
                named[value] = _free(f"{follows or 'unused'}:{number}", taken)
            waiting.clear()
    for number, value in enumerate(graph.initializers.values()):
        named[value] = _free(f"weight:{number}", taken)
    inner = (value for part in graph.subgraphs() for value in (*part.inputs, *_made(part)))  # of If and Loop
    for number, value in enumerate(value for value in inner if value not in named):
        named[value] = _free(f"inner:{number}", taken)


def _made(graph: onnx_ir.Graph) -> list[onnx_ir.Value]:
    return [value for node in graph for value in node.outputs]


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
