"""Finds the times without pictures, and why there were none: pure; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FoundGap", "GapWatch"]

# Without a loss of the connection, a gap is longer than this, and than so many usual intervals.
_SHORTEST_S = 1.0
_INTERVALS = 4.0
_KNOWN = 3  # intervals that tell what is usual
_WEIGHT = 0.1  # of the last interval in the usual one
_NOTHING = "no picture came"


@dataclass(frozen=True, slots=True)
class FoundGap:
    """A time without pictures.

    Attributes:
        began_s: When the last picture before it arrived.
        seconds: Until the next one, or the end.
        why: The reason.
    """

    began_s: float
    seconds: float
    why: str


class GapWatch:
    """Watches one source.

    Args:
        now_s: When the source was asked for pictures.
    """

    def __init__(self, now_s: float) -> None:
        self._last_s = now_s
        self._why: str | None = None
        self._is_first = True
        self._usual_s = 0.0
        self._intervals = 0

    def lost(self, why: str) -> None:
        """The connection was lost, or could not be made; the first reason of a gap counts."""
        self._why = self._why or why

    def arrived(self, at_s: float) -> FoundGap | None:
        """A picture arrived; returns the gap that it ended."""
        gap = self.ended(at_s)
        interval_s = at_s - self._last_s
        is_first, self._is_first = self._is_first, False
        self._last_s, self._why = at_s, None
        if gap is None and not is_first:
            self._intervals += 1
            weight = max(_WEIGHT, 1 / self._intervals)
            self._usual_s += weight * (interval_s - self._usual_s)
        return gap

    def ended(self, now_s: float) -> FoundGap | None:
        """The source is not read any more; returns the gap that lasts until now."""
        seconds = now_s - self._last_s
        is_long = self._intervals >= _KNOWN and seconds > max(_SHORTEST_S, _INTERVALS * self._usual_s)
        if self._why is None and not is_long:
            return None
        return FoundGap(self._last_s, seconds, self._why or _NOTHING)
