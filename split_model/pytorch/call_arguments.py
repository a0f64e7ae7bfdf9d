"""What a module may be called with: example inputs in order of position, of types that a model can take or return."""

from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from numbers import Number

import torch
from torch import Tensor

from split_model.arguments import Arguments
from split_model.errors import UnsupportedModelError
from split_model.structure import Tree, flatten

__all__ = ["admit", "arguments_of"]


def arguments_of(
    example_inputs: Tree | Sequence[Tree] | Mapping[str, Tree], keywords: tuple[str, ...] = ()
) -> tuple[Arguments, tuple[Tree, ...]]:
    """The arguments that example inputs stand for, and the inputs in order of position.

    Args:
        example_inputs: The inputs in order of position, as a tuple or list, or one that is neither; or a mapping, which
            holds keyword arguments.
        keywords: The names of the last of them, if the module takes these by keyword.

    Raises:
        UnsupportedModelError: The mapping's keys are no names; or an input is of a type that no model takes.
    """
    if isinstance(example_inputs, Mapping):
        keywords, example_inputs = tuple(example_inputs), tuple(example_inputs.values())
    inputs = tuple(example_inputs) if isinstance(example_inputs, tuple | list) else (example_inputs,)
    if not all(isinstance(name, str) for name in keywords):
        raise UnsupportedModelError(
            "example inputs in a dictionary are keyword arguments, and the keys must be their names; "
            "a module that takes one dictionary has the example inputs ({...},)"
        )
    admit(inputs, "takes")
    return Arguments(keywords), inputs


def admit(tree: Tree, verb: str) -> None:
    """Checks what a nested value holds; makes dataclasses inside known to `torch.utils._pytree`, for this process.

    Args:
        tree: Example inputs, or a return value.
        verb: What the model does with it, for the error: `takes` or `returns`.

    Raises:
        UnsupportedModelError: A leaf is neither a tensor nor a number, text or `None`.
    """
    unknown = _unknown(tree)
    while unknown and all(is_dataclass(kind) for kind in unknown):
        for kind in unknown:
            torch.export.register_dataclass(kind)
        unknown = _unknown(tree)
    for kind in unknown:
        name = kind.__name__
        if "cache" in name.lower():
            raise UnsupportedModelError(
                f"the model {verb} a {name}, which grows from call to call; load it with use_cache=False"
            )
        if kind.__module__ == "numpy":
            raise UnsupportedModelError(f"the model {verb} a numpy {name}; make it a tensor: torch.from_numpy(array)")
        raise UnsupportedModelError(
            f"the model {verb} a value of type {name}; expected tensors, numbers and None, in tuples, lists, "
            "dictionaries or dataclasses, or a type registered by torch.utils._pytree.register_pytree_node"
        )


def _unknown(tree: Tree) -> list[type]:
    known = Tensor | Number | str | None
    return list(dict.fromkeys(type(leaf) for leaf in flatten(tree)[0] if not isinstance(leaf, known)))
