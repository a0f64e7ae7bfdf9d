"""Pruning: removes identities, merges equal views, drops unused elements of tuples."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace

from torch import Tensor

from split_model.trace.folding import compact, renumber
from split_model.trace.operators import IDENTITY, RELABELLING, is_getitem, packet
from split_model.trace.trace import Argument, Node, Ref, Trace, refs_of, substitute

__all__ = ["prune"]


def prune(trace: Trace) -> Trace:
    """Simplifies a folded trace; keeps every layer that computes new data."""
    return _drop_unused_elements(_merge(trace))


def _merge(trace: Trace) -> Trace:
    """Removes identities, and merges equal relabelling operators on the same value.

    Functionalisation repeats a `chunk` for each of its parts; only the merged one visibly keeps every element.
    """
    stands_for: dict[int, int] = {}
    seen: dict[Hashable, int] = {}
    kept: list[int] = []
    direct = set(refs_of(trace.outputs))  # an output keeps its own node, even if it is a copy

    def leaf(value: Argument) -> Argument:
        return Ref(stands_for[value.index]) if isinstance(value, Ref) else value

    for index, node in enumerate(trace.nodes):
        if _is_identity(node) and index not in direct and isinstance(node.args[0], Ref):
            stands_for[index] = stands_for[node.args[0].index]
            continue
        stands_for[index] = index
        if packet(node.target) in RELABELLING or is_getitem(node):
            key = (node.target, _key(substitute(node.args, leaf)), _key(substitute(dict(node.kwargs), leaf)))
            stands_for[index] = seen.setdefault(key, index)
        if stands_for[index] == index:
            kept.append(index)
    return compact(renumber(trace, kept, stands_for))


def _is_identity(node: Node) -> bool:
    name = packet(node.target)
    if name == "aten.clone":  # dropout becomes a clone in evaluation; with a memory format it changes strides
        return node.kwargs.get("memory_format") is None
    return name in IDENTITY


def _key(argument: Argument) -> Hashable:
    if isinstance(argument, tuple | list):
        return tuple(_key(part) for part in argument)
    if isinstance(argument, dict):
        return tuple((name, _key(part)) for name, part in sorted(argument.items()))
    return ("constant", id(argument)) if isinstance(argument, Tensor) else (type(argument), argument)


def _drop_unused_elements(trace: Trace) -> Trace:
    """Drops the elements of tuples that no node reads; a tuple of one element becomes that tensor."""
    used: defaultdict[int, set[int]] = defaultdict(set)
    whole: set[int] = set(refs_of(trace.outputs))  # read as a tuple, not by element
    for node in trace.nodes:
        if is_getitem(node) and isinstance(node.args[0], Ref):
            used[node.args[0].index].add(node.args[1])
        else:
            whole.update(refs_of((node.args, node.kwargs)))
    nodes: list[Node] = []
    stands_for: dict[int, int] = {}
    kept: list[int] = []
    for index, node in enumerate(trace.nodes):
        stands_for[index] = index
        kept.append(index)
        if node.is_tuple and index not in whole:
            positions = tuple(sorted(used[index]))
            specs = tuple(node.specs[position] for position in positions)
            nodes.append(replace(node, keep=positions, specs=specs, is_tuple=len(positions) > 1))
        elif is_getitem(node) and (source := nodes[node.args[0].index]).keep is not None:
            nodes.append(replace(node, args=(node.args[0], source.keep.index(node.args[1]))))
            if not source.is_tuple:
                stands_for[index] = stands_for[node.args[0].index]
                kept.pop()
        else:
            nodes.append(node)
    return renumber(replace(trace, nodes=tuple(nodes)), kept, stands_for)
