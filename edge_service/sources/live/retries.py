"""When a lost live source is connected to again, and when it is given up: pure; times in seconds."""

from __future__ import annotations

import math

__all__ = ["Retries"]

_FIRST_S = 0.1
# A camera that is back is found within this time, and one that starts is not asked more often.
_MOST_S = 1.0
# Cameras lock users out who give a wrong password too often.
_MOST_AFTER_REFUSAL_S = 30.0


class Retries:
    """Waits that double, from the beginning of one attempt to the next.

    Args:
        now_s: When the first attempt begins.
        give_up_after_s: Without a picture for this long, the source is given up; None: never.
    """

    def __init__(self, now_s: float, give_up_after_s: float | None = None) -> None:
        self._give_up_after_s = math.inf if give_up_after_s is None else give_up_after_s
        self._last_s = now_s  # the last picture, or the beginning
        self._began_s = now_s
        self._failures = 0

    def attempt(self, now_s: float) -> None:
        """An attempt begins."""
        self._began_s = now_s

    def arrived(self, at_s: float) -> None:
        """A picture arrived: the next loss is a new one."""
        self._last_s = at_s
        self._failures = 0

    def left_s(self, now_s: float) -> float:
        """Until the source is given up."""
        return self._last_s + self._give_up_after_s - now_s

    def wait_s(self, now_s: float, *, login_refused: bool = False) -> float | None:
        """The attempt failed, or its connection is lost.

        Args:
            now_s: The time.
            login_refused: Whether the camera refuses user and password.

        Returns:
            How long to wait for the next attempt; None: the source is given up.
        """
        left_s = self.left_s(now_s)
        if left_s <= 0:
            return None
        delay_s = _FIRST_S * 2.0 ** min(self._failures, 20)
        self._failures += 1
        # A connection that delivered pictures began long ago: it, too, is waited after, or a camera that accepts
        # connections, sends a picture and closes would be asked without a pause.
        began_s = now_s if self._failures == 1 else self._began_s
        due_s = began_s + min(delay_s, _MOST_AFTER_REFUSAL_S if login_refused else _MOST_S)
        return min(max(0.0, due_s - now_s), left_s)
