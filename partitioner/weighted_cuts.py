"""DSH where the closed sets are too many to list: weighted minimum cuts with a proven bound.

For weights (a, b, g) >= 0 that sum to 1, the smallest a*Te + b*Tt + g*Tc over all splits is a minimum cut, and no split
has a bottleneck below it: an average of three stages is at most their maximum. The best such bound is a concave
function's maximum over a triangle, found by cutting planes (J. E. Kelley, 1960, doi:10.1137/0108053): every split
found so far bounds the function from above by a plane, and the next weights are where the lowest of these is highest.
Every split found is a candidate, scored by its own unweighted times. DADS (section III-C) searches a grid of weights
and proves a factor of 3; here each answer carries its own bound.
"""

import dataclasses
import math

import numpy as np
from scipy.optimize import linprog

from partitioner.costs import CostProfile, Link, check_rate
from partitioner.dsl import dsl_by_min_cut, stage_weights
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.min_cut import CutNetwork
from partitioner.partition import Partition

_ROUNDS = 40
_CLOSED = 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """The splits that the search met, and what it proved.

    Attributes:
        splits: Edge-only first, then cloud-only, DSL's and those of the weighted cuts.
        lowest_latency: DSL's split, with its proven latency.
        bottleneck_bound_s: No split has a smaller bottleneck.
    """

    splits: tuple[Partition, ...]
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


def search(graph: LayerGraph, costs: CostProfile, link: Link) -> Candidates:
    """Collects splits worth considering under heavy load.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.

    Raises:
        PartitionError: The costs do not fit the graph.

    Complexity: at most 40 minimum cuts.
    """
    costs.check(graph)
    lowest_latency = dsl_by_min_cut(graph, costs, link)
    splits = [
        price(graph, costs, link, frozenset(range(len(graph)))),
        price(graph, costs, link, frozenset(graph.structure.inputs)),
        lowest_latency,
    ]
    network = CutNetwork(graph)
    bound_s = 0.0
    # Equal weights first: that cut alone is within a factor of 3. DSL's may be another, as it knows the fixed time.
    edge = transfer = cloud = 1 / 3
    for _ in range(_ROUNDS):
        cut = network.minimum(stage_weights(graph, costs, link, edge=edge, transfer=transfer, cloud=cloud))
        bound_s = max(bound_s, cut.lower_bound)
        splits.append(price(graph, costs, link, frozenset(np.flatnonzero(cut.inside).tolist())))
        (edge, transfer, cloud), ceiling_s = _next_weights(splits)
        if ceiling_s - bound_s <= _CLOSED * bound_s:
            break
    return Candidates(tuple(splits), lowest_latency, bound_s)


def _next_weights(splits: list[Partition]) -> tuple[tuple[float, float, float], float]:
    """Returns the weights at which the best of `splits` is worst, and its weighted sum there."""
    stages = np.array([(split.edge_s, split.transfer_s, split.cloud_s) for split in splits])
    stages = stages[np.isfinite(stages).all(axis=1)]
    scale = stages.max(axis=1).min()
    if scale == 0.0:
        return (1.0, 0.0, 0.0), 0.0
    planes = np.minimum(stages / scale, 1e6)  # a split a million times worse than the best decides nothing
    result = linprog(
        c=[0.0, 0.0, 0.0, -1.0],
        A_ub=np.column_stack([-planes, np.ones(len(planes))]),
        b_ub=np.zeros(len(planes)),
        A_eq=[[1.0, 1.0, 1.0, 0.0]],
        b_eq=[1.0],
        bounds=[(0.0, 1.0)] * 3 + [(None, None)],
        method="highs",
    )
    if result.x is None:
        return (1 / 3, 1 / 3, 1 / 3), math.inf
    weights = np.maximum(result.x[:3], 0.0)
    weights /= weights.sum()
    return (float(weights[0]), float(weights[1]), float(weights[2])), float(result.x[3] * scale)
