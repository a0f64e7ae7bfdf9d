"""DSH where the closed sets are too many to list: weighted cuts, single moves, a search tree, and a solver at the end.

Each step starts from the best split of the one before and ends at once when that is proven good enough. On graphs that
are wide everywhere, a proof in two cases takes the place of most of the tree. Whatever a step
finds or fails to find, the answer is at least as good as the weighted cuts' (within a factor of 3 of the smallest
bottleneck), and its bound holds. Moves and minimum cuts are counted, so these steps always give the same answer; the
solver has a clock, and is reached on few graphs, such as many like branches side by side.
"""

import dataclasses

import numpy as np

from partitioner.costs import CostProfile, Link
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.searched.branch_and_bound import BranchAndBound, Found
from partitioner.searched.dual_bounds import LowestLatency, SmallestBottleneck
from partitioner.searched.local_moves import move_layers
from partitioner.searched.min_cut import BoolArray
from partitioner.searched.mixed_integer import StageProgram
from partitioner.searched.remainder import StageArrays
from partitioner.searched.two_cases import prove_in_two_cases
from partitioner.searched.weighted_cuts import Candidates

# The tree ends at this gap; the solver is not worth its seconds below the next.
_TREE_GAP = 1.005
_CLOSE_ENOUGH = 1.01
# Both questions together, where the first one's answer leads to the second, make this many cuts.
_MOST_CUTS = 300
# Cuts of larger graphs take longer: layers times cuts stay below this, but a few cuts are always made.
_MOST_LAYER_CUTS = 600_000
_FEWEST_CUTS = 30
# On large graphs the tree stops after a few cuts where a proof in two cases does with the time what the tree cannot.
_FIRST_CUTS = 40
_CUTS_IN_TWO_CASES = 180
_WIDE_GAP, _TWO_CASES_GAP = 1.05, 1.049
# The proof takes time with the cube of the layers.
_MOST_LAYERS_IN_TWO_CASES = 2500
_MOVES = 100_000
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
        candidates: What `partitioner.searched.weighted_cuts.search` found on the same problem.
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
        self._stages = StageArrays.of(graph, costs, link, encoding)
        self._most_cuts = self._cuts_left = min(_MOST_CUTS, _MOST_LAYER_CUTS // len(graph))

    def smaller_bottleneck(self, best: Partition, enough_s: float) -> Partition:
        """Improves a split and its bound, as far as the bottleneck goes; anything below `enough_s` will do."""
        if best.bottleneck_s <= best.lower_bound_s * _TREE_GAP:
            return best
        best = _smaller(best, self._moved(best), 0.0)
        best = self._searched(best, enough_s)
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
        question = LowestLatency(period_s, self._link.fixed_s)
        tree = BranchAndBound(self._stages, question, best.latency_s, self._known(best), gap=_TREE_GAP)
        found = tree.run(max(_FEWEST_CUTS, self._cuts_left))
        best = self._lower(best, self._priced(found.inside), found.lower_bound_s, period_s)
        if best.latency_s <= best.lower_bound_s * _CLOSE_ENOUGH or len(self._graph) > _MOST_LAYERS_SOLVED:
            return best
        improved = StageProgram(self._graph, self._costs, self._link, self._encoding).lowest_latency(period_s, best)
        # The program leaves out the fixed time, which every split pays but edge-only.
        return self._lower(best, improved.split, improved.lower_bound_s + self._link.fixed_s, period_s)

    def _searched(self, best: Partition, enough_s: float) -> Partition:
        """Searches the tree for a smaller bottleneck; where it is slow on a large graph, tries a proof in two cases."""
        tree = BranchAndBound(
            self._stages, SmallestBottleneck(), best.bottleneck_s, self._known(best), gap=_TREE_GAP, enough_s=enough_s
        )
        most_cuts = max(_FEWEST_CUTS, self._cuts_left)
        if not _MOST_LAYERS_SOLVED < len(self._graph) <= _MOST_LAYERS_IN_TWO_CASES:
            return self._counted(best, tree.run(most_cuts))
        best = self._counted(best, tree.run(_FIRST_CUTS))
        if best.bottleneck_s >= enough_s and best.bottleneck_s > best.lower_bound_s * _WIDE_GAP:
            found = prove_in_two_cases(
                self._stages, self._known(best), best.bottleneck_s, ratio=_TWO_CASES_GAP, most_cuts=_CUTS_IN_TWO_CASES
            )
            if found is not None:
                return self._counted(best, found)
        return self._counted(best, tree.run(most_cuts))

    def _counted(self, best: Partition, found: Found) -> Partition:
        """Takes over what was found, and notes the cuts."""
        self._cuts_left = self._most_cuts - found.cuts
        return _smaller(best, self._priced(found.inside), found.lower_bound_s)

    def _known(self, best: Partition) -> list[BoolArray]:
        return [self._to_array(split) for split in (*self._candidates.splits, best)]

    def _moved(self, best: Partition) -> Partition | None:
        return self._priced(move_layers(self._stages, self._to_array(best), _MOVES))

    def _to_array(self, split: Partition) -> BoolArray:
        return np.array([layer.name in split.edge for layer in self._graph.layers], dtype=np.bool_)

    def _priced(self, inside: BoolArray | None) -> Partition | None:
        if inside is None:
            return None
        layers = frozenset(np.flatnonzero(inside).tolist())
        return price(self._graph, self._costs, self._link, layers, self._encoding)

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
