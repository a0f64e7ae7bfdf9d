"""Folds a layer graph with its split into as many boxes as a page can hold.

Levels of detail, each with fewer boxes: every layer; the modules that call them (`modules`); chains of layers on one
side; whole blocks (from after a fork to its join) on one side; runs of such blocks and chains; and, for a block that is
cut in many places, all its layers on one side. A box never holds layers of both sides, so every tensor that is sent is
drawn at every level.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from dads.drawing.modules import by_module

if TYPE_CHECKING:  # the command line imports this module, and `dads --help` must be fast
    from partitioner import LayerGraph

    _Folder = Callable[[LayerGraph, Sequence["Side"]], list[int]]

# The most that is legible on one page; the first level of detail within these limits is drawn.
_LEGIBLE_BOXES = 44
_LEGIBLE_ARROWS = 90
_LEGIBLE_ROWS = 24


class Fold(StrEnum):
    """How far to fold."""

    AUTO = "auto"
    LAYERS = "layers"
    MODULES = "modules"
    CHAINS = "chains"
    BLOCKS = "blocks"
    RUNS = "runs"
    SIDES = "sides"


class Side(StrEnum):
    """Where a box's layers run; NONE without a split."""

    EDGE = "edge"
    CLOUD = "cloud"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Box:
    """Some layers drawn as one.

    Attributes:
        layers: Their names in graph order, at least one.
        side: Where all of them run.
        branches: How many of them read a layer outside the box; 1 for a chain.
        is_chain: Whether each of them reads only the one before.
        is_input: Whether one of them is a model input.
        is_output: Whether one of them is a model output.
    """

    layers: tuple[str, ...]
    side: Side
    branches: int
    is_chain: bool
    is_input: bool
    is_output: bool


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from one box to another.

    Attributes:
        source: Position of the box it leaves.
        target: Position of the box it enters, always larger.
        sent: Names of the layers whose tensors are sent to the cloud along it; empty within one side.
    """

    source: int
    target: int
    sent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoldedGraph:
    """Boxes in an order in which no arrow points back."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def fold(
    graph: LayerGraph,
    edge: frozenset[str] | None,
    detail: Fold = Fold.AUTO,
    places: Mapping[str, str] | None = None,
) -> FoldedGraph:
    """Folds a graph.

    Args:
        graph: The model.
        edge: Names of the layers on the edge, closed; None without a split.
        detail: How far to fold; AUTO takes the most detail that a page can hold.
        places: Each layer's place in the modules, by its name; None if unknown.
    """

    def modules(graph: LayerGraph, sides: Sequence[Side]) -> list[int]:
        paths = [(places or {}).get(layer.name, layer.name) for layer in graph.layers]
        return by_module(graph, sides, paths, _LEGIBLE_BOXES, lambda group: _is_legible(_folded(graph, sides, group)))

    sides = [_side_of(layer.name, edge) for layer in graph.layers]
    folders: dict[Fold, _Folder] = {
        Fold.LAYERS: _single_layers,
        Fold.MODULES: modules,
        Fold.CHAINS: _chains,
        Fold.BLOCKS: _blocks,
        Fold.RUNS: _runs,
        Fold.SIDES: _sides,
    }
    levels = [folders[detail]] if detail is not Fold.AUTO else list(folders.values())
    if places is None and detail is Fold.AUTO:
        levels.remove(modules)
    for folder in levels:
        folded = _folded(graph, sides, folder(graph, sides))
        if _is_legible(folded):
            break
    return folded


def _is_legible(folded: FoldedGraph) -> bool:
    if len(folded.boxes) > _LEGIBLE_BOXES or len(folded.arrows) > _LEGIBLE_ARROWS:
        return False
    rows = [1] * len(folded.boxes)
    for arrow in folded.arrows:  # sorted by their source, and every arrow points forwards
        rows[arrow.target] = max(rows[arrow.target], rows[arrow.source] + 1)
    return max(rows) <= _LEGIBLE_ROWS


def _side_of(name: str, edge: frozenset[str] | None) -> Side:
    if edge is None:
        return Side.NONE
    return Side.EDGE if name in edge else Side.CLOUD


def _single_layers(graph: LayerGraph, _: Sequence[Side]) -> list[int]:
    return list(range(len(graph)))


def _chains(graph: LayerGraph, sides: Sequence[Side]) -> list[int]:
    """Returns for each layer the first layer of its chain."""
    structure = graph.structure
    group = list(range(len(graph)))
    for v, sources in enumerate(structure.predecessors):
        if len(sources) == 1 and len(structure.successors[sources[0]]) == 1 and sides[v] == sides[sources[0]]:
            group[v] = group[sources[0]]
    return group


