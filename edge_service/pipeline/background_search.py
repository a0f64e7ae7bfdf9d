"""Runs searches for better splits in the background: one at a time, on a thread of their own.

A search computes for up to seconds. On the event loop it would block frames, heartbeats and deadlines; on the edge's
worker thread, heads. The thread is a daemon, so that a search does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
import time

from edge_service.control import Controller, Search
from edge_service.log import log
from partitioner import Partition

__all__ = ["BackgroundSearch"]


class BackgroundSearch:
    """Runs the searches of `Controller.search_due`, and passes their results to the controller on the event loop.

    Args:
        controller: says which search is due, and takes the results.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._closed = False

    def begin_due(self) -> None:
        """Begins a search if one is due; call it on the event loop after each plan."""
        search = self._controller.search_due(time.monotonic())
        if search is None:
            return
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._run, args=(search, loop), name="split-search", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            log.exception("the search for a better split failed")
            self._ended(search, None)

    def close(self) -> None:
        """Discards results from now on."""
        self._closed = True

    def _run(self, search: Search, loop: asyncio.AbstractEventLoop) -> None:
        found: Partition | None = None
        try:
            found = search.run()
        except Exception:  # noqa: BLE001 # without the result of a search, the agent uses the splits it knows
            log.exception("the search for a better split failed")
        if self._closed:
            return
        try:
            loop.call_soon_threadsafe(self._ended, search, found)
        except RuntimeError:  # the loop was closed meanwhile
            return

    def _ended(self, search: Search, found: Partition | None) -> None:
        if not self._closed:
            self._controller.searched(search, found, time.monotonic())
