"""Results leave in the order their frames came in, exactly one for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edge_service.frame import FrameResult

__all__ = ["InOrder"]


class InOrder:
    """Holds back a finished frame's result until every frame before it has one.

    Args:
        on_result: told each result as it leaves.
    """

    def __init__(self, on_result: Callable[[FrameResult], None]) -> None:
        self._on_result = on_result
        self._pending: deque[tuple[int, asyncio.Future[FrameResult]]] = deque()
        self._finished: dict[int, FrameResult] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        """Frames whose result has not left yet."""
        return len(self._pending)

    def expect(self, frame_id: int) -> asyncio.Future[FrameResult]:
        """Announces the next frame; the future resolves when its result leaves."""
        future: asyncio.Future[FrameResult] = asyncio.get_running_loop().create_future()
        self._pending.append((frame_id, future))
        self._empty.clear()
        return future

    async def empty(self) -> None:
        """Waits until every announced frame's result has left."""
        await self._empty.wait()

    def finish(self, result: FrameResult) -> None:
        """Takes a frame's result, and lets go what may leave."""
        self._finished[result.frame_id] = result
        while self._pending and self._pending[0][0] in self._finished:
            frame_id, future = self._pending.popleft()
            ready = self._finished.pop(frame_id)
            self._on_result(ready)
            if not future.done():  # its waiter may have been cancelled
                future.set_result(ready)
        if not self._pending:
            self._empty.set()
