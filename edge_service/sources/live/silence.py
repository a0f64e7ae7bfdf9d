"""How long a live source may be silent before its connection is given up: pure; times in seconds.

A camera of 25 pictures a second that says nothing for 2 s is lost. One of a picture every 5 s is not: so the limit
grows with the intervals seen. A camera that was connected to and sent too little to know its interval may be slow:
then the next connection is given twice the time.
"""

from __future__ import annotations

from collections import deque

__all__ = ["SilenceLimit"]

_INTERVALS = 3.0  # silence of so many of the longest intervals is a loss
_KNOWN = 3  # intervals of one connection that tell its rate
_REMEMBERED = 8


class SilenceLimit:
    """The limit for the next connection.

    Args:
        least_s: Where it begins, and never below.
        most_s: Never above.

    Attributes:
        limit_s: Silence of this length is a loss.
    """

    def __init__(self, least_s: float = 2.0, most_s: float = 30.0) -> None:
        self.limit_s = least_s
        self._least_s = least_s
        self._most_s = most_s
        self._last_s: float | None = None
        self._intervals_s: deque[float] = deque(maxlen=_REMEMBERED)

    def connected(self) -> None:
        """A new connection begins: the time up to its first picture is no interval of the camera."""
        self._last_s = None
        self._intervals_s.clear()

    def arrived(self, at_s: float) -> None:
        """A picture arrived."""
        if self._last_s is not None:
            self._intervals_s.append(at_s - self._last_s)
        self._last_s = at_s
        if len(self._intervals_s) >= _KNOWN:
            self.limit_s = min(max(self._least_s, _INTERVALS * max(self._intervals_s)), self._most_s)

    def fell_silent(self) -> None:
        """The connection was given up because of silence."""
        if len(self._intervals_s) < _KNOWN:
            self.limit_s = min(2 * self.limit_s, self._most_s)
