"""A traced model as plain data: what the passes (folding, pruning, layering, digest, schedule) read and return.

A `Trace` is a list of nodes in execution order. A node's arguments hold a `Ref` wherever the value of an earlier node
goes in; everything else in them is a literal, or a constant tensor once constants are folded.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch

__all__ = ["Argument", "Node", "Ref", "TensorSpec", "Trace", "refs_of", "substitute"]

Argument = Any
"""Whatever an operator takes or returns: tensors, numbers, lists of them, and in a trace a `Ref`."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of node `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Dtype (numpy's name, or `bfloat16`) and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size without padding."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return self.elements * dtype.itemsize


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a trace.

    Attributes:
        name: Of an input or a call, the exporter's own and unique; of a constant, its name in the module.
        target: The operator; `None` for inputs and constants.
        args: Positional arguments, with a `Ref` for each earlier value.
        kwargs: Keyword arguments, likewise.
        specs: One per tensor of the value; `None` where a tuple-valued operator gives none at that position.
        is_tuple: The operator returns a tuple or list of tensors, not one tensor.
        keep: Of a tuple-valued operator, the positions that anything uses; `None` while not pruned. With one position,
            the node's value is that tensor itself.
    """

    name: str
    target: Callable[..., Argument] | None = None
    args: tuple[Argument, ...] = ()
    kwargs: Mapping[str, Argument] = field(default_factory=dict)
    specs: tuple[TensorSpec | None, ...] = ()
    is_tuple: bool = False
    keep: tuple[int, ...] | None = None

    @property
    def elements(self) -> int:
        """Number of elements of the value, summed over its tensors."""
        return sum(spec.elements for spec in self.specs if spec is not None)


@dataclass(frozen=True, slots=True)
class Trace:
    """A model's dataflow.

    Attributes:
        nodes: In execution order: arguments refer to earlier nodes only.
        inputs: The nodes of the model's inputs, in the order of the flattened call; `None` where the example input was
            not a tensor (such inputs are fixed by the export).
        constants: Values of the nodes that are parameters, buffers or lifted literals. Empty after folding.
        outputs: The flattened return value: a `Ref`, a literal, or after folding a constant tensor.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int | None, ...]
    constants: Mapping[int, Argument]
    outputs: tuple[Argument, ...]


def refs_of(argument: object) -> Iterator[int]:
    """Yields the node indices inside an argument, in order, repeats included."""
    if isinstance(argument, Ref):
        yield argument.index
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from refs_of(part)
    elif isinstance(argument, Mapping):
        for part in argument.values():
            yield from refs_of(part)


def substitute(argument: Argument, replace: Callable[[Argument], Argument]) -> Argument:
    """Copies an argument with every leaf passed through `replace`."""
    if isinstance(argument, tuple | list):
        return type(argument)(substitute(part, replace) for part in argument)
    if isinstance(argument, Mapping):
        return {key: substitute(part, replace) for key, part in argument.items()}
    return replace(argument)
