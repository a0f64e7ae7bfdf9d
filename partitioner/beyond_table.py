"""DSH where the closed sets are too many to list: weighted cuts first, then a mixed-integer program on their gap.

Whatever the solver finds or fails to find in its time, the answer is at least as good as the weighted cuts' (within a
factor of 3 of the smallest bottleneck), and its bound holds.
"""

import dataclasses

from partitioner.costs import CostProfile, Link
from partitioner.graph import LayerGraph
from partitioner.mixed_integer import StageProgram
from partitioner.partition import Partition
from partitioner.weighted_cuts import Candidates

# A proven gap this small is not worth a solver's second.
_CLOSE_ENOUGH = 1.001


def heavy_beyond_table(
    graph: LayerGraph, costs: CostProfile, link: Link, rate_hz: float | None, candidates: Candidates
) -> Partition:
    """Returns the best split found for heavy load; see `partitioner.dsh`.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        rate_hz: Frames per second, or None for the smallest bottleneck.
        candidates: What `partitioner.weighted_cuts.search` found on the same problem.
    """
    best = candidates.heavy(rate_hz)
    program = StageProgram(graph, costs, link)
    if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
        best = _smaller_bottleneck(program, best)
        if rate_hz is None or best.bottleneck_s >= 1.0 / rate_hz:
            return best
        # The program found what the cuts did not: a split that keeps up. Now its latency counts.
        best = dataclasses.replace(best, lower_bound_s=candidates.lowest_latency.lower_bound_s)
    return _lower_latency(program, best, 1.0 / rate_hz, candidates.splits[0], link)


def _smaller_bottleneck(program: StageProgram, best: Partition) -> Partition:
    if best.bottleneck_s <= best.lower_bound_s * _CLOSE_ENOUGH:
        return best
    improved = program.smallest_bottleneck(best)
    bound_s = max(best.lower_bound_s, improved.lower_bound_s)
    if improved.split is not None:
        best = min(best, improved.split, key=lambda split: (split.bottleneck_s, split.latency_s))
    return dataclasses.replace(best, lower_bound_s=min(best.bottleneck_s, bound_s))


def _lower_latency(
    program: StageProgram, best: Partition, period_s: float, edge_only: Partition, link: Link
) -> Partition:
    if best.latency_s <= best.lower_bound_s * _CLOSE_ENOUGH:
        return best
    improved = program.lowest_latency(period_s, best)
    # The program leaves out the fixed time, which every split pays but edge-only.
    bound_s = improved.lower_bound_s + link.fixed_s
    if edge_only.bottleneck_s < period_s:
        bound_s = min(bound_s, edge_only.latency_s)
    if improved.split is not None and improved.split.bottleneck_s < period_s:
        best = min(best, improved.split, key=lambda split: (split.latency_s, split.bottleneck_s))
    return dataclasses.replace(best, lower_bound_s=min(best.latency_s, max(bound_s, best.lower_bound_s)))
