"""Nested inputs and outputs, and the paths of their leaves.

A path joins dictionary keys, positions and field names by dots, as in `parts.0`; a dot inside a key is escaped by a
backslash. An output that is a bare tensor has the path `out`. Tuples, named tuples, lists and dictionaries are nested
values everywhere; where torch is loaded, so are the types registered in `torch.utils._pytree`, such as dataclasses. A
registered type may refuse to hold arrays, so in their place arrays are nested in dictionaries (`Nesting.plain`).
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from split_model.errors import UnsupportedModelError

__all__ = ["BARE", "LEAF", "Nesting", "Tree", "flatten", "map_leaves", "paths_of", "unflatten"]

Tree = Any
"""A value nested in tuples, lists, dictionaries and registered types."""

BARE = "out"


@dataclass(frozen=True, slots=True)
class Nesting:
    """The nesting of a `Tree`, without its leaves; equal for values that are nested alike.

    Attributes:
        kind: The type of the outermost level; `None` for a leaf.
        keys: The key, position or field name of each part.
        parts: The nestings of the parts.
        context: What a registered type needs besides its parts; `None` for other types.
    """

    kind: type | None = None
    keys: tuple[Any, ...] = ()
    parts: tuple["Nesting", ...] = ()
    context: Any = None

    @property
    def leaves(self) -> int:
        """Number of leaves."""
        return 1 if self.kind is None else sum(part.leaves for part in self.parts)

    @property
    def plain(self) -> "Nesting":
        """The same with dictionaries in place of registered types."""
        parts = tuple(part.plain for part in self.parts)
        if self.kind is None or _is_plain(self.kind):
            return Nesting(self.kind, self.keys, parts)
        return Nesting(dict, self.keys, parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Nesting):
            return NotImplemented
        mine, others = ((_sort(one.kind), one.keys, one.parts, one.context) for one in (self, other))
        return mine == others

    def __hash__(self) -> int:
        return hash((_sort(self.kind), self.keys, self.parts))


LEAF = Nesting()


def paths_of(tree: Tree, *, top: Sequence[str] = ()) -> tuple[str, ...]:
    """Names every leaf of a nested value, `None` and numbers included, in flattening order.

    Args:
        tree: A nested value, or its nesting.
        top: Names for the positions of the outermost level (parameter names of a call); other positions are numbered.

    Raises:
        UnsupportedModelError: Two leaves have the same path (keys `1` and `"1"` in one dictionary).
    """
    nesting = tree if isinstance(tree, Nesting) else flatten(tree)[1]
    if nesting.kind in {tuple, list} and top:
        named = (*top, *map(str, nesting.keys))[: len(top)] + tuple(map(str, nesting.keys))[len(top) :]
        nesting = Nesting(dict, named[: len(nesting.keys)], nesting.parts)
    paths = tuple(".".join(parts) or BARE for parts in _walk(nesting))
    if len(set(paths)) != len(paths):
        raise UnsupportedModelError(f"two places of a nested value have the same path, among {sorted(paths)}")
    return paths


def flatten(tree: Tree) -> tuple[list[Any], Nesting]:
    """Splits a nested value into its leaves and its nesting."""
    leaves: list[Any] = []
    return leaves, _take(tree, leaves)


def unflatten(leaves: Sequence[Any], nesting: Nesting) -> Tree:
    """Restores a nested value from its leaves and its nesting.

    Raises:
        ValueError: More or fewer leaves than the nesting has.
    """
    if len(leaves) != nesting.leaves:
        raise ValueError(f"expected {nesting.leaves} leaves, got {len(leaves)}")
    return _put(iter(leaves), nesting)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """Copies a nested value, replacing every leaf by `function(leaf)`."""
    leaves, nesting = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], nesting)


def _walk(nesting: Nesting) -> Iterator[tuple[str, ...]]:
    if nesting.kind is None:
        yield ()
    for key, part in zip(nesting.keys, nesting.parts, strict=True):
        for rest in _walk(part):
            yield (str(key).replace(".", "\\."), *rest)


def _take(tree: Tree, leaves: list[Any]) -> Nesting:
    kind = type(tree)
    if kind is tuple or kind is list:
        return Nesting(kind, tuple(range(len(tree))), tuple(_take(part, leaves) for part in tree))
    if kind in {dict, OrderedDict}:
        return Nesting(kind, tuple(tree), tuple(_take(part, leaves) for part in tree.values()))
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return Nesting(kind, tuple(kind._fields), tuple(_take(part, leaves) for part in tree))
    registered = _registered(kind)
    if registered is None:
        leaves.append(tree)
        return LEAF
    parts, context = registered.flatten_fn(tree)
    keys: Sequence[Any] = range(len(parts))
    if registered.flatten_with_keys_fn is not None:
        keys = [_key(key) for key, _ in registered.flatten_with_keys_fn(tree)[0]]
    return Nesting(kind, tuple(keys), tuple(_take(part, leaves) for part in parts), context)


def _put(leaves: Iterator[Any], nesting: Nesting) -> Tree:
    kind = nesting.kind
    if kind is None:
        return next(leaves)
    parts = [_put(leaves, part) for part in nesting.parts]
    if kind in {tuple, list}:
        return kind(parts)
    if kind in {dict, OrderedDict}:
        return kind(zip(nesting.keys, parts, strict=True))
    if hasattr(kind, "_fields"):
        return kind(*parts)
    return _registered(kind).unflatten_fn(parts, nesting.context)


def _is_plain(kind: type) -> bool:
    return kind in {tuple, list, dict, OrderedDict} or hasattr(kind, "_fields")


def _registered(kind: type) -> Any:  # noqa: ANN401  # torch's own, which may be missing
    pytree: Any = sys.modules.get("torch.utils._pytree")
    return None if pytree is None else pytree.SUPPORTED_NODES.get(kind)


def _key(key: object) -> object:
    for attribute in ("key", "idx", "name"):  # of MappingKey, SequenceKey, GetAttrKey
        if hasattr(key, attribute):
            return getattr(key, attribute)
    return key


def _sort(kind: type | None) -> object:
    """The kind, or the name of a named tuple's: classes of named tuples that a model file tells of are made anew."""
    return kind.__name__ if kind is not None and hasattr(kind, "_fields") else kind
