"""Work on items on a thread of its own, in their order and within a bound, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Background"]

T = TypeVar("T")


class Background(Generic[T]):
    """Does work for each item on one thread.

    There are two ways to treat more items than can be worked on. Where every item counts, whoever makes them waits for
    `room`; what is under way then may still come, so a few more than `most` may wait. Where the newest items count,
    the oldest waiting one is skipped for a new one.

    Args:
        name: of the thread.
        work: called with each item. If it raises an error, later items are ignored, and `put`, `room` and `close` raise
            the error.
        most: the items that may wait.
        skips: whether the oldest waiting item is skipped when there are more.

    Attributes:
        skipped: number of items skipped.
    """

    def __init__(self, name: str, work: Callable[[T], None], *, most: int, skips: bool = False) -> None:
        self.skipped = 0
        self._work = work
        self._most = most
        self._skips = skips
        self._waiting: deque[T] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Adds an item; never waits.

        Raises:
            Exception: what `work` raised.
        """
        with self._changed:
            self._raise()
            if self._skips and len(self._waiting) >= self._most:
                self._waiting.popleft()
                self.skipped += 1
            self._waiting.append(item)
            self._changed.notify_all()

    async def room(self) -> None:
        """Waits until fewer than `most` items wait.

        Raises:
            Exception: what `work` raised.
        """
        with self._changed:
            is_free = self._is_free()
        if not is_free:
            await asyncio.to_thread(self._wait_until_free)
        with self._changed:
            self._raise()

    def close(self) -> None:
        """Waits until all items are done, and ends the thread; blocks.

        Raises:
            Exception: what `work` raised.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._raise()

    def _is_free(self) -> bool:
        return len(self._waiting) < self._most or self._closing or self._error is not None

    def _wait_until_free(self) -> None:
        with self._changed:
            self._changed.wait_for(self._is_free)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (following := self._next()) is not None:
            (item,) = following
            try:
                self._work(item)
            except Exception as error:  # noqa: BLE001 # raised where items come from
                with self._changed:
                    self._error = error
                    self._waiting.clear()
                    self._changed.notify_all()
                return
            del item, following  # or the last item's memory would be kept until the next one comes

    def _next(self) -> tuple[T] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if not self._waiting:
                return None
            item = self._waiting.popleft()
            self._changed.notify_all()
            return (item,)
