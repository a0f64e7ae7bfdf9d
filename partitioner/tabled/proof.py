"""What a table of split points proves about all other splits, for any link, load and rate.

* A frontier (see `partitioner.tabled.frontier`) has the least numbers of everything that each of its splits stands
  for. No split costs less than the best of these.
* The lower hull, where it is complete, proves that no split has a lower latency than the best one on it. An average of
  the stages is at most the largest of them, and its minimum over the hull too: that bounds the bottleneck without a
  frontier.
* Where the hull is not complete, its cuts bound the latency: the weights of a cut, made smaller until none of them is
  above the price of its number now, cost no more than the latency does.
* Splits whose tensors do not fit in a message together only make a bound lower: neither cuts nor labels know that.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from partitioner.scan import Choices, FloatArray, Stages
from partitioner.tabled.frontier import Frontier
from partitioner.tabled.lower_hull import LowerHull
from partitioner.tabled.points import not_dominated

# The averages that are tried: all weights of the three stages that are multiples of this share.
_SHARES = 16
_AVERAGES = np.array(
    [(a, b, _SHARES - a - b) for a, b in product(range(_SHARES + 1), repeat=2) if a + b <= _SHARES], dtype=np.float64
) / float(_SHARES)


class Proof:
    """Lower bounds on what any split costs; 0 where nothing is known.

    Args:
        hulls: The lower hull of each encoding; none if the points were found for other numbers.
        frontiers: A frontier for each encoding, or none.
        all_fit: Whether every split of these fits in a message.
    """

    def __init__(
        self, hulls: Sequence[LowerHull] = (), frontiers: Sequence[Frontier] = (), *, all_fit: bool = True
    ) -> None:
        self._hulls = hulls
        self._is_complete = bool(hulls) and all(hull.is_complete for hull in hulls)
        self._is_exact = self._is_complete and all_fit
        edge_only = hulls[0].rows[:1] if hulls else np.zeros((1, 4))
        self._hull = _choices([hull.rows[1:] for hull in hulls], edge_only)
        self._least = _choices([each.least for each in frontiers], edge_only) if frontiers else None

    @property
    def has_frontier(self) -> bool:
        """Whether heavy load is proven by a frontier."""
        return self._least is not None

    def latency_s(self, stages: Stages) -> float:
        """Bounds the latency of every split, given the stages of the points."""
        found_s = float(stages.latency_s.min())
        if self._is_exact:
            return found_s
        bound_s = float(stages.same_for(self._hull).latency_s.min()) if self._is_complete else self._cuts_s(stages)
        if self._least is not None:
            bound_s = max(bound_s, float(stages.same_for(self._least).latency_s.min()))
        return min(found_s, bound_s)

    def bottleneck_s(self, stages: Stages) -> float:
        """Bounds the bottleneck of every split."""
        if self._least is not None:
            return float(stages.same_for(self._least).bottleneck_s.min())
        if not self._is_complete:
            return max(0.0, self._cuts_s(stages) - stages.link.fixed_s) / 3.0
        hull = stages.same_for(self._hull)
        return float((_AVERAGES @ np.stack([hull.edge_s, hull.transfer_s, hull.cloud_s])).min(axis=1).max())

    def latency_at_s(self, stages: Stages, period_s: float) -> float:
        """Bounds the latency of the splits whose bottleneck is below a period; inf if it proves that there are none."""
        bound_s = self.latency_s(stages)
        if self._least is not None:
            least = stages.same_for(self._least)
            bound_s = max(bound_s, float(least.latency_s[least.bottleneck_s < period_s].min(initial=np.inf)))
        return bound_s

    def _cuts_s(self, stages: Stages) -> float:
        """Bounds the latency by cuts, of all splits but edge-only, which is one of the points."""
        if not self._hulls:
            return 0.0
        link = stages.link
        prices = np.array([stages.edge_load, 1.0 / link.uplink_bps, 1.0 / link.downlink_bps, stages.cloud_load])
        return min(_from_cuts(hull, prices) for hull in self._hulls) + link.fixed_s


def _choices(rows: Sequence[FloatArray], edge_only: FloatArray) -> Choices:
    """Returns these numbers, where they are finite, and edge-only as what a scan takes."""
    together = np.concatenate([*rows, np.empty((0, 4))])
    together = together[np.isfinite(together).all(axis=1)]
    return Choices.of(np.concatenate([together[not_dominated(together)], edge_only]), tie=1.0)


def _from_cuts(hull: LowerHull, prices: FloatArray) -> float:
    shares = np.full(hull.weights.shape, np.inf)
    np.divide(prices, hull.weights, out=shares, where=hull.weights > 0.0)
    return float((hull.bounds * shares.min(axis=1)).max(initial=0.0))
