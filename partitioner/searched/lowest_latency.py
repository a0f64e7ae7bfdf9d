"""Light load by a minimum cut: exact for every graph, with one cut for each encoding."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from partitioner.partition import Partition
from partitioner.searched.problem import Problem


def dsl_by_min_cut(problem: Problem) -> Partition:
    """Returns the split of the lowest latency in one encoding, by a minimum cut (see `partitioner.searched.min_cut`).

    The fixed time of a call is not part of the network, so the cut's split is then compared with edge-only.
    """
    cut = problem.minimum(np.ones(3))
    found, edge_only = problem.price(cut.inside), problem.edge_only()
    best = min(edge_only, found, key=lambda split: (split.latency_s, split.bottleneck_s))
    fixed_s = problem.link.fixed_s
    # The network does not know that together the tensors of a cut may be too large for a message.
    exact = cut.is_minimum and math.isfinite(found.transfer_s)
    proven_s = best.latency_s if exact else min(edge_only.latency_s, cut.lower_bound + fixed_s)
    return dataclasses.replace(best, lower_bound_s=min(best.latency_s, proven_s))


def lowest_latency(splits: Sequence[Partition]) -> Partition:
    """Returns the best of the encodings' best splits; its bound is the smallest of theirs."""
    best = min(splits, key=lambda split: (split.latency_s, split.bottleneck_s))
    return dataclasses.replace(best, lower_bound_s=min(split.lower_bound_s for split in splits))
