"""How many times slower this server answers than when it was profiled.

Pure: told what was predicted and measured, with the time as an argument.

One answer's slowness is (queueing + computing) / profiled time. The factor is an exponentially weighted mean of it,
never below 1. A frame that is not sent says nothing, so the factor falls back towards 1 while nothing arrives:
otherwise an edge that left a busy server would never learn that it is idle again. For the same reason a sample counts
the more the longer the last one lies back; after a long pause it counts alone.
"""

import math

MIN_PREDICTED_S = 1e-3
"""A tail predicted to be shorter is judged as if it took this long: what is measured there is the scheduling of
threads, not load."""

WEIGHT = 0.2
"""Of the newest sample among samples in quick succession."""

HALF_LIFE_S = 2.0
"""Of the weight of what was known, while nothing arrives."""


class LoadEstimator:
    """The server's load factor, over all its models."""

    def __init__(self) -> None:
        self._factor = 1.0
        self._updated_s = 0.0

    def observe(self, now_s: float, *, predicted_s: float, queue_s: float, compute_s: float) -> None:
        """Take in one computed tail; all in seconds, `now_s` on any monotonic clock."""
        sample = (queue_s + compute_s) / max(predicted_s, MIN_PREDICTED_S)
        kept = (1.0 - WEIGHT) * self._freshness(now_s)
        self._factor = max(1.0, kept * self._factor + (1.0 - kept) * sample)
        self._updated_s = now_s

    def factor(self, now_s: float) -> float:
        """Return the load factor, at least 1."""
        return 1.0 + (self._factor - 1.0) * self._freshness(now_s)

    def _freshness(self, now_s: float) -> float:
        """Return how much of what is known still counts, from 1 down to 0."""
        return math.exp2(-max(0.0, now_s - self._updated_s) / HALF_LIFE_S)
