"""`Trace`: a traced model as plain data, which the passes read and return.

A trace is a list of nodes in execution order. A node's arguments have a `Ref` for each value of an earlier node; all
other arguments are literals, or constant tensors after folding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from split_model.specs import TensorSpec

__all__ = ["Argument", "Node", "Ref", "Trace", "dtype_name", "refs_of", "substitute"]

Argument = Any
"""An operator's argument or value: tensors, numbers, lists of them, and in a trace `Ref`s."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of node `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a trace.

    Attributes:
        name: The exporter's unique name of an input or a call; a constant's name in the module.
        target: The operator; `None` for inputs and constants.
        args: Positional arguments, with a `Ref` for each earlier value.
        kwargs: Keyword arguments, likewise.
        specs: One per tensor of the value; `None` at positions of a tuple that have no tensor.
        is_tuple: Whether the operator returns a tuple or list of tensors.
        keep: After pruning, the positions of the operator's tuple that are read; with one position, the node's value is
            that tensor itself. `None` before pruning, or without a tuple.
        example_bytes: Bytes of the value for the example inputs, where they depend on values; else `None`.
        place: The path of the module that calls the operator; empty for the outermost one, and where it is unknown.
    """

    name: str
    target: Callable[..., Argument] | None = None
    args: tuple[Argument, ...] = ()
    kwargs: Mapping[str, Argument] = field(default_factory=dict)
    specs: tuple[TensorSpec | None, ...] = ()
    is_tuple: bool = False
    keep: tuple[int, ...] | None = None
    example_bytes: int | None = None
    place: str = ""

    @property
    def elements(self) -> int:
        """Number of elements of the value, summed over its tensors."""
        return sum(spec.elements for spec in self.specs if spec is not None)

    @property
    def bytes(self) -> int:
        """Bytes of the value."""
        if self.example_bytes is not None:
            return self.example_bytes
        return sum(spec.bytes for spec in self.specs if spec is not None)


@dataclass(frozen=True, slots=True)
class Trace:
    """A model's dataflow.

    Attributes:
        nodes: In execution order; arguments refer only to earlier nodes.
        inputs: The nodes of the model's inputs, in the order of the flattened arguments; `None` for an argument that is
            no tensor, whose value the export fixes.
        constants: The values of the nodes that are parameters, buffers or lifted literals; empty after folding.
        outputs: The flattened return value: `Ref`s, literals, and after folding constant tensors.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int | None, ...]
    constants: Mapping[int, Argument]
    outputs: tuple[Argument, ...]


def dtype_name(dtype: torch.dtype) -> str:
    """Numpy's name of a dtype, or `bfloat16`: `float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def refs_of(argument: object) -> Iterator[int]:
    """Yields the node indices inside an argument, in order, with repetitions."""
    if isinstance(argument, Ref):
        yield argument.index
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from refs_of(part)
    elif isinstance(argument, Mapping):
        for part in argument.values():
            yield from refs_of(part)


def substitute(argument: Argument, replace: Callable[[Argument], Argument]) -> Argument:
    """Copies an argument, replacing every leaf by `replace(leaf)`."""
    if isinstance(argument, tuple | list):
        return type(argument)(substitute(part, replace) for part in argument)
    if isinstance(argument, Mapping):
        return {key: substitute(part, replace) for key, part in argument.items()}
    return replace(argument)
