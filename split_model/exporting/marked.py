"""A trace as a module that marks the value of every layer on its way to those who read it.

A mark is an operator that no pass of the exporter knows: nothing is fused or folded across it, and each reader of a
layer reads behind its mark. Values of their own stand for outputs, too, which may share one tensor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from split_model.engines.onnx.names import output_name, tensor_names
from split_model.exporting.substitutes import substitute_of
from split_model.rests.form import argument_path
from split_model.trace.layering import Layering
from split_model.trace.operators import VIEW, packet
from split_model.trace.rest import rest_of
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of, substitute

__all__ = ["MARK", "MARK_DOMAIN", "MarkedTrace", "Traced"]

MARK_DOMAIN = "dads"
MARK = "Named"
"""The operator that marks a value; its attribute `name` is the value's name in the network."""


class Traced(NamedTuple):
    """A trace with what its export needs."""

    trace: Trace
    layering: Layering
    output_paths: Sequence[str]


class MarkedTrace(nn.Module):
    """Runs a trace up to its rest.

    Args:
        trace: As heads and tails run it.
        layering: Its layers.
        output_paths: One per leaf of the return value.

    Attributes:
        expected: The names of all values that the network must have, besides its inputs.
    """

    def __init__(self, trace: Trace, layering: Layering, output_paths: Sequence[str]) -> None:
        super().__init__()
        self._trace = trace
        self._root = layering.root
        self._behind_rest = _behind_rest(trace)
        self._outputs = _outputs(trace, output_paths)
        self.expected = tuple(
            name
            for layer, index in layering.node_of.items()
            if trace.nodes[index].target is not None and index not in self._behind_rest
            for name in tensor_names(layer, len(layering.specs[layer]))
        ) + tuple(name for name, _ in self._outputs)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Inputs of zeros: the exporter reads shape and dtype only."""
        specs = [self._trace.nodes[index].specs[0] for index in self._trace.inputs if index is not None]
        return tuple(torch.zeros(spec.sizes, dtype=getattr(torch, spec.dtype)) for spec in specs if spec is not None)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Returns the outputs, or what the rest takes."""
        values: list[Argument] = [None] * len(self._trace.nodes)
        places = [index for index in self._trace.inputs if index is not None]
        for index, value in zip(places, inputs, strict=True):
            values[index] = value

        def leaf(argument: Argument) -> Argument:
            return values[argument.index] if isinstance(argument, Ref) else argument

        for index, node in enumerate(self._trace.nodes):
            if node.target is not None and index not in self._behind_rest:
                value = _computed(node, substitute(node.args, leaf), substitute(dict(node.kwargs), leaf))
                values[index] = _marked(node.name, value) if self._root[index] == index else value
        return tuple(_mark(name, values[index]) for name, index in self._outputs)


def _computed(node: Node, args: Sequence[Argument], kwargs: dict[str, Argument]) -> Argument:
    is_view = packet(node.target) in VIEW and str(node.target).endswith(".default")
    target = torch.ops.aten.reshape.default if is_view else substitute_of(node) or node.target
    assert target is not None  # noqa: S101  # for mypy: inputs are not computed
    value = target(*args, **kwargs)
    if node.keep is None:
        return value
    kept = tuple(value[position] for position in node.keep)
    return kept[0] if len(kept) == 1 else kept


def _marked(layer: str, value: Argument) -> Argument:
    if isinstance(value, Tensor):
        return _mark(layer, value)
    names = iter(tensor_names(layer, sum(isinstance(part, Tensor) for part in value)))
    return tuple(_mark(next(names), part) if isinstance(part, Tensor) else part for part in value)


def _mark(name: str, value: Tensor) -> Tensor:
    return torch.onnx.ops.symbolic(
        f"{MARK_DOMAIN}::{MARK}", (value,), {"name": name}, dtype=value.dtype, shape=value.shape, version=1
    )


def _behind_rest(trace: Trace) -> frozenset[int]:
    """The nodes of the rest and of what reads it."""
    rest = rest_of(trace)
    found: set[int] = set()
    for index, node in enumerate(trace.nodes):
        if node is rest or not found.isdisjoint(refs_of((node.args, node.kwargs))):
            found.add(index)
    return frozenset(found)


def _outputs(trace: Trace, paths: Sequence[str]) -> list[tuple[str, int]]:
    rest = rest_of(trace)
    if rest is not None:
        return [
            (output_name(argument_path(place)), argument.index)
            for place, argument in enumerate(rest.args)
            if isinstance(argument, Ref)
        ]
    pairs = zip(paths, trace.outputs, strict=True)
    return [(output_name(path), leaf.index) for path, leaf in pairs if isinstance(leaf, Ref)]
