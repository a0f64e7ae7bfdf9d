"""The rate at which frames arrive, reported only when it changed.

Laws: time is an argument; a rate is positive and finite whatever the times; jitter is no change.
"""

from collections import deque

_FASTEST_HZ = 10_000.0
_SLOWEST_HZ = 1e-4


class ArrivalRate:
    """Frames per second over the last few arrivals.

    Args:
        expected_hz: The rate until enough frames have arrived.
        window: Number of arrivals that the rate is computed from.
        tolerance: A rate that differs by less than this, relatively, is the same rate.
    """

    def __init__(self, expected_hz: float, *, window: int = 9, tolerance: float = 0.15) -> None:
        self.reported_hz = expected_hz
        self._tolerance = tolerance
        self._times_s: deque[float] = deque(maxlen=window)

    def arrived(self, now_s: float) -> float | None:
        """Takes an arrival.

        Returns:
            The new rate in hertz if it differs from the last one reported, else None.
        """
        times = self._times_s
        times.append(now_s)
        if len(times) < (times.maxlen or 0):
            return None
        span_s = max(times[-1] - times[0], 0.0)
        rate_hz = min(max((len(times) - 1) / span_s if span_s > 0.0 else _FASTEST_HZ, _SLOWEST_HZ), _FASTEST_HZ)
        if abs(rate_hz - self.reported_hz) <= self._tolerance * self.reported_hz:
            return None
        self.reported_hz = rate_hz
        return rate_hz
