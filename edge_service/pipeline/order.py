"""Results leave in the order of submission, exactly one for each frame."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from edge_service.frame import FrameResult

__all__ = ["InOrder"]


class InOrder:
    """Holds back a finished frame's result until every frame before it has one.

    Args:
        on_result: called with each result as it leaves. If it raises an error (a closed pipe, a full disk), it is not
            called again, frames under way still end, and `expect` and `empty` raise the error.
    """

    def __init__(self, on_result: Callable[[FrameResult], None]) -> None:
        self._on_result = on_result
        self._pending: deque[tuple[int, asyncio.Future[FrameResult]]] = deque()
        self._finished: dict[int, FrameResult] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self._error: Exception | None = None

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
        """Takes a frame's result; it and the results after it leave as soon as all before them have left."""
        self._finished[result.frame_id] = result
        while self._pending and self._pending[0][0] in self._finished:
            frame_id, future = self._pending.popleft()
            ready = self._finished.pop(frame_id)
            self._report(ready)
            if not future.done():  # its waiter may have been cancelled
                future.set_result(ready)
        if not self._pending:
            self._empty.set()

    def _report(self, result: FrameResult) -> None:
        if self._error is not None:
            return
        try:
            self._on_result(result)
        except Exception as error:  # noqa: BLE001 # raised by the next `expect`; raised here it would end the pipeline
            self._error = error
