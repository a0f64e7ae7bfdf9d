"""The round trip of the path: the minimum of a recent window.

Laws:

- time is an argument; nothing here reads a clock;
- the minimum is positive and finite, whatever the samples; a sample that is not positive and finite changes nothing.
"""

import math
from collections import deque


class RoundTripEstimator:
    """The minimum of the round trips in a recent window.

    The edge's own uploads queue in front of a ping, so a mean would include transfer time while the link is busy. The
    recent minimum is the round trip of the path itself. The window lets it follow a path that changes.

    Args:
        window_s: How long a sample counts.
        largest_s: Larger samples count as this much (RFC 6298, section 2.4: a bound of at least 60 s).
    """

    def __init__(self, *, window_s: float = 10.0, largest_s: float = 60.0) -> None:
        self._window_s = window_s
        self._largest_s = largest_s
        self._updated_s = -math.inf
        # Rising values at rising times: the first is the minimum of the window.
        self._minima: deque[tuple[float, float]] = deque()

    @property
    def minimum_s(self) -> float | None:
        """Smallest round trip of the window before the last sample, in seconds, or None."""
        return self._minima[0][1] if self._minima else None

    def age_s(self, now_s: float) -> float:
        """Seconds since the last sample; infinite without one."""
        return max(0.0, now_s - self._updated_s)

    def add(self, seconds: float, now_s: float) -> bool:
        """Takes a measured round trip; returns whether it was used."""
        if not (math.isfinite(seconds) and seconds > 0.0):
            return False
        seconds = min(seconds, self._largest_s)
        while self._minima and self._minima[-1][1] >= seconds:
            self._minima.pop()
        self._minima.append((now_s, seconds))
        while self._minima[0][0] < now_s - self._window_s:
            self._minima.popleft()
        self._updated_s = now_s
        return True
