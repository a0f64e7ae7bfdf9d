"""DSH where the closed sets are too many to list: weighted minimum cuts with a proven bound.

For weights (a, b, g) >= 0 that sum to 1, the smallest a*Te + b*Tt + g*Tc over all splits is a minimum cut, and no split
has a bottleneck below it (see `partitioner.searched.dual_bounds`, which also says how the weights are chosen). Every
split found
is a candidate, scored by its own unweighted times. DADS (section III-C) searches a grid of weights and proves a factor
of 3; here each answer carries its own bound.
"""

import dataclasses

import numpy as np

from partitioner.costs import CostProfile, Link, check_rate
from partitioner.encodings import Encoding
from partitioner.evaluate import price
from partitioner.graph import LayerGraph
from partitioner.partition import Partition
from partitioner.searched.dual_bounds import SmallestBottleneck
from partitioner.searched.lowest_latency import dsl_by_min_cut, stage_weights
from partitioner.searched.min_cut import CutNetwork, model_arcs

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


def search(graph: LayerGraph, costs: CostProfile, link: Link, encoding: Encoding | None = None) -> Candidates:
    """Collects splits worth considering under heavy load.

    Args:
        graph: The model.
        costs: Seconds of each layer.
        link: The network.
        encoding: What the cut is sent in, valid for the graph; None for the graph's bytes, without time.

    Raises:
        PartitionError: The costs do not fit the graph.

    Complexity: at most 40 minimum cuts.
    """
    costs.check(graph)
    lowest_latency = dsl_by_min_cut(graph, costs, link, encoding)
    splits = [
        price(graph, costs, link, frozenset(range(len(graph)))),
        price(graph, costs, link, frozenset(graph.structure.inputs), encoding),
        lowest_latency,
    ]
    network = CutNetwork(model_arcs(graph.structure))
    bound_s = 0.0
    # Equal weights first: that cut alone is within a factor of 3. DSL's may be another, as it knows the fixed time.
    weights, question = np.full(3, 1 / 3), SmallestBottleneck()
    for _ in range(_ROUNDS):
        edge, transfer, cloud = weights.tolist()
        cut = network.minimum(stage_weights(graph, costs, link, encoding, edge=edge, transfer=transfer, cloud=cloud))
        bound_s = max(bound_s, cut.lower_bound)
        splits.append(price(graph, costs, link, frozenset(np.flatnonzero(cut.inside).tolist()), encoding))
        stages = np.array([(split.edge_s, split.transfer_s, split.cloud_s) for split in splits])
        weights, ceiling_s = question.next_weights(stages)
        if ceiling_s - bound_s <= _CLOSED * bound_s:
            break
    return Candidates(tuple(splits), lowest_latency, bound_s)
