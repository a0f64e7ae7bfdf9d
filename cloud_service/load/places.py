"""Places: a counted number of them, given in order of arrival, to those who wait and to those who want to be told."""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Places"]


class Places:
    """Like `asyncio.Semaphore`, which cannot be asked for a place without waiting.

    Args:
        count: Of all places.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if not self._free or self._waiting:
            return False
        self._free -= 1
        return True

    def ask(self, given: Callable[[], None]) -> None:
        """Have `given` called when it is this one's turn, and the place is taken."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn.add_done_callback(lambda _: given())
        if self.take_at_once():  # all who waited gave up: nobody would give this one back
            turn.set_result(None)
        else:
            self._waiting.append(turn)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiting)

    async def take(self) -> None:
        """Wait for a place; whoever is cancelled meanwhile has none."""
        if self.take_at_once():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()  # it came together with the cancellation
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self) -> None:
        """Give a place back: to the first who waits, or to all."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
