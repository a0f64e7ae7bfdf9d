"""The timing of one direction of a link: serialisation at a trace's rate, then propagation delay and jitter.

Pure: time is an argument, in seconds on any monotonic clock.

- `Shaper`: bytes leave one after the other at the rate of a trace. A chunk starts when it has arrived and the previous
  chunk has left. So an idle link accumulates no credit, and a late caller loses no link time: departures depend only on
  arrivals and the trace, not on the time of the calls.
- `DelayLine`: a chunk arrives after the propagation delay and a random jitter, in order.
"""

from __future__ import annotations

import math
import random

from link_emulator.trace import Trace


class Shaper:
    """Serialises chunks at the rate of a trace, which may be replaced at any time.

    Args:
        trace: The rate over time; its clock starts at 0 at `now_s`.
        now_s: The present time.
    """

    __slots__ = ("_cut", "_departure_s", "_origin_s", "_remaining_bytes", "_start_s", "_trace")

    def __init__(self, trace: Trace, now_s: float = 0.0) -> None:
        self._trace = trace
        self._origin_s = now_s
        self._cut = False
        # The chunk in service: bytes that remained at `_start_s`, and when the last of them leaves.
        self._start_s = now_s
        self._remaining_bytes = 0.0
        self._departure_s = now_s

    @property
    def departure_s(self) -> float:
        """When the last chunk leaves under present conditions; `math.inf` if never."""
        return self._departure_s

    def rate_at(self, now_s: float) -> float:
        """The link's rate in bits per second; 0 while it is cut."""
        return 0.0 if self._cut else self._trace.rate_at(now_s - self._origin_s)

    def send(self, size_bytes: int, arrival_s: float) -> float:
        """Send a chunk after the previous one.

        A change of the link changes only the departure of the last chunk sent, so callers must send a chunk only when
        the previous one has left.

        Returns:
            When its last byte leaves under present conditions.
        """
        self._start_s = max(arrival_s, self._departure_s)
        self._remaining_bytes = size_bytes
        return self._plan()

    def set_trace(self, trace: Trace, now_s: float) -> None:
        """Continue with another trace, from its beginning; bytes of the chunk that have left stay sent."""
        self._settle(now_s)
        self._trace, self._origin_s = trace, now_s
        self._plan()

    def restart(self, now_s: float) -> None:
        """Start the trace's clock at 0 again."""
        self.set_trace(self._trace, now_s)

    def cut(self, now_s: float) -> None:
        """Stop departures until `restore`; the trace's clock continues."""
        self._settle(now_s)
        self._cut = True
        self._plan()

    def restore(self, now_s: float) -> None:
        """Undo `cut`: the chunk in service continues where it stopped."""
        self._settle(now_s)
        self._cut = False
        self._plan()

    def _settle(self, now_s: float) -> None:
        """Subtract the bytes that have left by now from the chunk in service."""
        if now_s >= self._departure_s:
            self._start_s, self._remaining_bytes = self._departure_s, 0.0
        elif now_s > self._start_s:
            if not self._cut:
                passed_bytes = self._trace.bytes_between(self._start_s - self._origin_s, now_s - self._origin_s)
                self._remaining_bytes = max(0.0, self._remaining_bytes - passed_bytes)
            self._start_s = now_s

    def _plan(self) -> float:
        if self._cut and self._remaining_bytes:
            self._departure_s = math.inf
        else:
            trace_s = self._trace.time_after(self._start_s - self._origin_s, self._remaining_bytes)
            self._departure_s = max(self._start_s, self._origin_s + trace_s)
        return self._departure_s


class DelayLine:
    """Adds propagation delay and jitter, and keeps the order.

    Args:
        delay_s: The propagation delay.
        jitter_s: The largest addition to it, uniformly distributed; a chunk never overtakes the previous one.
        seed: Seed of the jitter.
    """

    __slots__ = ("_delay_s", "_jitter_s", "_last_s", "_random")

    def __init__(self, delay_s: float = 0.0, jitter_s: float = 0.0, seed: int = 0) -> None:
        self.set_delay(delay_s, jitter_s)
        self._random = random.Random(seed)  # noqa: S311 - a repeatable jitter, not a secret
        self._last_s = -math.inf

    def set_delay(self, delay_s: float, jitter_s: float = 0.0) -> None:
        """Change both for chunks that leave from now on; earlier chunks keep their delay and are not overtaken.

        Raises:
            ValueError: One is negative or infinite.
        """
        for name, value_s in (("delay_s", delay_s), ("jitter_s", jitter_s)):
            if not 0 <= value_s < math.inf:
                raise ValueError(f"{name} must be 0 seconds or more and finite, not {value_s}")
        self._delay_s = delay_s
        self._jitter_s = jitter_s

    def arrival_s(self, departure_s: float) -> float:
        """Return when a chunk that leaves at `departure_s` arrives; call it in order of departure."""
        jitter_s = self._random.uniform(0.0, self._jitter_s) if self._jitter_s else 0.0
        self._last_s = max(self._last_s, departure_s + self._delay_s + jitter_s)
        return self._last_s
