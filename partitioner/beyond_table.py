"""DSH where the closed sets are too many to list: weighted cuts, a search tree over them, and a solver at the end.

Each step starts from the best split of the one before and ends at once when that is proven good enough. Whatever a step
finds or fails to find, the answer is at least as good as the weighted cuts' (within a factor of 3 of the smallest
bottleneck), and its bound holds. The first two steps are counted in minimum cuts, so they always give the same answer;
the solver of the third has a clock, and is reached on few graphs, such as many like branches side by side.
"""

import dataclasses

import numpy as np

from partitioner.branch_and_bound import BranchAndBound, Found
from partitioner.costs import CostProfile, Link
from partitioner.dual_bounds import LowestLatency, Question, SmallestBottleneck
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.min_cut import BoolArray
from partitioner.mixed_integer import StageProgram
from partitioner.partition import Partition
from partitioner.remainder import StageArrays
from partitioner.weighted_cuts import Candidates

# The tree ends at this gap; the solver is not worth its seconds below the next.
_TREE_GAP = 1.005
_CLOSE_ENOUGH = 1.01
_MOST_CUTS = 250
# Cuts of larger graphs take longer: layers times cuts stay below this, but a few cuts are always made.
_MOST_LAYER_CUTS = 300_000
_FEWEST_CUTS = 30
# On larger graphs the solver's time is over before it has found or proven anything.
_MOST_LAYERS_SOLVED = 1000


def heavy_beyond_table(
    graph: LayerGraph,
    costs: CostProfile,
    link: Link,
    rate_hz: float | None,
    candidates: Candidates,
    encoding: Encoding | None = None,
) -> Partition:
    """Returns the best split found for heavy load; see `partitioner.dsh`.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        rate_hz: Frames per second, or None for the smallest bottleneck.
        candidates: What `partitioner.weighted_cuts.search` found on the same problem.
        encoding: What the cut is sent in, valid for the graph; None for the graph's bytes, without time.
    """
    best = candidates.heavy(rate_hz)
    problem = _Problem(graph, costs, link, candidates, encoding)
    if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
        best = problem.smaller_bottleneck(best, enough_s=0.0 if rate_hz is None else 1.0 / rate_hz)
        if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
            return best
        # The search found what the cuts did not: a split that keeps up. Now its latency counts.
        best = dataclasses.replace(best, lower_bound_s=candidates.lowest_latency.lower_bound_s)
    return problem.lower_latency(best, 1.0 / rate_hz)


class _Problem:
    """Both questions of heavy load on one graph, profile and link."""

    def __init__(
        self,
        graph: LayerGraph,
        costs: CostProfile,
        link: Link,
        candidates: Candidates,
        encoding: Encoding | None,
    ) -> None:
        self._graph, self._costs, self._link, self._encoding = graph, costs, link, encoding
        self._candidates = candidates

    def smaller_bottleneck(self, best: Partition, enough_s: float) -> Partition:
        """Improves a split and its bound, as far as the bottleneck goes; anything below `enough_s` will do."""
        if best.bottleneck_s <= best.lower_bound_s * _TREE_GAP:
            return best
        found = self._search(SmallestBottleneck(), best.bottleneck_s, enough_s)
        best = _smaller(best, self._priced(found), found.lower_bound_s)
        if best.bottleneck_s < enough_s:
            return best
        if best.bottleneck_s <= best.lower_bound_s * _CLOSE_ENOUGH or len(self._graph) > _MOST_LAYERS_SOLVED:
            return best
        improved = StageProgram(self._graph, self._costs, self._link, self._encoding).smallest_bottleneck(best)
        return _smaller(best, improved.split, improved.lower_bound_s)

    def lower_latency(self, best: Partition, period_s: float) -> Partition:
        """Improves a split that keeps up and its bound, as far as the latency goes."""
        if best.latency_s <= best.lower_bound_s * _TREE_GAP:
            return best
        found = self._search(LowestLatency(period_s, self._link.fixed_s), best.latency_s)
        best = self._lower(best, self._priced(found), found.lower_bound_s, period_s)
        if best.latency_s <= best.lower_bound_s * _CLOSE_ENOUGH or len(self._graph) > _MOST_LAYERS_SOLVED:
            return best
        improved = StageProgram(self._graph, self._costs, self._link, self._encoding).lowest_latency(period_s, best)
        # The program leaves out the fixed time, which every split pays but edge-only.
        return self._lower(best, improved.split, improved.lower_bound_s + self._link.fixed_s, period_s)

    def _search(self, question: Question, known_s: float, enough_s: float = 0.0) -> Found:
        most_cuts = max(_FEWEST_CUTS, min(_MOST_CUTS, _MOST_LAYER_CUTS // len(self._graph)))
        stages = StageArrays.of(self._graph, self._costs, self._link, self._encoding)
        tree = BranchAndBound(stages, question, known_s, gap=_TREE_GAP, most_cuts=most_cuts, enough_s=enough_s)
        return tree.run(self._to_array(split) for split in self._candidates.splits)

    def _to_array(self, split: Partition) -> BoolArray:
        return np.array([layer.name in split.edge for layer in self._graph.layers], dtype=np.bool_)

    def _priced(self, found: Found) -> Partition | None:
        if found.inside is None:
            return None
        inside = frozenset(np.flatnonzero(found.inside).tolist())
        return price(self._graph, self._costs, self._link, inside, self._encoding)

    def _lower(self, best: Partition, other: Partition | None, bound_s: float, period_s: float) -> Partition:
        """Returns the better of two; the bound is for every split but edge-only."""
        edge_only = self._candidates.splits[0]
        if edge_only.bottleneck_s < period_s:
            bound_s = min(bound_s, edge_only.latency_s)
        bound_s = max(best.lower_bound_s, bound_s)
        if other is not None and other.bottleneck_s < period_s:
            best = min(best, other, key=lambda split: (split.latency_s, split.bottleneck_s))
        return dataclasses.replace(best, lower_bound_s=min(best.latency_s, bound_s))


def _smaller(best: Partition, other: Partition | None, bound_s: float) -> Partition:
    bound_s = max(best.lower_bound_s, bound_s)
    if other is not None:
        best = min(best, other, key=lambda split: (split.bottleneck_s, split.latency_s))
    return dataclasses.replace(best, lower_bound_s=min(best.bottleneck_s, bound_s))
