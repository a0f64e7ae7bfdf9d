"""Folds layers by the modules that call them, opening as many modules as a page can hold.

Places are dotted paths, `layer2.0.conv1`. At first each outermost module is a box. Then the one with the most layers is
replaced by its parts, as long as the drawing stays legible. Where there are too many outermost modules, neighbours in a
chain are joined, the smallest first. A module's layers on the two sides are two boxes, and so are those that something
outside reads and writes in between: boxes never form a cycle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line imports this module, and `dads --help` must be fast
    from partitioner import LayerGraph

    _Path = tuple[str, ...]
    _Key = tuple[_Path, str]

__all__ = ["by_module"]

# After so many modules that do not fit, smaller ones are not tried: a live page draws again at each switch.
_FAILURES = 8
# With more boxes than this many pages hold, joining them one by one takes long and says little.
_FEW_ENOUGH = 3


def by_module(
    graph: LayerGraph,
    sides: Sequence[str],
    places: Sequence[str],
    most: int,
    is_legible: Callable[[list[int]], bool],
) -> list[int]:
    """Returns for each layer the first layer of its box.

    Args:
        graph: The model.
        sides: The side of each layer.
        places: The dotted path of each layer, in graph order.
        most: The most boxes that may be legible.
        is_legible: Whether a folding is legible, given as the value returned.
    """
    paths = [tuple(place.split(".")) for place in places]
    sizes, parts = _modules(paths)
    boxes = set(parts[()])
    group = _acyclic(graph, _keys(paths, sides, boxes))
    if not is_legible(group):
        return _joined(graph, sides, group, is_legible) if len(set(group)) <= _FEW_ENOUGH * most else group
    closed = [(-sizes[box], box) for box in boxes]
    heapify(closed)
    failures = 0
    while closed and failures < _FAILURES:
        _, box = heappop(closed)
        opened = boxes - {box} | parts[box]
        if not parts[box] or len(opened) > most:
            continue
        tried = _acyclic(graph, _keys(paths, sides, opened))
        if not is_legible(tried):
            failures += 1
            continue
        group, boxes = tried, opened
        for part in parts[box]:
            heappush(closed, (-sizes[part], part))
    return group


def _modules(paths: Sequence[_Path]) -> tuple[Counter[_Path], defaultdict[_Path, set[_Path]]]:
    """The number of layers in each module, and its parts."""
    sizes: Counter[_Path] = Counter()
    parts: defaultdict[_Path, set[_Path]] = defaultdict(set)
    for path in paths:
        for end in range(1, len(path) + 1):
            sizes[path[:end]] += 1
            parts[path[: end - 1]].add(path[:end])
    return sizes, parts


def _keys(paths: Sequence[_Path], sides: Sequence[str], boxes: set[_Path]) -> list[_Key]:
    """Each layer's box and side. A layer in a module that is open, not in one of its parts, is a box of its own."""
    return [
        (next((path[:end] for end in range(1, len(path)) if path[:end] in boxes), path), side)
        for path, side in zip(paths, sides, strict=True)
    ]


def _acyclic(graph: LayerGraph, keys: Sequence[_Key]) -> list[int]:
    """Groups layers of one key, into as few groups as keep the graph of groups acyclic, in graph order."""
    predecessors = graph.structure.predecessors
    first: dict[_Key, int] = {}
    whole = [first.setdefault(key, v) for v, key in enumerate(keys)]
    read: dict[int, set[int]] = {}
    for v, sources in enumerate(predecessors):
        read.setdefault(whole[v], set()).update(whole[u] for u in sources if whole[u] != whole[v])
    try:
        TopologicalSorter(read).prepare()
    except CycleError:
        return _pieces(predecessors, keys)
    return whole


def _pieces(predecessors: Sequence[Sequence[int]], keys: Sequence[_Key]) -> list[int]:
    """A layer joins its key's last group, unless one of its sources in another group depends on that group."""
    group: list[int] = []
    last: dict[_Key, int] = {}
    read: dict[int, set[int]] = {}
    for v, sources in enumerate(predecessors):
        mine = last.get(keys[v], v)
        others = {group[u] for u in sources} - {mine}
        if mine != v and _depends(read, others, mine):
            mine = v
        last[keys[v]] = mine
        group.append(mine)
        read.setdefault(mine, set()).update(others)
    return group


def _depends(read: dict[int, set[int]], groups: set[int], on: int) -> bool:
    seen, following = set(groups), list(groups)
    while following:
        group = following.pop()
        if group == on:
            return True
        new = read.get(group, set()) - seen
        seen |= new
        following += new
    return False


def _joined(
    graph: LayerGraph, sides: Sequence[str], group: list[int], is_legible: Callable[[list[int]], bool]
) -> list[int]:
    """Joins boxes of one side, of which one is the other's only source and reader, until the drawing is legible."""
    while not is_legible(group):
        above, below = _neighbours(graph, group)
        sizes = Counter(group)
        pairs = [
            (sizes[first] + sizes[before], first, before)
            for first, (before, *more) in above.items()
            if not more and below[before] == {first} and sides[before] == sides[first]
        ]
        if not pairs:
            return group
        _, first, before = min(pairs)
        group = [before if one == first else one for one in group]
    return group


def _neighbours(graph: LayerGraph, group: Sequence[int]) -> tuple[dict[int, list[int]], dict[int, set[int]]]:
    """The boxes that each box reads, if it reads any, and those that read it."""
    above: defaultdict[int, set[int]] = defaultdict(set)
    below: defaultdict[int, set[int]] = defaultdict(set)
    for v, sources in enumerate(graph.structure.predecessors):
        for box in {group[u] for u in sources} - {group[v]}:
            above[group[v]].add(box)
            below[box].add(group[v])
    return {first: sorted(boxes) for first, boxes in above.items()}, below
