"""Tails that run here after all, for frames that no cloud answers, from the values that their heads made."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from edge_service.control import StageTimes
from edge_service.frame import Outcome
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.job import Job, picture_lost
from edge_service.pipeline.prepared_parts import PreparedParts
from pictures import PictureError
from split_model.structure import Tree

__all__ = ["FrameListener", "LocalTails"]


class FrameListener(Protocol):
    """Receives the ends of frames that were handed over."""

    def ended(
        self,
        job: Job,
        outcome: Outcome,
        *,
        outputs: Tree = None,
        times: StageTimes | None = None,
        error: str | None = None,
    ) -> None:
        """A frame has ended; called exactly once for each."""

    def made_room(self) -> None:
        """Fewer frames are in flight."""


class LocalTails:
    """Runs tails on the worker thread, one task for each frame.

    Args:
        parts: the parts of the run.
        listener: receives each frame's end.
        prepared: knows whether a tail that runs here is ready.
    """

    def __init__(self, parts: Parts, listener: FrameListener, prepared: PreparedParts) -> None:
        self._model = parts.model
        self._compute = parts.compute
        self._listener = listener
        self._prepared = prepared
        self._waited = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Frames whose tails run, or wait to run."""
        return len(self._tasks)

    def run(self, job: Job, reason: str) -> None:
        """Finishes a frame here; `reason` says why."""
        task = asyncio.create_task(self._run(job, reason), name=f"fallback-{job.frame_id}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self) -> None:
        """Ends the tasks; frames still under way get no result."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._listener.made_room()

    async def _run(self, job: Job, reason: str) -> None:
        started = job.started
        if started is None:
            raise RuntimeError("a frame fell back before it was started")
        edge = started.plan.partition.edge
        if self._prepared.tail_waits(edge):
            self._waited += 1
            log.info("a tail waits here until it is prepared", frame=job.frame_id, so_far=self._waited)
        head, tail = self._model.split(edge)
        values = None if started.values is None else dict(started.values)
        try:
            outputs, tail_s = await self._compute.run(
                lambda: tail(head.run(job.arrays()) if values is None else values)
            )
        except PictureError as error:
            picture_lost(job, error)
            self._listener.ended(job, Outcome.FAILED, error=f"{reason}; then {error}")
            return
        except Exception as error:  # noqa: BLE001 # any error of the model fails this frame, not the agent
            log.exception("local tail failed", frame=job.frame_id)
            self._listener.ended(job, Outcome.FAILED, error=f"{reason}; then the local tail failed: {error}")
            return
        waited_s = max(0.0, time.monotonic() - started.sent_s - tail_s)
        times = StageTimes(link_wait_s=waited_s, tail_s=tail_s)
        self._listener.ended(job, Outcome.LOCAL_FALLBACK, outputs=outputs, times=times, error=reason)
