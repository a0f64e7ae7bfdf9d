"""Appends the rest of a `TrunkAndRest` to its trunk's trace, as one node that calls Python code.

The passes see an operator that returns a tuple, and nothing else of it. The sizes of its tensors are unknown to them.
"""

import operator
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor, nn

from split_model import structure
from split_model.errors import UnsupportedModelError
from split_model.specs import TensorSpec
from split_model.structure import Tree
from split_model.trace.capture import Capture
from split_model.trace.fingerprint import fingerprint
from split_model.trace.trace import Argument, Node, Ref, Trace

__all__ = ["Rest", "rest_of", "with_rest"]

_NAME = "rest"


@dataclass(frozen=True, slots=True, repr=False)
class Rest:
    """The rest as an operator: takes the leaves of the trunk's return value, returns its own tensors.

    Attributes:
        module: The rest.
        taken: The nesting of the trunk's return value.
        contiguous: For each of its leaves, whether the trunk returns it in row-major order.
        returned: The nesting of the rest's return value.
        specs: One per leaf of it; `None` for a leaf that is `None`.
        text: What the digest knows of the rest.
    """

    module: nn.Module
    taken: structure.Nesting
    contiguous: tuple[bool, ...]
    returned: structure.Nesting
    specs: tuple[TensorSpec | None, ...]
    text: str

    def __call__(self, *leaves: Argument) -> tuple[Tensor, ...]:
        """Calls the rest on copies, because Python code may write into what it is given."""
        home = _home(self.module)
        copies = [_copy(leaf, home, row_major=is_so) for leaf, is_so in zip(leaves, self.contiguous, strict=True)]
        found, nesting = structure.flatten(self.module(structure.unflatten(copies, self.taken)))
        if nesting != self.returned:
            raise ValueError(
                f"expected a return value nested as for the example inputs, {self.returned}; got {nesting}"
            )
        for leaf, spec in zip(found, self.specs, strict=True):
            _check(leaf, spec)
        back = next((leaf.device for leaf in leaves if isinstance(leaf, Tensor)), None)
        return tuple(leaf if back is None else leaf.to(back) for leaf in found if isinstance(leaf, Tensor))

    def __repr__(self) -> str:
        return self.text


def with_rest(captured: Capture, rest: nn.Module, example: Tree) -> Capture:
    """Appends the rest to the capture of its trunk.

    Args:
        captured: The trunk.
        rest: The rest.
        example: What the trunk returns for the example inputs; it is not modified.

    Raises:
        UnsupportedModelError: The rest fails on the example, or returns leaves that are neither tensors nor `None`.
    """
    leaves, taken = structure.flatten(example)
    row_major = tuple(path in captured.contiguous_outputs for path in captured.output_paths)
    try:
        copies = [_copy(leaf, _home(rest), row_major=is_so) for leaf, is_so in zip(leaves, row_major, strict=True)]
        values, returned = structure.flatten(rest(structure.unflatten(copies, taken)))
    except Exception as error:  # Python code raises exceptions of any type
        raise UnsupportedModelError(
            f"the rest ({type(rest).__name__}) failed on the example inputs: {type(error).__name__}: {error}"
        ) from error
    paths = structure.paths_of(structure.unflatten(list(range(len(values))), returned))
    called = Rest(
        module=rest,
        taken=taken,
        contiguous=row_major,
        returned=returned,
        specs=tuple(_spec(path, value) for path, value in zip(paths, values, strict=True)),
        text=fingerprint(rest),
    )
    return _appended(captured, called, paths, sum(value.nbytes for value in values if isinstance(value, Tensor)))


def rest_of(trace: Trace) -> Node | None:
    """The node of the rest, whose arguments are the leaves that it takes; `None` for a trace without one."""
    return next((node for node in trace.nodes if isinstance(node.target, Rest)), None)


def _spec(path: str, value: object) -> TensorSpec | None:
    if value is None:
        return None
    if not isinstance(value, Tensor):
        raise UnsupportedModelError(
            f"the rest returns {type(value).__name__} at {path!r}; expected tensors, which can be sent: return "
            "torch.tensor(value), or leave it to postprocess"
        )
    spec = TensorSpec.of(value)
    return replace(spec, shape=(None,) * len(spec.shape))


def _appended(captured: Capture, rest: Rest, paths: tuple[str, ...], example_bytes: int) -> Capture:
    trace = captured.trace
    nodes = [
        replace(node, name=f"trunk.{node.name}") if index in trace.constants else node  # its name in the whole module
        for index, node in enumerate(trace.nodes)
    ]
    name = _free(_NAME, {node.name for node in nodes})
    specs = tuple(spec for spec in rest.specs if spec is not None)
    place = len(nodes)
    nodes.append(Node(name, rest, trace.outputs, specs=specs, is_tuple=True, example_bytes=example_bytes))
    outputs: list[Argument] = []
    for spec in rest.specs:
        if spec is None:
            outputs.append(None)
            continue
        position = len(nodes) - place - 1
        outputs.append(Ref(len(nodes)))
        nodes.append(Node(f"{name}_{position}", operator.getitem, (Ref(place), position), specs=(spec,)))
    return replace(
        captured,
        trace=replace(trace, nodes=tuple(nodes), outputs=tuple(outputs)),
        output_paths=paths,
        output_nesting=rest.returned,
        contiguous_outputs=frozenset(),
    )


def _home(module: nn.Module) -> torch.device | None:
    """Where a module's own tensors are; `None` if it has none and runs where its arguments are."""
    return next((tensor.device for tensor in chain(module.parameters(), module.buffers())), None)


def _copy(leaf: Argument, home: torch.device | None, *, row_major: bool) -> Argument:
    """A copy; a trunk in parts may have made another memory format than the whole one, and `view` would fail on it."""
    if not isinstance(leaf, Tensor):
        return leaf
    copied = leaf.clone(memory_format=torch.contiguous_format if row_major else torch.preserve_format)
    return copied if home is None else copied.to(home)


def _check(leaf: object, spec: TensorSpec | None) -> None:
    if spec is None:
        if leaf is not None:
            raise ValueError(f"returned {type(leaf).__name__} in a place of None")
        return
    expected = f"expected {spec.dtype} with {len(spec.shape)} dimensions, as for the example inputs"
    if not isinstance(leaf, Tensor):
        raise TypeError(f"{expected}; got {type(leaf).__name__}")
    if not spec.admits(TensorSpec.of(leaf)):
        raise ValueError(f"{expected}; got {TensorSpec.of(leaf)}")


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
