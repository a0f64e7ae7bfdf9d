"""The round trip of the path: smoothed, and the minimum of a recent window.

Laws:

- time is an argument; nothing here reads a clock;
- the estimate is positive and finite, whatever the samples; a sample that makes no sense changes nothing.
"""

import math
from collections import deque


class RoundTripEstimator:
    """Round trip time: smoothed as in RFC 6298, and the minimum of a recent window.

    Our own uploads queue in front of a ping, so a smoothed round trip counts transfer time twice while the link is
    busy. The recent minimum is the time of the path itself; the window lets a changed path be seen.

    Args:
        weight: Weight of a new sample in the smoothed value (RFC 6298, section 2: 1/8).
        window_s: How long a minimum is remembered.
        largest_s: Larger samples count as this much (RFC 6298, section 2.4: a bound of at least 60 s).
    """

    def __init__(self, *, weight: float = 0.125, window_s: float = 10.0, largest_s: float = 60.0) -> None:
        self._weight = weight
        self._window_s = window_s
        self._largest_s = largest_s
        self._smoothed_s: float | None = None
        self._updated_s = -math.inf
        # Rising values at rising times: the first is the minimum of the window.
        self._minima: deque[tuple[float, float]] = deque()

    @property
    def smoothed_s(self) -> float | None:
        """Smoothed round trip in seconds, or None while nothing is known."""
        return self._smoothed_s

    @property
    def minimum_s(self) -> float | None:
        """Smallest round trip of the window before the last sample, in seconds, or None."""
        return self._minima[0][1] if self._minima else None

    def age_s(self, now_s: float) -> float:
        """Seconds since the last sample; infinite without one."""
        return max(0.0, now_s - self._updated_s)

    def add(self, seconds: float, now_s: float) -> bool:
        """Takes a measured round trip; returns whether it made sense."""
        if not (math.isfinite(seconds) and seconds > 0.0):
            return False
        seconds = min(seconds, self._largest_s)
        previous = seconds if self._smoothed_s is None else self._smoothed_s
        self._smoothed_s = previous + self._weight * (seconds - previous)
        while self._minima and self._minima[-1][1] >= seconds:
            self._minima.pop()
        self._minima.append((now_s, seconds))
        while self._minima[0][0] < now_s - self._window_s:
            self._minima.popleft()
        self._updated_s = now_s
        return True

    def forget(self) -> None:
        """Forgets everything."""
        self._smoothed_s = None
        self._updated_s = -math.inf
        self._minima.clear()
