"""Heavy load over several encodings: each is a problem of its own, and the best answer is taken.

Within one encoding, a tensor is encoded and decoded as often as it is sent: once, if a reader is in the cloud. So every
encoding uses the same flow network, with other weights on the arcs that send, and the same search (see
`partitioner.searched.problem`). The bound over all encodings is the smallest of their bounds.
"""

import dataclasses
import math
from collections.abc import Sequence

from partitioner.costs import check_rate
from partitioner.partition import Partition
from partitioner.searched.heavy_load import heavy_load
from partitioner.searched.problem import Problem
from partitioner.searched.weighted_cuts import Candidates, search


class EachEncoding:
    """Both questions of heavy load over all encodings.

    Args:
        problems: One for each encoding, of the same graph, profile and link.
        lowest_latencies: For each of them, the answer of `partitioner.searched.lowest_latency.dsl_by_min_cut`.
    """

    def __init__(self, problems: Sequence[Problem], lowest_latencies: Sequence[Partition]) -> None:
        self._problems = [
            (problem, search(problem, split)) for problem, split in zip(problems, lowest_latencies, strict=True)
        ]

    def smallest_bottleneck_s(self) -> float:
        """Returns the smallest bottleneck that the weighted cuts found."""
        return min(split.bottleneck_s for _, candidates in self._problems for split in candidates.splits)

    def heavy(self, rate_hz: float | None) -> Partition:
        """Returns the best split found for heavy load; see `partitioner.dsh`."""
        if rate_hz is not None:
            check_rate(rate_hz, "rate_hz")
        period_s = 0.0 if rate_hz is None else 1.0 / rate_hz

        def worth(split: Partition) -> tuple[bool, float, float]:
            if split.bottleneck_s < period_s:
                return False, split.latency_s, split.bottleneck_s
            return True, split.bottleneck_s, split.latency_s

        found = [candidates.heavy(rate_hz) for _, candidates in self._problems]
        best = min(found, key=worth)
        # The most promising encoding first: an encoding whose bound it beats is not searched.
        for k in sorted(range(len(found)), key=lambda k: worth(found[k])):
            problem, candidates = self._problems[k]
            if not _is_beaten(candidates, best, period_s):
                found[k] = heavy_load(problem, candidates, rate_hz)
                best = min(found, key=worth)
        if best.bottleneck_s < period_s:
            bounds_s = [self._latency_bound_s(k, split, period_s) for k, split in enumerate(found)]
        else:
            bounds_s = [split.lower_bound_s for split in found]
        return dataclasses.replace(best, lower_bound_s=min(bounds_s))

    def _latency_bound_s(self, k: int, split: Partition, period_s: float) -> float:
        """Returns a lower bound on the latency of one encoding's splits that keep up, given the best that was found."""
        if split.bottleneck_s < period_s:
            return split.lower_bound_s
        return math.inf if split.lower_bound_s >= period_s else self._problems[k][1].lowest_latency.lower_bound_s


def _is_beaten(candidates: Candidates, best: Partition, period_s: float) -> bool:
    """Returns whether no split of an encoding can be better than the best so far, which may be its own."""
    if best.bottleneck_s < period_s:
        return best.latency_s <= candidates.lowest_latency.lower_bound_s or candidates.bottleneck_bound_s >= period_s
    return best.bottleneck_s <= candidates.bottleneck_bound_s
