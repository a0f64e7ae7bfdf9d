"""Estimators of what a decision needs and nobody announces: round trip, load of a side, cost of a call.

Laws:

- time is an argument; nothing here reads a clock;
- every estimate is positive and finite, whatever the samples; a sample that makes no sense changes nothing;
- one bad sample moves an estimate a little, two in a row on the same side are believed.
"""

import math
from collections import deque
from statistics import median

_AS_PROFILED = (1.0, 1.0)
_STEP_RATIO = 1.5


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


class LoadEstimator:
    """How many times slower a side is than its profile says: an EWMA over medians of three.

    The median keeps a single hiccup (a page fault, another process) out, also the first time: the profile counts as
    two samples of 1, because a head that was slow once and is therefore never run again could not be forgiven.
    Without samples the factor returns to 1: a side that was busy when we stopped using it would otherwise never be
    tried again.

    Args:
        weight: Weight of a new median.
        min_predicted_s: Shorter predictions are dominated by what is not in them (a thread that wakes up) and are
            ignored.
        bounds: The factor stays within.
        hold_s: How long the last factor is believed without new samples.
        relax_s: Time constant of the return to 1 after that.
    """

    def __init__(
        self,
        *,
        weight: float = 0.3,
        min_predicted_s: float = 2e-3,
        bounds: tuple[float, float] = (0.05, 100.0),
        hold_s: float = 10.0,
        relax_s: float = 20.0,
    ) -> None:
        self._weight = weight
        self._min_predicted_s = min_predicted_s
        self._low, self._high = bounds
        self._hold_s = hold_s
        self._relax_s = relax_s
        self._factor = 1.0
        self._updated_s = -math.inf
        self._recent: deque[float] = deque(_AS_PROFILED, maxlen=3)

    def factor(self, now_s: float) -> float:
        """The factor at `now_s`, positive and finite; 1 while nothing is known."""
        unused_s = now_s - self._updated_s - self._hold_s
        if unused_s <= 0.0:
            return self._factor
        return 1.0 + (self._factor - 1.0) * math.exp(-unused_s / self._relax_s)

    def age_s(self, now_s: float) -> float:
        """Seconds since the last sample; infinite without one."""
        return max(0.0, now_s - self._updated_s)

    def add(self, predicted_s: float, measured_s: float, now_s: float) -> bool:
        """Takes one run: predicted seconds at load 1 and measured seconds; returns whether it was used."""
        usable = math.isfinite(measured_s) and measured_s > 0.0 and math.isfinite(predicted_s)
        return usable and predicted_s >= self._min_predicted_s and self._add_ratio(measured_s / predicted_s, now_s)

    def reported(self, factor: float, now_s: float) -> bool:
        """Takes a factor that the side itself reports; returns whether it made sense."""
        return math.isfinite(factor) and factor > 0.0 and self._add_ratio(factor, now_s)

    def _add_ratio(self, ratio: float, now_s: float) -> bool:
        before = self.factor(now_s)
        if now_s - self._updated_s > self._hold_s:
            self._recent.extend(_AS_PROFILED)
        self._recent.append(min(max(ratio, self._low), self._high))
        value = median(self._recent)
        # A median far away is two samples in a row on one side: a step, believed at once. Less is smoothed.
        step = not before / _STEP_RATIO <= value <= before * _STEP_RATIO
        self._factor = value if step else before + self._weight * (value - before)
        self._updated_s = now_s
        return True


class OverheadEstimator:
    """Seconds that a call costs besides upload, round trip and the server's work: an EWMA of clamped samples.

    Only calls measure it. So without samples it returns to 0: calls that were dear while a machine was busy would
    otherwise never be made again.

    Args:
        weight: Weight of a new sample.
        largest_s: Larger samples count as this much: a stall is not an overhead.
        hold_s: How long it is believed without new samples.
        relax_s: Time constant of the return to 0 after that.
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
        """The overhead of one call, in seconds; 0 while nothing is known."""
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
