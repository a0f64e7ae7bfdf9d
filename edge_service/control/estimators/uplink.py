"""The goodput of the uplink, from uploads that arrived, that are late, and that nobody could time.

Laws:

- time is an argument; nothing here reads a clock;
- the estimate is positive and finite, whatever the samples; a sample that makes no sense changes nothing;
- one bad sample moves it a little, two in a row on the same side are believed;
- what hears of a faster link does not depend on believing in a slow one: an estimate that is low only by mistake never
  stays so, because whatever is faster than it is heard, however small or badly timed.
"""

import math

_SLOWEST_BPS = 1e3
_FASTEST_BPS = 1e12


class UplinkEstimator:
    """Goodput of the uplink: an EWMA of seconds per byte that resets on a confirmed step.

    Seconds per byte, not bytes per second, because a transfer is priced by multiplying with it: its mean is the mean
    transfer time. A sample that is off by more than `reset_ratio` counts only up to that ratio; when the next one is
    off on the same side, the link has changed and the estimate restarts from these two. Of the smoothers compared on
    steps between 20 and 4 Mbit/s with 30 % noise this one settled in 1 to 4 samples in both directions.

    Args:
        weight: Weight of a new sample; the first samples after a start or a reset are averaged instead.
        reset_ratio: How many times slower or faster two samples in a row must be to count as a step.
        min_bytes: Smaller samples measure latency as well as the rate, so that they can only look slower than the link
            is: they count where they are faster by more than `reset_ratio`, or took `long_s`; and even then one alone
            does not replace a bound.
        long_s: So long that latency hardly matters; on a busy machine a call costs some 20 ms.
        resolution_s: Shorter times cannot be told from jitter; such a sample only says that the link is at least so
            fast.
    """

    def __init__(
        self,
        *,
        weight: float = 0.2,
        reset_ratio: float = 1.5,
        min_bytes: int = 16_000,
        long_s: float = 0.05,
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
        self._before_bound: float | None = None

    @property
    def bps(self) -> float | None:
        """Bits per second, or None while nothing is known."""
        return None if self._s_per_byte is None else 8.0 / self._s_per_byte

    @property
    def hoped_bps(self) -> float | None:
        """The estimate, or what the last sample says where that was far above it; None while nothing is known."""
        known = [value for value in (self._s_per_byte, self._suspect) if value is not None]
        return 8.0 / min(known) if known else None

    @property
    def unconfirmed(self) -> bool:
        """Whether one more sample would tell much: the last was far off, or only a bound is known."""
        return self._suspect is not None or (self._s_per_byte is not None and self._samples == 0)

    @property
    def rests_on_one(self) -> bool:
        """Whether there was one sample only: a machine may have stood still for a moment, and nothing tells of that."""
        return self._samples == 1

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
            by_receiver: There is no latency in it, however few the bytes.

        Returns:
            Whether the sample was used.
        """
        makes_sense = math.isfinite(seconds) and seconds > 0.0 and sample_bytes > 0
        if not makes_sense:
            return False
        small = not by_receiver and sample_bytes < self._min_bytes
        quick = small and seconds < self._long_s
        at_least = after_idle or quick or seconds < self._resolution_s
        value = _clamped(max(seconds, self._resolution_s) / sample_bytes)
        if quick and (self._s_per_byte is None or value * self._reset_ratio >= self._s_per_byte):
            return False
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
            self._blend(value, alone_replaces=not small)
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
        before = self._s_per_byte if self._samples else self._before_bound
        self._restart(bound, 0)
        self._updated_s, self._before_bound = now_s, before
        return True

    def at_least(self, sample_bytes: int, seconds: float, now_s: float) -> bool:
        """Takes an upload that *has* arrived after `seconds` at the latest, when nobody could tell how much sooner.

        The other bound, and a fact as well.

        Returns:
            Whether the estimate went up.
        """
        if not (math.isfinite(seconds) and seconds > 0.0) or sample_bytes <= 0:
            return False
        bound = _clamped(seconds / sample_bytes)
        if self._s_per_byte is not None and self._s_per_byte <= bound:
            return False
        self._restart(bound, 0)
        self._updated_s = now_s
        return True

    def doubt(self) -> None:
        """What was heard lately told of a pause, not of the link: back to what was measured before, to be confirmed."""
        if self._before_bound is not None:
            self._s_per_byte = self._before_bound
        self._samples = 0
        self._suspect = None

    def forget(self) -> None:
        """Forgets everything: after an outage the old rate says nothing about the new path."""
        self._s_per_byte = None
        self._updated_s = -math.inf
        self._samples = 0
        self._suspect = None
        self._before_bound = None

    def _restart(self, value: float, samples: int) -> None:
        self._s_per_byte = value
        self._samples = samples
        self._suspect = None
        self._before_bound = None

    def _blend(self, value: float, *, alone_replaces: bool) -> None:
        estimate = self._s_per_byte
        if estimate is None or (self._samples == 0 and alone_replaces):
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
            if self._samples == 0:
                return
        self._samples += 1
        weight = max(self._weight, 1.0 / self._samples)
        self._s_per_byte = estimate + weight * (min(max(value, low), high) - estimate)


def _clamped(s_per_byte: float) -> float:
    return min(max(s_per_byte, 8.0 / _FASTEST_BPS), 8.0 / _SLOWEST_BPS)
