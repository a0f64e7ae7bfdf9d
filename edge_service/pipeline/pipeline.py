"""Three stages over consecutive frames: head, transfer and tail (`offloading.py`). Each frame has its own split.

    submitted ─► waiting ─► head ─► transfer ─► tail ─► result
                   │         │         │          │
                   │         │         └──────────┴── no answer in time: tail here (local_fallback)
                   │         └── nothing in the cloud: done (edge_only)
                   └── too many newer frames wait: dropped

Every stage is bounded. Heads run one at a time. The next head starts when the last is done and fewer frames are in
flight than the plan says. That number covers the link's delay and keeps every stage busy; more frames would only grow
the queue in front of the slowest stage.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

import split_model
from edge_service.cloud.seam import Cloud
from edge_service.control import Plan
from edge_service.errors import CloudError
from edge_service.frame import FrameResult, Outcome, StageTimes
from edge_service.inputs import Inputs
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.background_work import BackgroundWork
from edge_service.pipeline.job import Job, Started, head_ran, picture_lost
from edge_service.pipeline.offloading import Offloading
from edge_service.pipeline.prepared_parts import PreparedParts
from pictures import PictureError
from split_model import Head, Model, Value
from split_model.structure import Tree

__all__ = ["Pipeline"]


class Pipeline:
    """Runs frames; calls `on_result` with each result, not always in order.

    Args:
        parts: the parts of the run.
        clouds: encode and receive frames, in the order in which the controller counts them; may be none.
        on_result: called exactly once for each frame.
    """

    def __init__(self, parts: Parts, clouds: Sequence[Cloud], on_result: Callable[[FrameResult], None]) -> None:
        self._model = parts.model
        self._controller = parts.controller
        self._prepared = PreparedParts(parts.model)
        self._background = BackgroundWork(parts.controller, parts.metrics, parts.config.slowdown, self._follow)
        self._compute = parts.compute
        self._config = parts.config
        self._metrics = parts.metrics
        self._tracing = parts.tracing
        self._on_result = on_result
        self._head = _heads(parts.model, compiled=parts.config.compile)
        self._cloud_name = parts.cloud_name
        self._offload = Offloading(parts, clouds, self, self._prepared) if clouds else None
        self._waiting: deque[Job] = deque()
        self._heads: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._last_edge: frozenset[str] | None = None
        self._last_cloud: int | None = None

    @property
    def cloud_error(self) -> CloudError | None:
        """Why the cloud is not in use, or None."""
        return None if self._offload is None else self._offload.cloud_error

    async def start(self) -> None:
        """Connects to the cloud, then starts to run heads.

        Raises:
            CloudError: the cloud is required and cannot be reached.
        """
        if self._offload is not None:
            await self._offload.start()
        self._background.begin_due()
        self._heads = asyncio.create_task(self._run_heads(), name="heads")

    async def close(self) -> None:
        """Ends the background work; frames still under way get no result."""
        self._background.close()
        if self._heads is not None:
            self._heads.cancel()
            await asyncio.gather(self._heads, return_exceptions=True)
        if self._offload is not None:
            await self._offload.close()

    def put(self, frame_id: int, inputs: Inputs) -> None:
        """Queues a frame for its head; drops the oldest waiting frame if there are too many."""
        job = Job(frame_id, inputs, time.monotonic())
        if self._tracing is not None:
            job.trace = self._tracing.frame(frame_id, job.submitted_s)
        self._waiting.append(job)
        if len(self._waiting) > self._config.max_waiting:
            oldest = self._waiting.popleft()
            self.ended(oldest, Outcome.DROPPED, error="newer frames came before this one could be started")
        self._changed.set()

    def made_room(self) -> None:
        """Fewer frames are in flight: the next head may start."""
        self._changed.set()

    async def _run_heads(self) -> None:
        while True:
            await self._until(lambda: bool(self._waiting))
            plan = self._plan(self._waiting[0])
            if plan is None:
                self._waiting.popleft()
                continue
            await self._until(lambda plan=plan: self._room(plan))  # type: ignore[misc] # mypy cannot type a lambda's default
            if not self._waiting:
                continue
            await self._run_head(self._waiting.popleft())

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()

    def _room(self, plan: Plan) -> bool:
        depth = min(plan.in_flight, self._config.max_in_flight)
        return self._offload is None or self._offload.under_way < depth

    def _plan(self, job: Job) -> Plan | None:
        """A frame's plan; None where there is none, and the frame has ended."""
        try:
            plan = self._controller.plan(time.monotonic(), packets_ready=self._packets_ready(job))
        except Exception as error:  # noqa: BLE001 # a policy may be the caller's own; it costs this frame, not the agent
            log.exception("choosing a split failed", frame=job.frame_id)
            self.ended(job, Outcome.FAILED, error=f"choosing a split failed: {error}")
            return None
        self._background.begin_due()
        self._follow()
        return plan

    def _follow(self) -> None:
        self._prepared.follow(self._controller)

    def _packets_ready(self, job: Job) -> bool | Collection[int]:
        return self._offload is not None and self._offload.packets_ready(job)

    async def _run_head(self, job: Job) -> None:
        began_s = time.monotonic()
        plan = self._plan(job)
        if plan is None:
            return
        edge = plan.partition.edge
        switched = self._last_edge is not None and edge != self._last_edge
        job.started = started = Started(plan, switched, began_s)
        self._last_edge = edge
        self._metrics.split(plan.partition, plan.mode.value, plan.max_rate_hz)
        if plan.partition.cut and plan.cloud != self._last_cloud:
            if self._last_cloud is not None:
                log.info("frames go to another cloud", cloud=self._cloud_name(plan.cloud), frame=job.frame_id)
            self._last_cloud = plan.cloud
        if self._offload is not None:
            self._offload.begins(job, plan)
        try:
            wanted = self._model.remote_outputs(edge)
            values, started.head_s = await self._compute.run(lambda: self._head_of(job, plan))
            started.values = values
            if not wanted:
                outputs = self._model.assemble(values or {}, {})
        except PictureError as error:
            picture_lost(job, error)
            self.ended(job, Outcome.FAILED, error=str(error))
            return
        except Exception as error:  # noqa: BLE001 # any error of the model fails this frame, not the agent
            log.exception("head failed", frame=job.frame_id)
            self.ended(job, Outcome.FAILED, error=f"the head failed: {error}")
            return
        if not wanted:
            head_ran(self._controller, started, self._config.slowdown)
            self.ended(job, Outcome.EDGE_ONLY, outputs=outputs)
        elif self._offload is None:
            raise RuntimeError("a split was planned without a cloud")
        else:
            await self._offload.hand_over(job, started, wanted)

    def _head_of(self, job: Job, plan: Plan) -> dict[str, Value] | None:
        """Runs a frame's head, on the worker thread; None for a frame that is sent as packets, and so needs none."""
        if not plan.packets:
            return self._head(plan.partition.edge).run(job.arrays())
        if self._config.keep_inputs or (job.image is not None and job.image.keeps_picture):
            job.arrays()
        return None

    def ended(
        self,
        job: Job,
        outcome: Outcome,
        *,
        outputs: Tree = None,
        times: StageTimes | None = None,
        error: str | None = None,
    ) -> None:
        """Makes the result of a frame that ended, and reports it."""
        answered = job.started is not None and outcome is Outcome.OFFLOADED
        result = job.result(
            outcome,
            outputs=outputs,
            times=times,
            error=error,
            keep_inputs=self._config.keep_inputs,
            cloud=self._cloud_name(job.started.plan.cloud) if answered and job.started is not None else None,
        )
        if job.trace is not None:
            sent_s = 0.0 if job.started is None else job.started.sent_s
            job.trace.end(result, sent_s=sent_s, now_s=time.monotonic())
        self._on_result(result)


def _heads(model: Model, *, compiled: bool) -> Callable[[frozenset[str]], Head]:
    """Returns a function from a split to its head."""
    if compiled:
        return split_model.CompiledHeads(model).head  # imports torch
    return lambda edge: model.split(edge)[0]
