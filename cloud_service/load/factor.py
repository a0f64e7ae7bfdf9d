"""The load factor: how many times slower this server answers than when it was profiled.

Pure; the time is an argument.

One answer's sample is (queueing + computing) / profiled time. The factor is an exponentially weighted mean of the
samples, never below 1. While no frames arrive, the factor decays towards 1: otherwise an edge that has left a busy
server would never see that it is idle again. For the same reason a sample's weight grows with the time since the last
one; after a long pause only the new sample counts.
"""

import math

MIN_PREDICTED_S = 1e-3
"""The least predicted time that a sample is divided by: for shorter tails, thread scheduling outweighs load."""

WEIGHT = 0.2
"""The newest sample's weight when samples come in quick succession."""

HALF_LIFE_S = 2.0
"""The half-life of the factor's excess over 1, and of the weight of earlier samples."""


class ServerLoad:
    """The server's load factor, over all its models."""

    def __init__(self) -> None:
        self._factor = 1.0
        self._updated_s = 0.0

    def observe(self, now_s: float, *, predicted_s: float, queue_s: float, compute_s: float) -> None:
        """Add the sample of one computed tail; all in seconds, `now_s` on any monotonic clock."""
        sample = (queue_s + compute_s) / max(predicted_s, MIN_PREDICTED_S)
        kept = (1.0 - WEIGHT) * self._freshness(now_s)
        self._factor = max(1.0, kept * self._factor + (1.0 - kept) * sample)
        self._updated_s = now_s

    def factor(self, now_s: float) -> float:
        """Return the load factor, at least 1."""
        return 1.0 + (self._factor - 1.0) * self._freshness(now_s)

    def _freshness(self, now_s: float) -> float:
        """Return the weight of the earlier samples, from 1 down to 0."""
        return math.exp2(-max(0.0, now_s - self._updated_s) / HALF_LIFE_S)
