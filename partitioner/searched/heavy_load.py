"""Heavy load for one encoding: the best of the weighted cuts, improved by a search tree.

The cuts' best split is within a factor of 3 of the smallest bottleneck. The tree only replaces it by better splits. The
bound holds wherever the tree stops. It stops after a number of minimum cuts, not after a time, so the same problem
always gets the same answer.
"""

import dataclasses

from partitioner.partition import Partition
from partitioner.searched.branch_and_bound import BranchAndBound, Found
from partitioner.searched.dual_bounds import LowestLatency, Question, SmallestBottleneck
from partitioner.searched.problem import Problem
from partitioner.searched.weighted_cuts import Candidates

# A split within half a percent of its bound is good enough: profiles are less precise.
_GAP = 1.005
# Limit of minimum cuts for both questions together.
_MOST_CUTS = 300
# Cuts of larger graphs take longer: layers times cuts stay below this, but a few cuts are always made.
_MOST_LAYER_CUTS = 600_000
_FEWEST_CUTS = 30


def heavy_load(problem: Problem, candidates: Candidates, rate_hz: float | None) -> Partition:
    """Returns the best split found for heavy load; see `partitioner.dsh`.

    Args:
        problem: The question.
        candidates: What `partitioner.searched.weighted_cuts.search` found on it.
        rate_hz: Frames per second, or None for the smallest bottleneck.
    """
    best = candidates.heavy(rate_hz)
    improvement = _Improvement(problem, candidates)
    if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
        best = improvement.smaller_bottleneck(best, enough_s=0.0 if rate_hz is None else 1.0 / rate_hz)
        if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
            return best
        # The tree found a split that keeps up, which the cuts did not. Now latency is minimised.
        best = dataclasses.replace(best, lower_bound_s=candidates.lowest_latency.lower_bound_s)
    return improvement.lower_latency(best, 1.0 / rate_hz)


class _Improvement:
    """Both questions of heavy load, each searched by a tree, with one limit of cuts for both."""

    def __init__(self, problem: Problem, candidates: Candidates) -> None:
        self._problem, self._candidates = problem, candidates
        self._cuts_left = min(_MOST_CUTS, _MOST_LAYER_CUTS // len(problem.graph))

    def smaller_bottleneck(self, best: Partition, enough_s: float) -> Partition:
        """Improves the bottleneck of a split, and its bound; stops at a bottleneck below `enough_s`."""
        if best.bottleneck_s <= best.lower_bound_s * _GAP:
            return best
        found = self._search(SmallestBottleneck(), best, best.bottleneck_s, enough_s)
        bound_s = max(best.lower_bound_s, found.lower_bound_s)
        if found.inside is not None:
            split = self._problem.price(found.inside)
            best = min(best, split, key=lambda split: (split.bottleneck_s, split.latency_s))
        return dataclasses.replace(best, lower_bound_s=min(best.bottleneck_s, bound_s))

    def lower_latency(self, best: Partition, period_s: float) -> Partition:
        """Improves the latency of a split that keeps up, and its bound."""
        if best.latency_s <= best.lower_bound_s * _GAP:
            return best
        found = self._search(LowestLatency(period_s, self._problem.link.fixed_s), best, best.latency_s)
        bound_s = found.lower_bound_s
        # The tree adds the fixed time to every split, but edge-only has none.
        edge_only = self._candidates.splits[0]
        if edge_only.bottleneck_s < period_s:
            bound_s = min(bound_s, edge_only.latency_s)
        bound_s = max(best.lower_bound_s, bound_s)
        if found.inside is not None:
            split = self._problem.price(found.inside)
            if split.bottleneck_s < period_s:
                best = min(best, split, key=lambda split: (split.latency_s, split.bottleneck_s))
        return dataclasses.replace(best, lower_bound_s=min(best.latency_s, bound_s))

    def _search(self, question: Question, best: Partition, known_s: float, enough_s: float = 0.0) -> Found:
        known = [*self._candidates.inside, self._problem.inside(best)]
        tree = BranchAndBound(self._problem, question, known_s, known, gap=_GAP, enough_s=enough_s)
        found = tree.run(max(_FEWEST_CUTS, self._cuts_left))
        self._cuts_left -= found.cuts
        return found
