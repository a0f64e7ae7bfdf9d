"""Heavy load by weighted minimum cuts: candidates, and a bound that no split beats.

For weights (a, b, g) >= 0 that sum to 1, the smallest a*Te + b*Tt + g*Tc over all splits is a minimum cut, and no split
has a bottleneck below it (see `partitioner.searched.dual_bounds`, which also says how the weights are chosen). Every
split found is a candidate, scored by its own unweighted times. DADS (section III-C) searches a grid of weights and
proves a factor of 3; here each answer carries its own bound.
"""

import dataclasses

import numpy as np

from partitioner.costs import check_rate
from partitioner.partition import Partition
from partitioner.searched.dual_bounds import SmallestBottleneck
from partitioner.searched.min_cut import BoolArray
from partitioner.searched.problem import Problem

_ROUNDS = 40
_CLOSED = 1e-9


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The splits that the search found, and what it proved.

    Attributes:
        splits: Edge-only first, then cloud-only, DSL's and those of the weighted cuts.
        inside: Which layers each of them has on the edge: bool [layers] each.
        lowest_latency: DSL's split, with its proven latency.
        bottleneck_bound_s: No split has a smaller bottleneck.
    """

    splits: tuple[Partition, ...]
    inside: tuple[BoolArray, ...]
    lowest_latency: Partition
    bottleneck_bound_s: float

    def heavy(self, rate_hz: float | None) -> Partition:
        """Returns the best candidate for heavy load; see `partitioner.dsh`."""
        if rate_hz is not None:
            check_rate(rate_hz, "rate_hz")
            keeping_up = [split for split in self.splits if split.bottleneck_s < 1.0 / rate_hz]
            if keeping_up:
                best = min(keeping_up, key=lambda split: (split.latency_s, split.bottleneck_s))
                bound_s = min(best.latency_s, self.lowest_latency.lower_bound_s)
                return dataclasses.replace(best, lower_bound_s=bound_s)
        best = min(self.splits, key=lambda split: (split.bottleneck_s, split.latency_s))
        return dataclasses.replace(best, lower_bound_s=min(best.bottleneck_s, self.bottleneck_bound_s))


def search(problem: Problem, lowest_latency: Partition) -> Candidates:
    """Collects splits worth considering under heavy load.

    Args:
        problem: The question.
        lowest_latency: The answer of `partitioner.searched.lowest_latency.dsl_by_min_cut` to it.

    Complexity: at most 40 minimum cuts.
    """
    splits = [problem.edge_only(), problem.cloud_only(), lowest_latency]
    inside = [problem.inside(split) for split in splits]
    bound_s = 0.0
    # Equal weights first: that cut alone is within a factor of 3. DSL's split may differ: it counts the fixed time.
    weights, question = np.full(3, 1 / 3), SmallestBottleneck()
    for _ in range(_ROUNDS):
        cut = problem.minimum(weights)
        bound_s = max(bound_s, cut.lower_bound)
        splits.append(problem.price(cut.inside))
        inside.append(cut.inside)
        stages = np.array([(split.edge_s, split.transfer_s, split.cloud_s) for split in splits])
        weights, ceiling_s = question.next_weights(stages)
        if ceiling_s - bound_s <= _CLOSED * bound_s:
            break
    return Candidates(tuple(splits), tuple(inside), lowest_latency, bound_s)
