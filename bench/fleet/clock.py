"""The clock of a simulation: timed calls, the earliest first; of two at one time, the one that was asked for first."""

import heapq
from collections.abc import Callable
from typing import Any

Call = Callable[[Any, float], None]


class Clock:
    """See the module docstring. A call gets what it was asked for with, and the time."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Call, Any]] = []
        self._asked = 0

    def at(self, at_s: float, call: Call, what: Any = None) -> None:  # noqa: ANN401 - each call knows its own
        """Asks for a call."""
        self._asked += 1
        heapq.heappush(self._calls, (at_s, self._asked, call, what))

    def run(self) -> int:
        """Makes all calls, those included that are asked for meanwhile; returns how many."""
        calls, pop, made = self._calls, heapq.heappop, 0
        while calls:
            now_s, _, call, what = pop(calls)
            call(what, now_s)
            made += 1
        return made
