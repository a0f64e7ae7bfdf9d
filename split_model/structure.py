"""Nested inputs and outputs, and the paths of their leaves.

A path joins dictionary keys, positions and field names by dots, as in `parts.0`; a dot inside a key is escaped by a
backslash. An output that is a bare tensor has the path `out`.
"""

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from numbers import Number
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from split_model.errors import UnsupportedModelError

__all__ = ["BARE", "Nesting", "Tree", "admit", "flatten", "map_leaves", "paths_of", "unflatten"]

Tree = Any
"""A value nested in tuples, lists, dictionaries and the other types that `torch.utils._pytree` knows."""

Nesting = Any
"""The nesting of a `Tree`, without its leaves; equal for values that are nested alike."""

BARE = "out"


def paths_of(tree: Tree, *, top: Sequence[str] = ()) -> tuple[str, ...]:
    """Names every leaf of a nested value, `None` and numbers included, in flattening order.

    Args:
        tree: Any nesting that `torch.utils._pytree` knows.
        top: Names for the positions of the outermost level (parameter names of a call); other positions are numbered.

    Raises:
        UnsupportedModelError: Two leaves have the same path (keys `1` and `"1"` in one dictionary).
    """
    paths = []
    for keys, _ in pytree.tree_flatten_with_path(tree)[0]:
        parts = [_part(key) for key in keys]
        if parts and isinstance(keys[0], pytree.SequenceKey) and keys[0].idx < len(top):
            parts[0] = top[keys[0].idx]
        paths.append(".".join(parts) or BARE)
    if len(set(paths)) != len(paths):
        raise UnsupportedModelError(f"two places of a nested value have the same path, among {sorted(paths)}")
    return tuple(paths)


def _part(key: object) -> str:
    for attribute in ("key", "idx", "name"):  # of MappingKey, SequenceKey, GetAttrKey
        if hasattr(key, attribute):
            return str(getattr(key, attribute)).replace(".", "\\.")
    return str(key)


def flatten(tree: Tree) -> tuple[list[Any], Nesting]:
    """Splits a nested value into its leaves and its nesting."""
    return pytree.tree_flatten(tree)


def unflatten(leaves: Sequence[Any], nesting: Nesting) -> Tree:
    """Restores a nested value from its leaves and its nesting."""
    return pytree.tree_unflatten(list(leaves), nesting)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Copies a nested value, replacing every leaf by `function(leaf)`."""
    leaves, nesting = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], nesting)


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
