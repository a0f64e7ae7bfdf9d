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
        on_result: told each result as it leaves. What it raises (a closed pipe, a full disk) is no frame's fault: it is
            not called again, every frame under way still ends, and whoever announces another frame gets the error.
    """

    def __init__(self, on_result: Callable[[FrameResult], None]) -> None:
        self._on_result = on_result
        self._pending: deque[tuple[int, asyncio.Future[FrameResult]]] = deque()
        self._finished: dict[int, FrameResult] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._error: Exception | None = None

    def __len__(self) -> int:
        """Frames whose result has not left yet."""
        return len(self._pending)

    def expect(self, frame_id: int) -> asyncio.Future[FrameResult]:
        """Announces the next frame; the future resolves when its result leaves.

        Raises:
            Exception: what `on_result` raised.
        """
        if self._error is not None:
            raise self._error
        future: asyncio.Future[FrameResult] = asyncio.get_running_loop().create_future()
        self._pending.append((frame_id, future))
        self._empty.clear()
        return future

    async def empty(self) -> None:
        """Waits until every announced frame's result has left.

        Raises:
            Exception: what `on_result` raised.
        """
        await self._empty.wait()
        if self._error is not None:
            raise self._error

    def finish(self, result: FrameResult) -> None:
        """Takes a frame's result, and lets go what may leave."""
        self._finished[result.frame_id] = result
        while self._pending and self._pending[0][0] in self._finished:
            frame_id, future = self._pending.popleft()
            ready = self._finished.pop(frame_id)
            self._tell(ready)
            if not future.done():  # its waiter may have been cancelled
                future.set_result(ready)
        if not self._pending:
            self._empty.set()

    def _tell(self, result: FrameResult) -> None:
        if self._error is not None:
            return
        try:
            self._on_result(result)
        except Exception as error:  # noqa: BLE001 # kept for whoever submits; raised here it would end the pipeline
            self._error = error
