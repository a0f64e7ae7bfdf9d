"""Estimators of what a decision needs and nobody announces: uplink, round trip, load of a side, cost of a call.

Laws:

- time is an argument; nothing here reads a clock;
- every estimate is positive and finite, whatever the samples; a sample that makes no sense changes nothing;
- one bad sample moves an estimate a little, two in a row on the same side are believed.
"""

import math
from collections import deque
from statistics import median

_SLOWEST_BPS = 1e3
_FASTEST_BPS = 1e12
_AS_PROFILED = (1.0, 1.0)
_STEP_RATIO = 1.5


class UplinkEstimator:
    """Goodput of the uplink: an EWMA of seconds per byte that resets on a confirmed step.

    Seconds per byte, not bytes per second, because a transfer is priced by multiplying with it: its mean is the mean
    transfer time. A sample that is off by more than `reset_ratio` counts only up to that ratio; when the next one is
    off on the same side, the link has changed and the estimate restarts from these two. Of the smoothers compared on
    steps between 20 and 4 Mbit/s with 30 % noise this one settled in 1 to 4 samples in both directions.

    Args:
        weight: Weight of a new sample; the first samples after a start or a reset are averaged instead.
        reset_ratio: How many times slower or faster two samples in a row must be to count as a step.
        min_bytes: Smaller samples measure latency, not rate, and are dropped, unless they took `long_s`.
        long_s: So long that latency hardly matters; the second half of a small probe on a slow link is such a sample.
        resolution_s: Shorter times cannot be told from jitter; such a sample only says that the link is at least so
            fast.
    """

    def __init__(
        self,
        *,
        weight: float = 0.2,
        reset_ratio: float = 1.5,
        min_bytes: int = 16_000,
        long_s: float = 0.02,
        resolution_s: float = 0.002,
    ) -> None:
        self._weight = weight
        self._reset_ratio = reset_ratio
        self._min_bytes = min_bytes
        self._long_s = long_s
        self._resolution_s = resolution_s
        self._s_per_byte: float | None = None
        self._updated_s = -math.inf
        self._samples = 0
        self._suspect: float | None = None

    @property
    def bps(self) -> float | None:
        """Bits per second, or None while nothing is known."""
        return None if self._s_per_byte is None else 8.0 / self._s_per_byte

    @property
    def unconfirmed(self) -> bool:
        """Whether one more sample would tell much: the last was far off, or only a bound is known."""
        return self._suspect is not None or (self._s_per_byte is not None and self._samples == 0)

    def age_s(self, now_s: float) -> float:
        """Seconds since the last sample that said something; infinite without an estimate."""
        return math.inf if self._s_per_byte is None else max(0.0, now_s - self._updated_s)

    def add(
        self, sample_bytes: int, seconds: float, now_s: float, *, after_idle: bool = False, by_receiver: bool = False
    ) -> bool:
        """Takes an upload of `sample_bytes` that took `seconds`.

        Args:
            sample_bytes: Bytes that arrived.
            seconds: How long they took, without round trip and server time.
            now_s: The time of the observation.
            after_idle: The link was idle for more than 0.3 s before: the sample carries TCP slow start and can only
                look slower than the link is. It counts only as evidence of a faster link.
            by_receiver: There is no latency in it, however few the bytes. Were small ones dropped here too, probes
                sized by a low estimate would be heard only while the link is as slow as that.

        Returns:
            Whether the sample was used.
        """
        makes_sense = math.isfinite(seconds) and seconds > 0.0 and sample_bytes > 0
        if not makes_sense or (not by_receiver and sample_bytes < self._min_bytes and seconds < self._long_s):
            return False
        at_least = after_idle or seconds < self._resolution_s
        value = _clamped(max(seconds, self._resolution_s) / sample_bytes)
        if self._s_per_byte is None:
            self._restart(value, 0 if after_idle else 1)
            if after_idle:
                return True  # better a low first estimate than none, but it stays stale, so that a probe follows
        elif at_least and value >= self._s_per_byte * (1.0 if after_idle else self._reset_ratio):
            return False
        elif at_least and not after_idle and value * self._reset_ratio > self._s_per_byte:
            pass  # as fast as can be told: the estimate is fresh
        elif at_least and self._samples == 0:
            self._restart(value, 0)  # a higher bound in place of a bound
            return True
        else:
            self._blend(value)
        self._updated_s = now_s
        return True

    def at_most(self, sample_bytes: int, seconds: float, now_s: float) -> bool:
        """Takes an upload that has *not* arrived: the rate is at most `sample_bytes` in `seconds`.

        A bound is a fact, not a noisy sample, so it is believed at once; and the next sample replaces it.

        Returns:
            Whether the estimate went down.
        """
        if not (math.isfinite(seconds) and seconds > 0.0) or sample_bytes <= 0:
            return False
        bound = _clamped(seconds / sample_bytes)
        if self._s_per_byte is not None and self._s_per_byte >= bound:
            return False
        self._restart(bound, 0)
        self._updated_s = now_s
        return True

    def forget(self) -> None:
        """Forgets everything: after an outage the old rate says nothing about the new path."""
        self._s_per_byte = None
        self._updated_s = -math.inf
        self._samples = 0
        self._suspect = None

    def _restart(self, value: float, samples: int) -> None:
        self._s_per_byte = value
        self._samples = samples
        self._suspect = None

    def _blend(self, value: float) -> None:
        estimate = self._s_per_byte
        if estimate is None or self._samples == 0:
            self._restart(value, 1)
            return
        low, high = estimate / self._reset_ratio, estimate * self._reset_ratio
        if low <= value <= high:
            self._suspect = None
        elif self._suspect is not None and (self._suspect > estimate) == (value > estimate):
            self._restart((self._suspect + value) / 2.0, 2)
            return
        else:
            self._suspect = value
        self._samples += 1
        weight = max(self._weight, 1.0 / self._samples)
        self._s_per_byte = estimate + weight * (min(max(value, low), high) - estimate)


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

    Args:
        weight: Weight of a new sample.
        largest_s: Larger samples count as this much: a stall is not an overhead.
    """

    def __init__(self, *, weight: float = 0.1, largest_s: float = 0.1) -> None:
        self._weight = weight
        self._largest_s = largest_s
        self._seconds: float | None = None

    @property
    def seconds(self) -> float:
        """The overhead of one call, in seconds; 0 while nothing is known."""
        return self._seconds or 0.0

    def add(self, seconds: float) -> bool:
        """Takes one measured overhead; a negative one, from a jittering round trip, counts as 0."""
        if not math.isfinite(seconds):
            return False
        sample = min(max(seconds, 0.0), self._largest_s)
        self._seconds = sample if self._seconds is None else self._seconds + self._weight * (sample - self._seconds)
        return True


def _clamped(s_per_byte: float) -> float:
    return min(max(s_per_byte, 8.0 / _FASTEST_BPS), 8.0 / _SLOWEST_BPS)
