"""How long an edge's own tails wait in the cloud until their turn comes.

Laws:

- time is an argument; nothing here reads a clock;
- the estimate is finite and not negative, whatever the samples; one that is not finite, or negative, changes nothing;
- one outlier does not change it: the first frame of a cut waits for the cloud to prepare that.
"""

import math


class QueueEstimator:
    """Seconds that a tail waits: an EWMA over the smaller of every two samples in a row.

    Args:
        weight: Weight of a new sample.
        fresh_s: Without a sample for so long, nothing is known.
    """

    def __init__(self, *, weight: float = 0.3, fresh_s: float = 5.0) -> None:
        self._weight = weight
        self._fresh_s = fresh_s
        self._seconds = self._last_s = 0.0
        self._updated_s = -math.inf

    def seconds(self, now_s: float) -> float:
        """The wait of a tail; 0 while nothing is known."""
        return self._seconds if now_s - self._updated_s <= self._fresh_s else 0.0

    def add(self, seconds: float, now_s: float) -> None:
        """Takes how long one tail waited."""
        if not (math.isfinite(seconds) and seconds >= 0.0):
            return
        before = self.seconds(now_s)
        self._seconds = before + self._weight * (min(seconds, self._last_s) - before)
        self._last_s, self._updated_s = seconds, now_s
