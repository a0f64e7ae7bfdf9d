"""Turns of the probes of several clouds on the uplink that they share: two at once would halve each other's rate.

A probe waits for the one before it, and for a moment in which no frame is on the link. It does not wait for ever: a
rate that is measured too low is better than none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

__all__ = ["UplinkTurns"]

_LONGEST_WAIT_S = 1.0


class UplinkTurns:
    """See the module docstring.

    Args:
        frames: whether frames are on the link.
        longest_wait_s: the longest wait for either.
    """

    def __init__(self, frames: Callable[[], bool] = lambda: False, *, longest_wait_s: float = _LONGEST_WAIT_S) -> None:
        self._frames = frames
        self._longest_wait_s = longest_wait_s
        self._taken = asyncio.Lock()
        self._fewer = asyncio.Event()

    def made_room(self) -> None:
        """Fewer frames are on the link."""
        self._fewer.set()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn: waits for it, and ends it on leaving the context."""
        mine = False
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._longest_wait_s):
                    await self._taken.acquire()
                    mine = True
                    while self._frames():
                        self._fewer.clear()
                        await self._fewer.wait()
            yield
        finally:
            if mine:
                self._taken.release()
