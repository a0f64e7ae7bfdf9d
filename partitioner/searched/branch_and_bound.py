"""A search tree over where single layers run, bounded by weighted cuts: branch and bound for heavy load.

A bound by weighted cuts (see `partitioner.searched.dual_bounds`) is weak where the best weighted splits differ a lot,
for example nearly everything on the edge and nearly everything in the cloud. So a branch places the layer that
separates these most: on the edge, with all its ancestors, or in the cloud, with all its descendants. In deep graphs, as
models are, that halves the free layers. A few such steps confine the cut to a part of the model where weighted cuts are
tight. The node with the smallest bound is expanded first. Every split that is found is a candidate, and so are the
splits between two of them (see `partitioner.searched.walks`).

Reference: A. H. Land, A. G. Doig, "An Automatic Method of Solving Discrete Programming Problems", Econometrica 28
(1960), doi:10.2307/1910129.
"""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

import numpy as np

from partitioner.graph import Structure
from partitioner.scan import FloatArray
from partitioner.searched.dual_bounds import Question
from partitioner.searched.min_cut import BoolArray
from partitioner.searched.problem import Problem
from partitioner.searched.remainder import Remainder
from partitioner.searched.walks import best_on_the_way

_CUTS_PER_NODE = 12
_STEEP = 1e-3
# The next branch separates splits that are within this factor of the weighted minimum.
_NEAR = 1.01


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the search found and proved.

    Attributes:
        inside: bool [layers]: the best split found, None if none is better than the one that was known.
        lower_bound_s: No split has a smaller value, except perhaps the one that was known.
        cuts: How many minimum cuts were made.
    """

    inside: BoolArray | None
    lower_bound_s: float
    cuts: int


@dataclass(frozen=True, slots=True, eq=False)
class _Node:
    """Some layers are placed; a set of layers is an integer with a bit per layer, for fast unions and counts."""

    bound_s: float
    inside: int
    outside: int
    splits: list[BoolArray]
    stages: FloatArray
    weights: FloatArray


class BranchAndBound:
    """One search.

    Args:
        problem: The problem.
        question: What is minimised.
        known_s: Value of the best split known so far.
        splits: The known splits: bool [layers] each.
        gap: The search ends when its best split is within this factor of its bound,
        enough_s: or when the value of its best split is below this.
    """

    def __init__(
        self,
        problem: Problem,
        question: Question,
        known_s: float,
        splits: Iterable[BoolArray],
        *,
        gap: float,
        enough_s: float = 0.0,
    ) -> None:
        self._problem, self._question = problem, question
        self._count = len(problem.graph)
        self._best_s = known_s
        self._best: BoolArray | None = None
        self._gap, self._enough_s = gap, enough_s
        self._cuts = self._most_cuts = 0
        # Cuts are only compared with the gap, so they need not be more precise.
        self._precision = (gap - 1.0) / 100
        self._ancestors, self._descendants = _closures(problem.graph.structure)
        quartiles = np.quantile(problem.up, [0.25, 0.5, 0.75]).tolist()
        self._large = [_to_bits(problem.up > size) for size in quartiles]
        self._known = list(splits)
        self._closed_s, self._order = math.inf, count()
        self._heap: list[tuple[float, int, _Node]] = []

    def run(self, most_cuts: int) -> Found:
        """Searches until the best split is proven or good enough, or about `most_cuts` were made; call it once."""
        self._most_cuts = most_cuts
        for i, split in enumerate(self._known):
            self._consider(split, self._known[:i])
        kept = sum(1 << i for i in self._problem.graph.structure.kept)
        self._push(self._bounded(0.0, kept, 0, self._known))
        while self._heap and not self._is_over(self._heap[0][0]):
            _, _, node = heapq.heappop(self._heap)
            layer = self._layer_to_place(node)
            if layer is None:
                self._closed_s = min(self._closed_s, node.bound_s)
                continue
            on_edge = (node.inside | self._ancestors[layer], node.outside)
            in_cloud = (node.inside, node.outside | self._descendants[layer])
            for inside, outside in (on_edge, in_cloud):
                child = self._bounded(node.bound_s, inside, outside, node.splits)
                if self._is_closed(child.bound_s):
                    self._closed_s = min(self._closed_s, child.bound_s)
                else:
                    self._push(child)
        bound_s = min([self._closed_s, self._best_s, *(bound_s for bound_s, _, _ in self._heap)])
        return Found(self._best, bound_s, self._cuts)

    def _push(self, node: _Node) -> None:
        heapq.heappush(self._heap, (node.bound_s, next(self._order), node))

    def _is_over(self, bound_s: float) -> bool:
        return self._cuts >= self._most_cuts or self._best_s < self._enough_s or self._is_closed(bound_s)

    def _is_closed(self, bound_s: float) -> bool:
        return bound_s * self._gap >= self._best_s

    def _bounded(self, least_s: float, inside: int, outside: int, splits: list[BoolArray]) -> _Node:
        """Bounds the splits that keep the placed layers, by a few weighted cuts."""
        on_edge, in_cloud = self._to_array(inside), self._to_array(outside)
        remainder = Remainder(self._problem, on_edge, in_cloud)
        splits = [split for split in splits if split[on_edge].all() and not split[in_cloud].any()]
        rows = [self._problem.stages(split) for split in splits]
        bound_s = least_s
        weights, _ = self._question.next_weights(np.array(rows).reshape(-1, 3))
        for _ in range(_CUTS_PER_NODE):
            self._cuts += 1
            split, weighted_s = remainder.minimum(weights, self._precision)
            bound_s = max(bound_s, self._question.bound_s(weights, weighted_s))
            self._consider(split, splits[-1:])
            splits.append(split)
            rows.append(self._problem.stages(split))
            if self._is_closed(bound_s):
                break
            weights, ceiling_s = self._question.next_weights(np.array(rows))
            if ceiling_s - bound_s <= _STEEP * bound_s:
                break
        return _Node(bound_s, inside, outside, splits, np.array(rows), weights)

    def _consider(self, split: BoolArray, others: list[BoolArray]) -> None:
        """Takes a split, and those between it and others; keeps the best."""
        for other in others or [split]:
            value_s, best = best_on_the_way(self._problem, self._question, split, other)
            if value_s < self._best_s:
                # Running sums accumulate rounding errors, so the sums of this split are computed again.
                value_s = float(self._question.values_s(self._problem.stages(best)[np.newaxis])[0])
            if value_s < self._best_s:
                self._best_s, self._best = value_s, best

    def _layer_to_place(self, node: _Node) -> int | None:
        """Returns the free layer that settles most layers either way; those on which the best splits differ come first.

        A layer settles its ancestors or its descendants. Layers with larger tensors (by quartiles) count more, because
        weighted cuts neglect tensors when they mix splits.
        """
        weighted_s = node.stages @ node.weights
        near = [node.splits[i] for i in np.flatnonzero(weighted_s <= weighted_s.min() * _NEAR)]
        free = ~(node.inside | node.outside) & ((1 << self._count) - 1)
        differ = _to_bits(np.logical_or.reduce(near) & ~np.logical_and.reduce(near)) & free
        open_layers = differ or free
        if not open_layers:
            return None

        most, some, few = (open_layers & large for large in self._large)

        def size(layers: int) -> int:
            return (
                (layers & open_layers).bit_count()
                + (layers & most).bit_count()
                + (layers & some).bit_count()
                + (layers & few).bit_count()
            )

        def settled(layer: int) -> int:
            return size(self._ancestors[layer]) * size(self._descendants[layer])

        return max(np.flatnonzero(self._to_array(open_layers)).tolist(), key=settled)

    def _to_array(self, bits: int) -> BoolArray:
        packed = np.frombuffer(bits.to_bytes(self._count // 8 + 1, "little"), dtype=np.uint8)
        return np.unpackbits(packed, count=self._count, bitorder="little").astype(np.bool_)


def _to_bits(members: BoolArray) -> int:
    return int.from_bytes(np.packbits(members, bitorder="little").tobytes(), "little")


def _closures(structure: Structure) -> tuple[list[int], list[int]]:
    """Returns, as bits, every layer's ancestors and its descendants, itself included."""
    ancestors: list[int] = []
    for i, sources in enumerate(structure.predecessors):
        bits = 1 << i
        for source in sources:
            bits |= ancestors[source]
        ancestors.append(bits)
    descendants = [0] * len(ancestors)
    for i in reversed(range(len(descendants))):
        descendants[i] = 1 << i
        for reader in structure.successors[i]:
            descendants[i] |= descendants[reader]
    return ancestors, descendants
