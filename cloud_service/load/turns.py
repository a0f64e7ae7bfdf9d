"""Turns: work that takes less time than a change of threads, run on the event loop a little at a time.

Laws:
    * Work runs in order of arrival. What arrives while the loop is busy waits for the next turn, so that its arrival is
      noted before other work makes it late: what waits on the loop is seen to wait.
    * One turn takes `TURN_S` and the last piece's own time at most; then the loop reads, writes and beats.
    * `lag_s` is how long what arrives now may have waited for the loop before it was noted.
    * `end` is called when nothing waits any more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

__all__ = ["TURN_S", "Turns"]

TURN_S = 0.001
"""Seconds of work after which a turn ends."""


class Turns:
    """A queue of work for the event loop.

    Args:
        end: Called when the last piece that waited has run.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._work: deque[Callable[[], None]] = deque()
        self._ended_s = 0.0
        self._round_began_s: float | None = None
        self._lag_s = 0.0
        self._lag_noted_s = 0.0

    def __bool__(self) -> bool:
        """Whether work waits."""
        return bool(self._work)

    def lag_s(self, now_s: float) -> float:
        """Seconds that the loop's last round took, if it has only just ended; what came meanwhile is noted now."""
        return self._lag_s if now_s - self._lag_noted_s <= self._lag_s else 0.0

    def add(self, work: Callable[[], None]) -> None:
        """Run a piece of work soon: at once, where nothing ran just before. It must not raise."""
        now_s, loop = time.monotonic(), asyncio.get_running_loop()
        if self._round_began_s is None:
            self._round_began_s = now_s
            loop.call_soon(self._note_round)
        self._work.append(work)
        if len(self._work) > 1:
            return  # a turn is under way, or planned
        if now_s - self._ended_s > TURN_S:
            self._turn()
        else:
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        ends_s = time.monotonic() + TURN_S
        while self._work:
            self._work[0]()
            self._work.popleft()
            self._ended_s = time.monotonic()
            if self._ended_s >= ends_s:
                break
        if self._work:
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._end()

    def _note_round(self) -> None:
        """Runs when the loop has done all that was ready when the first piece of work came."""
        if self._round_began_s is not None:
            self._lag_noted_s = time.monotonic()
            self._lag_s = self._lag_noted_s - self._round_began_s
            self._round_began_s = None
