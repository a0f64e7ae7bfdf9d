"""Rebases the times of pictures where they jump, so that each picture has its place. Pure; times in seconds.

Times come from a container, in the order of display. Joined or restarted recordings jump back; a clock that was set
jumps forward. Either way the next picture is placed one interval after the last one, and the times go on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median

__all__ = ["Timeline"]

# A longer step than this, beyond the stream's own pace, is a jump and not a picture that stands still.
_LONGEST_STEP_S = 10.0
_PACES = 2
# Times that fall back by less are no jump, unless that goes on: the picture is shown when the one before it is.
_JITTER_S = 0.1
_MOST_BEHIND = 2
_STEPS = 9


class Timeline:
    """Gives each picture its time since the first one. Times never decrease.

    Args:
        nominal_s: The interval of pictures that the container names; trusted until pictures show their own.
        on_jump: Is called where the times jump: with the picture's time here, and how far its container's time jumped.
    """

    def __init__(
        self, nominal_s: float, on_jump: Callable[[float, float], object] = lambda _at_s, _jump_s: None
    ) -> None:
        self._nominal_s = nominal_s
        self._on_jump = on_jump
        self._steps_s: deque[float] = deque(maxlen=_STEPS)
        self._furthest_s: float | None = None
        self._at_s = 0.0
        self._behind = 0
        self._guess = _Guess()

    @property
    def interval_s(self) -> float:
        """How long a picture is shown, as the last pictures were; the nominal interval while there are none."""
        return median(self._steps_s) if self._steps_s else self._nominal_s

    @property
    def furthest_s(self) -> float | None:
        """The latest of the container's own times; None before the first picture, and where there are no times."""
        return self._furthest_s if self._guess.knows else None

    def place(self, pts_s: float | None, dts_s: float | None = None) -> float:
        """The time of the next picture.

        Args:
            pts_s: When it is shown, as the container says.
            dts_s: When the packet was to be decoded that made the decoder give it out; it counts where `pts_s` is
                missing, or is more often wrong, as with pictures that are reordered in AVI.
        """
        time_s = self._guess.time_s(pts_s, dts_s)
        if self._furthest_s is None:
            self._furthest_s = 0.0 if time_s is None else time_s
            return self._at_s
        step_s = self.interval_s if time_s is None else time_s - self._furthest_s
        if -_JITTER_S <= step_s <= 0 and self._behind < _MOST_BEHIND:
            self._behind += 1
            return self._at_s
        self._behind = 0
        if 0 < step_s <= _LONGEST_STEP_S + _PACES * max(self._steps_s, default=self._nominal_s):
            self._steps_s.append(step_s)
            self._at_s += step_s
        else:
            self._at_s += self.interval_s
            self._on_jump(self._at_s, step_s)
        self._furthest_s += step_s
        return self._at_s


class _Guess:
    """Chooses between two times as FFmpeg's `best_effort_timestamp` does: the one that fell back less often."""

    def __init__(self) -> None:
        self.knows = False
        self._last_pts_s = self._last_dts_s = float("-inf")
        self._wrong_pts = self._wrong_dts = 0

    def time_s(self, pts_s: float | None, dts_s: float | None) -> float | None:
        if dts_s is not None:
            self._wrong_dts += dts_s <= self._last_dts_s
            self._last_dts_s = dts_s
        if pts_s is not None:
            self._wrong_pts += pts_s <= self._last_pts_s
            self._last_pts_s = pts_s
        self.knows = self.knows or not (pts_s is None and dts_s is None)
        if pts_s is not None and (self._wrong_pts <= self._wrong_dts or dts_s is None):
            return pts_s
        return dts_s
