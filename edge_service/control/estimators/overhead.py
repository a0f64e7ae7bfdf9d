"""What a call to the cloud costs besides upload, round trip and the computation there.

Laws:

- time is an argument; nothing here reads a clock;
- the estimate is finite and not negative, whatever the samples; a sample that is not finite changes nothing.
"""

import math


class OverheadEstimator:
    """Seconds that a call costs besides upload, round trip and the server's work: an EWMA of clamped samples.

    Only calls measure it, and a high overhead prevents calls. So without samples it decays to 0.

    Args:
        weight: Weight of a new sample.
        largest_s: Larger samples count as this much: a stall is not an overhead.
        hold_s: How long the estimate stays without new samples.
        relax_s: Time constant of the decay to 0 after that.
    """

    def __init__(
        self, *, weight: float = 0.1, largest_s: float = 0.1, hold_s: float = 10.0, relax_s: float = 20.0
    ) -> None:
        self._weight = weight
        self._largest_s = largest_s
        self._hold_s = hold_s
        self._relax_s = relax_s
        self._seconds: float | None = None
        self._updated_s = -math.inf

    def seconds(self, now_s: float) -> float:
        """The overhead of one call, in seconds; 0 without a sample."""
        if self._seconds is None:
            return 0.0
        unused_s = max(0.0, now_s - self._updated_s - self._hold_s)
        return self._seconds * math.exp(-unused_s / self._relax_s)

    def add(self, seconds: float, now_s: float) -> bool:
        """Takes one measured overhead; a negative one, from a jittering round trip, counts as 0."""
        if not math.isfinite(seconds):
            return False
        sample = min(max(seconds, 0.0), self._largest_s)
        before = self.seconds(now_s)
        self._seconds = sample if self._seconds is None else before + self._weight * (sample - before)
        self._updated_s = now_s
        return True
