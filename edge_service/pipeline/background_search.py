"""Runs searches for better splits beside the frames: one at a time, on a thread of their own.

A search takes up to seconds of computing. On the event loop it would hold up frames, heartbeats and deadlines; on the
edge's worker thread, heads. The thread is a daemon: a search still running when the agent is left must not keep the
process from ending.
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
    """Runs what `Controller.search_due` offers, and tells the controller on the event loop what was found.

    Args:
        controller: asked and told.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._closed = False

    def begin_due(self) -> None:
        """Begins a search if one is due; called on the event loop, after each plan."""
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
        """What is found from now on is nobody's."""
        self._closed = True

    def _run(self, search: Search, loop: asyncio.AbstractEventLoop) -> None:
        found: Partition | None = None
        try:
            found = search.run()
        except Exception:  # noqa: BLE001 # a search that fails costs a better split, not the agent
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
