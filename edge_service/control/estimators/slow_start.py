"""What TCP slow start costs an upload after a pause, and whether the connection is out of it.

A sender that was silent for longer than one retransmission timeout (at least 200 ms plus the round trip) starts again
with the initial window and doubles it with each round trip (RFC 5681, section 4.1; RFC 6928). Until the window reaches
the bandwidth-delay product, the link is idle for a part of each round trip. Round n sends `2^n` initial windows and
takes a round trip. When the upload or the growth ends after n rounds, the time lost is

    n round trips - bytes of these rounds / rate

Not every congestion control does so (BBR continues at its old rate; Linux has a setting against it). So the loss counts
as 0 until an upload after a pause was slow, and then as the share of the above that was observed.
"""

import math
from dataclasses import dataclass

INITIAL_WINDOW_BYTES = 14_480  # ten segments of Ethernet
_LEAST_TIMEOUT_S = 0.2  # Linux's smallest retransmission timeout above the round trip
_LARGEST_WINDOW_BYTES = 1 << 30
_WEIGHT = 0.5
_MOST_SHARE = 1.25


@dataclass(frozen=True, slots=True)
class SlowStart:
    """The growth of the window on one link.

    Attributes:
        uplink_bps: The link's rate, positive.
        rtt_s: Its round trip.
        share: Expected share of the loss, in [0, 1.25].
    """

    uplink_bps: float
    rtt_s: float
    share: float = 1.0

    def lost_s(self, sent_bytes: float) -> float:
        """Seconds that an upload of this size takes longer than on an open window."""
        lost_s, window_bytes, left_bytes = 0.0, float(INITIAL_WINDOW_BYTES), sent_bytes
        while window_bytes < left_bytes and (waits_s := self.rtt_s - 8.0 * window_bytes / self.uplink_bps) > 0.0:
            lost_s += waits_s
            left_bytes -= window_bytes
            window_bytes *= 2.0
        return self.share * lost_s


class SlowStartShare:
    """The share of slow start's loss that uploads after a pause showed; 0 until one did."""

    def __init__(self) -> None:
        self._share = 0.0

    @property
    def value(self) -> float:
        """The share, in [0, 1.25]."""
        return self._share

    def add(self, sent_bytes: int, seconds: float, uplink_bps: float, rtt_s: float) -> bool:
        """Takes an upload after a pause; returns whether it was used: only if a loss was to be expected."""
        if not (math.isfinite(seconds) and seconds > 0.0) or sent_bytes <= 0:
            return False
        expected_s = SlowStart(uplink_bps, rtt_s).lost_s(sent_bytes)
        open_s = 8.0 * sent_bytes / uplink_bps
        if expected_s < 0.25 * open_s:
            return False
        share = min(max((seconds - open_s) / expected_s, 0.0), _MOST_SHARE)
        # A larger share counts at once, a smaller one by half: a window halves with each timeout of silence, so an
        # upload after a short pause loses less than one after a long pause, and does not disprove the larger share.
        self._share = max(share, self.value + _WEIGHT * (share - self.value))
        return True


class Warmth:
    """A lower bound of the connection's window, computed from what the edge sent and how slow start grows."""

    def __init__(self) -> None:
        self._sent_s = -math.inf
        self._window_bytes = INITIAL_WINDOW_BYTES

    def sent(self, sent_bytes: int, from_s: float, to_s: float, rtt_s: float) -> None:
        """`sent_bytes` were sent from `from_s` on and had arrived at `to_s`; 0 bytes only keep the window open."""
        # In slow start the window grows by all of them, but cubic leaves slow start at half of that (HyStart).
        self._window_bytes = min(self.window_bytes(from_s, rtt_s) + sent_bytes // 2, _LARGEST_WINDOW_BYTES)
        self._sent_s = max(self._sent_s, to_s)

    def window_bytes(self, now_s: float, rtt_s: float) -> int:
        """Bytes that an upload beginning now may have in flight at first."""
        silent = now_s - self._sent_s > _LEAST_TIMEOUT_S + rtt_s
        return INITIAL_WINDOW_BYTES if silent else self._window_bytes

    def restart(self) -> None:
        """A new connection: the window is small."""
        self._sent_s = -math.inf
