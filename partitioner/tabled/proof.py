"""What a table of split points proves about all other splits, for any link, load and rate.

* A frontier (see `partitioner.tabled.frontier`) has the least numbers of everything that each of its splits stands
  for. No split costs less than the best of these.
* The lower hull, where it is complete, proves that no split has a lower latency than the best point. An average of the
  stages is at most the largest of them, and a minimum over the hull too, which bounds the bottleneck without a
  frontier.
* Where the hull is not complete, its cuts bound the latency: the weights of a cut, made smaller until none of them is
  above the price of its number now, cost no more than the latency does.
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from partitioner.costs import Link
from partitioner.scan import Choices, FloatArray, Stages
from partitioner.tabled.lower_hull import LowerHull

# The averages that are tried: all weights of the three stages that are multiples of this share.
_SHARES = 16
_AVERAGES = np.array(
    [(a, b, _SHARES - a - b) for a, b in product(range(_SHARES + 1), repeat=2) if a + b <= _SHARES], dtype=np.float64
) / float(_SHARES)


class Proof:
    """Lower bounds on what any split costs; 0 where nothing is known.

    Args:
        hulls: The lower hull of each encoding; none if the points were found for other numbers.
        least: For each split of a frontier, the least numbers of all that it stands for, edge-only last; None without a
            frontier.
    """

    def __init__(self, hulls: Sequence[LowerHull] = (), least: Choices | None = None) -> None:
        self._hulls, self._least = hulls, least
        self._is_complete = bool(hulls) and all(hull.is_complete for hull in hulls)

    def latency_s(self, stages: Stages) -> float:
        """Bounds the latency of every split, given the stages of the points."""
        found_s = float(stages.latency_s.min())
        if self._is_complete:
            return found_s
        bounds_s = [self._cuts_s(stages)]
        if self._least is not None:
            bounds_s.append(float(stages.same_for(self._least).latency_s.min()))
        return min(found_s, max(bounds_s))

    def bottleneck_s(self, stages: Stages) -> float:
        """Bounds the bottleneck of every split."""
        if self._least is not None:
            return float(stages.same_for(self._least).bottleneck_s.min())
        if not self._is_complete:
            return max(0.0, self._cuts_s(stages) - stages.link.fixed_s) / 3.0
        rows = np.stack([stages.edge_s, stages.transfer_s, stages.cloud_s])
        return float((_AVERAGES @ rows).min(axis=1).max())

    def latency_at_s(self, stages: Stages, period_s: float) -> float:
        """Bounds the latency of the splits whose bottleneck is below a period; one of the points has such a one."""
        bound_s = self.latency_s(stages)
        if self._least is not None:
            least = stages.same_for(self._least)
            bound_s = max(bound_s, float(least.latency_s[least.bottleneck_s < period_s].min(initial=math.inf)))
        return bound_s

    def _cuts_s(self, stages: Stages) -> float:
        """Bounds the latency by cuts; edge-only, which has no fixed time, is one of the points."""
        prices = _prices(stages.link, stages.edge_load, stages.cloud_load)
        bounds_s = [_from_cuts(hull, prices) for hull in self._hulls]
        return min(bounds_s, default=0.0) + stages.link.fixed_s if bounds_s else 0.0


def _prices(link: Link, edge_load: float, cloud_load: float) -> FloatArray:
    """Returns what E, U, D and C cost now: float64 [4]."""
    return np.array([edge_load, 1.0 / link.uplink_bps, 1.0 / link.downlink_bps, cloud_load])


def _from_cuts(hull: LowerHull, prices: FloatArray) -> float:
    shares = np.full(hull.weights.shape, math.inf)
    np.divide(prices, hull.weights, out=shares, where=hull.weights > 0.0)
    return float((hull.bounds * shares.min(axis=1)).max(initial=0.0))
