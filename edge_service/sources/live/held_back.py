"""When a packet arrived that FFmpeg gives out only when the next one begins: pure; times in seconds.

So a packet began to arrive when the one before it came out. The last picture before a silence comes out at its end, and
is old then.
"""

from __future__ import annotations

__all__ = ["HeldBack"]

_STALE_S = 0.5
_INTERVALS = 2.0  # a camera of a picture a second always is a second late
_WEIGHT = 0.1  # of the last interval in the usual one


class HeldBack:
    """The packets of one connection.

    Args:
        now_s: When the connection was ready.

    Attributes:
        held_s: How long the last packet was held.
        is_stale: Whether that was so long that its picture is not to be shown any more.
    """

    def __init__(self, now_s: float) -> None:
        self.held_s = 0.0
        self.is_stale = False
        self._last_s = now_s
        self._usual_s: float | None = None

    def came_out(self, now_s: float) -> float:
        """A packet came out; returns when it began to arrive."""
        arrived_s, self._last_s = self._last_s, now_s
        self.held_s = now_s - arrived_s
        usual_s = self.held_s if self._usual_s is None else self._usual_s
        self.is_stale = self.held_s > max(_STALE_S, _INTERVALS * usual_s)
        self._usual_s = usual_s + _WEIGHT * (self.held_s - usual_s)
        return arrived_s
