"""Turns: work that takes less time than a change of threads, run on the event loop a little at a time.

Laws:
    * Work runs in order of arrival. What arrives while the loop is busy waits for the next turn, so that its arrival is
      noted before other work makes it late: what waits on the loop is seen to wait.
    * One turn takes `TURN_S` and the last piece's own time at most; then the loop reads, writes and beats.
    * `lag_s` is how long what arrives now may have waited for the loop before it was noted.
    * A turn needs a place, as a thread does. Where threads wait for one, they get it after the turn, and the next turn
      stands in line behind them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from cloud_service.load.places import Places

__all__ = ["TURN_S", "Turns"]

TURN_S = 0.001
"""Seconds of work after which a turn ends."""


class Turns:
    """A queue of work for the event loop.

    Args:
        places: The places of all that computes.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._work: deque[Callable[[], None]] = deque()
        self._ended_s = 0.0
        self._round_began_s: float | None = None
        self._lag_s = 0.0
        self._lag_noted_s = 0.0

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
        if not self._places.take_at_once():
            self._places.ask(self._turn)
        elif now_s - self._ended_s > TURN_S:
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
        if self._work and not self._places.awaited:
            asyncio.get_running_loop().call_soon(self._turn)
            return
        self._places.give_back()
        if self._work:
            self._places.ask(self._turn)

    def _note_round(self) -> None:
        """Runs when the loop has done all that was ready when the first piece of work came."""
        if self._round_began_s is not None:
            self._lag_noted_s = time.monotonic()
            self._lag_s = self._lag_noted_s - self._round_began_s
            self._round_began_s = None
