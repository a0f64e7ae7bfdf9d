"""Runs the planner's jobs in the background, one at a time, on a thread of their own: searches, and tables to make.

A job computes for up to seconds. On the event loop it would block frames, heartbeats and deadlines; on the edge's
worker thread, heads. The thread is a daemon, so that a job does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from edge_service.control import Choosable, Controller, Job
from edge_service.log import log
from edge_service.output.metrics import EdgeMetrics
from edge_service.pipeline.turns import short_turns
from edge_service.slowing import stretched
from partitioner import Partition
from partitioner.splits import Splits

__all__ = ["BackgroundWork"]


class BackgroundWork:
    """Runs the jobs of `Controller.work_due`, and passes their results to the controller on the event loop.

    Args:
        controller: says which job is due, and takes the results.
        metrics: counts the jobs and their seconds.
        slowdown: how many times slower than this machine the edge is to be. After a job that computed for t seconds,
            its thread sleeps for (slowdown - 1) * t.
        on_ended: called on the event loop after the controller took a result.
    """

    def __init__(
        self,
        controller: Controller,
        metrics: EdgeMetrics,
        slowdown: float,
        on_ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._controller = controller
        self._metrics = metrics
        self._slowdown = slowdown
        self._on_ended = on_ended
        self._closed = threading.Event()

    def begin_due(self) -> None:
        """Begins a job if one is due; call it on the event loop when connected, and after each plan."""
        job = self._controller.work_due(time.monotonic())
        if job is None:
            return
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=self._run, args=(job, loop), name="split-planner", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread left
            _log_failure(job)
            self._ended(job, None, 0.0)

    def close(self) -> None:
        """Discards results from now on."""
        self._closed.set()

    def _run(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        def run() -> Splits | Partition | Choosable:
            with short_turns():
                return job.run()

        began_s = time.monotonic()
        result: Splits | Partition | Choosable | None = None
        try:
            result = stretched(run, self._slowdown, time.thread_time, self._closed.wait)
        except Exception:  # noqa: BLE001 # without the result of a job, the agent uses the splits it knows
            _log_failure(job)
        if self._closed.is_set():
            return
        try:
            loop.call_soon_threadsafe(self._ended, job, result, time.monotonic() - began_s)
        except RuntimeError:  # the loop was closed meanwhile
            return

    def _ended(self, job: Job, result: Splits | Partition | Choosable | None, seconds: float) -> None:
        if self._closed.is_set():
            return
        self._metrics.planned(_kind(job), seconds, failed=result is None)
        self._controller.work_ended(job, result, time.monotonic())
        self._on_ended()


def _kind(job: Job) -> str:
    return type(job).__name__.lower()


def _log_failure(job: Job) -> None:
    log.exception("planning in the background failed", job=_kind(job), then="using the splits known so far")