def _blocks(graph: LayerGraph, sides: Sequence[Side]) -> list[int]:
    """Returns for each layer the name of its block or chain: one of its layers, or the join before it.

    A block includes its join, so that one tensor leaves it. If the join is on the other side, the tensors of the
    block's own layers cross, and the block is not folded.
    """
    group = _chains(graph, sides)
    for block in _all_blocks(graph):
        if len({sides[v] for v in block}) == 1:
            # Layers after the join were in the join's chain; without it they are a box of their own.
            for v in block:
                group[v] = block[0]
    return group


def _all_blocks(graph: LayerGraph) -> list[range]:
    """Returns the blocks with branches: the layers from after each fork to its join, the join included.

    Forks and joins are layers that no arc passes, so every path crosses them. If there is an input between two such
    layers, the first is not a fork: both may even belong to one chain.
    """
    predecessors = graph.structure.predecessors
    passed = [False] * len(graph)
    furthest = 0
    for v, readers in enumerate(graph.structure.successors):
        passed[v] = furthest > v
        furthest = max([furthest, *readers])
    crossed = [v for v, by in enumerate(passed) if not by]
    blocks = [range(fork + 1, join + 1) for fork, join in pairwise(crossed) if join - fork > 1]
    return [block for block in blocks if all(predecessors[v] for v in block)]


def _runs(graph: LayerGraph, sides: Sequence[Side]) -> list[int]:
    """Returns for each layer the name of its run of blocks and chains."""
    return _joined_runs(graph, sides, _blocks(graph, sides))


def _sides(graph: LayerGraph, sides: Sequence[Side]) -> list[int]:
    """Returns for each layer the name of its run, or of its side of a block that is cut."""
    group = _blocks(graph, sides)
    for block in _all_blocks(graph):
        if len({sides[v] for v in block}) > 1:
            leaders: dict[Side, int] = {}
            for v in block:
                # A chain that begins before the block or continues after it stays together.
                leader = leaders.setdefault(sides[v], group[v])
                group = [leader if other == group[v] else other for other in group]
    return _joined_runs(graph, sides, group)


def _joined_runs(graph: LayerGraph, sides: Sequence[Side], group: list[int]) -> list[int]:
    """Joins each group to the one before it, if that one is its only source and it is that one's only target."""
    above: dict[int, set[int]] = {}
    below: dict[int, set[int]] = {}
    for v, sources in enumerate(graph.structure.predecessors):
        for u in sources:
            if group[u] != group[v]:
                above.setdefault(group[v], set()).add(group[u])
                below.setdefault(group[u], set()).add(group[v])
    leader = {first: first for first in group}
    for first in sorted(above):
        if len(above[first]) == 1:
            (before,) = above[first]
            if below[before] == {first} and sides[before] == sides[first]:
                leader[first] = leader[before]
    return [leader[first] for first in group]


def _folded(graph: LayerGraph, sides: Sequence[Side], group: Sequence[int]) -> FoldedGraph:
    members: dict[int, list[int]] = {}
    read: dict[int, set[int]] = {}
    for v, sources in enumerate(graph.structure.predecessors):
        members.setdefault(group[v], []).append(v)
        read.setdefault(group[v], set()).update(group[u] for u in sources if group[u] != group[v])
    firsts = list(graphlib.TopologicalSorter(read).static_order())
    position = {first: i for i, first in enumerate(firsts)}
    boxes = tuple(_box(graph, sides[first], members[first]) for first in firsts)
    flows: dict[tuple[int, int], list[str]] = {}
    for v, sources in enumerate(graph.structure.predecessors):
        for u in sources:
            if group[u] != group[v]:
                sent = flows.setdefault((position[group[u]], position[group[v]]), [])
                if sides[u] != sides[v] and graph.layers[u].name not in sent:
                    sent.append(graph.layers[u].name)
    arrows = tuple(Arrow(source, target, tuple(sent)) for (source, target), sent in sorted(flows.items()))
    return FoldedGraph(boxes, arrows)


def _box(graph: LayerGraph, side: Side, members: Sequence[int]) -> Box:
    structure = graph.structure
    inside = set(members)
    entering = [v for v in members if not inside.issuperset(structure.predecessors[v])]
    return Box(
        layers=tuple(graph.layers[v].name for v in members),
        side=side,
        branches=len(entering),
        is_chain=all(u in structure.predecessors[v] for u, v in pairwise(members)) and len(entering) <= 1,
        is_input=not inside.isdisjoint(structure.inputs),
        is_output=not inside.isdisjoint(structure.outputs),
    )
