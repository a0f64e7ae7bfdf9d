"""Three stages over consecutive frames: head, transfer, tail. Each frame carries its own split.

    submitted ─► waiting ─► head ─► transfer ─► tail ─► result
                   │         │         │          │
                   │         │         └──────────┴── no answer in time: tail here (local_fallback)
                   │         └── nothing in the cloud: done (edge_only)
                   └── a newer frame needs the place: dropped

Every stage is bounded. Heads run one at a time; the next starts as soon as the last is done and fewer frames are in
flight than the plan asks for: enough to cover the link's delay and keep every stage busy, no more, since more would
only grow the queue in front of the slowest.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from edge_service.cloud import Answer, Cloud, FrameToSend, Refusal
from edge_service.cloud_link import CloudLink
from edge_service.compute import EdgeCompute
from edge_service.config import AgentConfig
from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudLoadReported,
    Controller,
    HeadMeasured,
    OverheadMeasured,
    Plan,
    TailMeasured,
    UploadClock,
)
from edge_service.errors import CloudError
from edge_service.frame import FrameResult, Outcome, StageTimes
from edge_service.log import log
from edge_service.metrics import EdgeMetrics
from models import Model, TensorSpec, Value, arrays_of, value_of
from protos import limits

__all__ = ["Pipeline"]

_WATCH_S = 0.05
_MOST_BYTES = limits.MAX_MESSAGE_BYTES - 1024  # what wraps the request takes a little


@dataclass(slots=True)
class _Job:
    """A frame on its way."""

    frame_id: int
    inputs: tuple[torch.Tensor, ...]
    submitted_s: float
    plan: Plan | None = None
    switched: bool = False
    values: Mapping[str, Value] | None = None
    frame: FrameToSend | None = None
    began_s: float = 0.0
    head_s: float = 0.0
    encode_s: float = 0.0
    sent_s: float = 0.0
    timeout_s: float = 0.0
    deadline: asyncio.TimerHandle | None = None


class Pipeline:
    """Runs frames; hands each one's result to `on_result`, not necessarily in order.

    Args:
        model: the model.
        controller: says how to split each frame.
        compute: the edge's worker thread.
        cloud: encodes frames; None for an agent without a cloud.
        config: bounds.
        metrics: told the split in use.
        on_result: told each frame's end, exactly once.
    """

    def __init__(
        self,
        model: Model,
        controller: Controller,
        compute: EdgeCompute,
        cloud: Cloud | None,
        config: AgentConfig,
        metrics: EdgeMetrics,
        on_result: Callable[[FrameResult], None],
    ) -> None:
        self._model = model
        self._controller = controller
        self._compute = compute
        self._config = config
        self._metrics = metrics
        self._on_result = on_result
        self._cloud = cloud
        self._link: CloudLink | None = None
        if cloud is not None:
            self._link = CloudLink(
                cloud, controller, config, metrics, idle=self._idle, on_answer=self._answered, on_lost=self._cloud_lost
            )
        self._waiting: deque[_Job] = deque()
        self._stages: list[asyncio.Task[None]] = []
        self._outbox: asyncio.Queue[_Job] = asyncio.Queue()
        self._in_flight: dict[int, _Job] = {}
        self._local: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._uploads = UploadClock()
        self._link_free_s = 0.0
        self._last_edge: frozenset[str] | None = None

    @property
    def cloud_error(self) -> CloudError | None:
        """Why the cloud is not in use, or None."""
        return None if self._link is None else self._link.last_error

    async def start(self) -> None:
        """Connects to the cloud, then takes frames.

        Raises:
            CloudError: the cloud is required and cannot be reached.
        """
        if self._link is not None:
            await self._link.start()
        self._stages = [
            asyncio.create_task(self._run_heads(), name="heads"),
            asyncio.create_task(self._run_transfers(), name="transfers"),
            asyncio.create_task(self._watch_uploads(), name="late-uploads"),
        ]

    async def close(self) -> None:
        """Ends the background work; frames still on their way are failed by the caller."""
        tasks = [*self._stages, *self._local]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    def put(self, frame_id: int, inputs: tuple[torch.Tensor, ...]) -> None:
        """Lets a frame wait for its head; the oldest that waits is dropped when there are too many."""
        self._waiting.append(_Job(frame_id, inputs, time.monotonic()))
        if len(self._waiting) > self._config.max_waiting:
            oldest = self._waiting.popleft()
            self._end(oldest, Outcome.DROPPED, error="newer frames came before this one could be started")
        self._changed.set()

    def _idle(self) -> bool:
        return not self._in_flight

    # --- head ---------------------------------------------------------------------------------------------------

    async def _run_heads(self) -> None:
        while True:
            await self._until(lambda: bool(self._waiting))
            plan = self._controller.plan(time.monotonic())
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
        return len(self._in_flight) + len(self._local) < depth

    async def _run_head(self, job: _Job) -> None:
        job.began_s = time.monotonic()
        job.plan = plan = self._controller.plan(job.began_s)
        edge = plan.partition.edge
        job.switched = self._last_edge is not None and edge != self._last_edge
        self._last_edge = edge
        self._metrics.split(plan.partition, plan.mode.value, plan.max_rate_hz)
        try:
            head, _ = self._model.split(edge)
            values, job.head_s = await self._compute.run(lambda: head(*job.inputs))
        except Exception as error:  # noqa: BLE001 # whatever a model raises costs this frame, not the agent
            log.exception("head failed", frame=job.frame_id)
            self._end(job, Outcome.FAILED, error=f"the head failed: {error}")
            return
        if plan.base_edge_s > 0:
            self._controller.observe(HeadMeasured(plan.base_edge_s, job.head_s), time.monotonic())
        job.values = values
        wanted = self._model.remote_outputs(edge)
        if not wanted:
            self._end(job, Outcome.EDGE_ONLY, outputs=self._model.assemble(values, {}))
        else:
            self._hand_over(job, plan, values, wanted)

    # --- transfer -----------------------------------------------------------------------------------------------

    def _hand_over(self, job: _Job, plan: Plan, values: Mapping[str, Value], wanted: Sequence[str]) -> None:
        """Encodes what crosses and queues it for the link; from here on the frame has a deadline."""
        if self._cloud is None:
            raise RuntimeError("a split was planned without a cloud")
        began_s = time.monotonic()
        tensors = {
            layer: [
                (array, spec.dtype)
                for array, spec in zip(arrays_of(values[layer]), self._model.layer_specs[layer], strict=True)
            ]
            for layer in plan.partition.cut
        }
        job.frame = self._cloud.encode(job.frame_id, tensors, wanted)
        job.sent_s = time.monotonic()
        job.encode_s = job.sent_s - began_s
        self._in_flight[job.frame_id] = job
        if job.frame.size > _MOST_BYTES:
            self._finish_here(job, f"the cut is {job.frame.size} bytes, more than a message may have ({_MOST_BYTES})")
            return
        # Frames ahead on the link each take up to the slowest stage before this one's turn comes.
        timeout_s = plan.deadline_s + (len(self._in_flight) - 1) * plan.partition.bottleneck_s
        job.timeout_s = timeout_s
        job.deadline = asyncio.get_running_loop().call_later(timeout_s, self._overdue, job)
        self._uploads.sent(job.frame_id, job.frame.size, job.sent_s)
        self._outbox.put_nowait(job)  # bounded by the frames in flight

    async def _run_transfers(self) -> None:
        """Feeds the link; a stage of its own, because the transport takes large messages no faster than the link."""
        while True:
            job = await self._outbox.get()
            if job.frame_id not in self._in_flight or job.frame is None or self._link is None:
                continue  # finished here in the meantime
            left_s = job.sent_s + job.timeout_s - time.monotonic()
            try:
                await self._link.send(job.frame, max(0.001, left_s))
            except CloudError as error:
                self._finish_here(job, str(error))

    async def _watch_uploads(self) -> None:
        """Looks, between answers, whether the upload under way is late: a link that breaks down is seen at once."""
        while True:
            await asyncio.sleep(_WATCH_S)
            oldest = next(iter(self._in_flight.values()), None)
            if oldest is None or oldest.plan is None:
                continue
            now_s = time.monotonic()
            rtt_s = self._controller.state(now_s).rtt_s or 0.0
            late = self._uploads.late(now_s, server_s=oldest.plan.partition.cloud_s, rtt_s=rtt_s)
            if late is not None:
                self._controller.observe(late, now_s)

    # --- tail ---------------------------------------------------------------------------------------------------

    def _answered(self, event: Answer | Refusal) -> None:
        now_s = time.monotonic()
        job = self._in_flight.get(event.frame_id)
        if job is None or job.plan is None:  # it was finished here in the meantime
            return
        if isinstance(event, Refusal):
            self._controller.observe(AnswerMissed(), now_s)
            self._finish_here(job, str(event.error))
            return
        times = self._measure(job, job.plan, event, now_s)
        try:
            outputs = self._decode(job, event)
        except (ValueError, KeyError) as error:
            self._finish_here(job, f"the answer cannot be read: {error}")
            return
        self._take_off(job)
        ended_s = time.monotonic()
        decode_s = ended_s - now_s
        self._controller.observe(OverheadMeasured(job.encode_s + times.server_s + decode_s), ended_s)
        self._end(job, Outcome.OFFLOADED, outputs=outputs, times=times, decode_s=decode_s)

    def _measure(self, job: _Job, plan: Plan, answer: Answer, now_s: float) -> StageTimes:
        """Derives the stages of an answered frame, and tells the controller."""
        observe = self._controller.observe
        rtt_s = self._controller.state(now_s).rtt_s or 0.0
        for sample in self._uploads.answered(job.frame_id, now_s, server_s=answer.server_s, rtt_s=rtt_s):
            observe(sample, now_s)
        observe(CloudAnswered(), now_s)
        observe(CloudLoadReported(answer.load_factor), now_s)
        if plan.base_cloud_s > 0:
            observe(TailMeasured(plan.base_cloud_s, answer.compute_s), now_s)
        outside_s = max(0.0, now_s - job.sent_s - answer.server_s)
        round_trip_s = min(rtt_s, outside_s)
        arrived_s = now_s - answer.server_s - round_trip_s
        link_wait_s = max(0.0, min(self._link_free_s, arrived_s) - job.sent_s)
        self._link_free_s = max(self._link_free_s, arrived_s)
        return StageTimes(
            link_wait_s=link_wait_s,
            transfer_s=outside_s - round_trip_s - link_wait_s,
            round_trip_s=round_trip_s,
            queue_s=answer.queue_s,
            server_s=max(0.0, answer.server_s - answer.queue_s - answer.compute_s),
            tail_s=answer.compute_s,
        )

    def _decode(self, job: _Job, answer: Answer) -> Any:  # noqa: ANN401 - the module's own return type
        specs = {output.path: TensorSpec(output.dtype, output.shape) for output in self._model.outputs}
        outputs: dict[str, torch.Tensor] = {}
        for path, array in answer.outputs.items():
            value = value_of((array,), (specs[path],), self._model.device)
            outputs[path] = value if isinstance(value, torch.Tensor) else value[0]
        return self._model.assemble(job.values or {}, outputs)

    # --- when the cloud does not answer -------------------------------------------------------------------------

    def _overdue(self, job: _Job) -> None:
        """A frame's deadline passed: link or cloud are slower than believed, so nothing in flight is waited for."""
        if job.frame_id not in self._in_flight or self._link is None:
            return
        now_s = time.monotonic()
        cloud_s = 0.0 if job.plan is None else job.plan.partition.cloud_s
        rtt_s = self._controller.state(now_s).rtt_s or 0.0
        stalled, _ = self._uploads.lost(job.frame_id, now_s, server_s=cloud_s, rtt_s=rtt_s)
        self._controller.observe(AnswerMissed() if stalled is None else stalled, now_s)
        self._link.renew()
        self._cloud_lost(f"no answer within {now_s - job.sent_s:.2f} s")

    def _cloud_lost(self, reason: str) -> None:
        self._uploads.restart()
        for job in list(self._in_flight.values()):
            self._finish_here(job, reason)

    def _finish_here(self, job: _Job, reason: str) -> None:
        """Runs the tail on the edge, from the tensors already there."""
        if job.frame_id not in self._in_flight:
            return
        self._take_off(job)
        task = asyncio.create_task(self._run_tail_here(job, reason), name=f"fallback-{job.frame_id}")
        self._local.add(task)
        task.add_done_callback(self._local_done)

    def _local_done(self, task: asyncio.Task[None]) -> None:
        self._local.discard(task)
        self._changed.set()

    async def _run_tail_here(self, job: _Job, reason: str) -> None:
        if job.plan is None or job.values is None:
            raise RuntimeError("a frame fell back before it was started")
        _, tail = self._model.split(job.plan.partition.edge)
        values = dict(job.values)
        try:
            outputs, tail_s = await self._compute.run(lambda: tail(values))
        except Exception as error:  # noqa: BLE001 # whatever a model raises costs this frame, not the agent
            log.exception("local tail failed", frame=job.frame_id)
            self._end(job, Outcome.FAILED, error=f"{reason}; then the local tail failed: {error}")
            return
        waited_s = max(0.0, time.monotonic() - job.sent_s - tail_s)
        times = StageTimes(link_wait_s=waited_s, tail_s=tail_s)
        self._end(job, Outcome.LOCAL_FALLBACK, outputs=outputs, times=times, error=reason)

    def _take_off(self, job: _Job) -> None:
        del self._in_flight[job.frame_id]
        if job.deadline is not None:
            job.deadline.cancel()
        self._changed.set()

    # --- end ----------------------------------------------------------------------------------------------------

    def _end(
        self,
        job: _Job,
        outcome: Outcome,
        *,
        outputs: Any = None,  # noqa: ANN401 - the module's own return type
        times: StageTimes | None = None,
        decode_s: float = 0.0,
        error: str | None = None,
    ) -> None:
        plan, times = job.plan, times or StageTimes()
        self._on_result(
            FrameResult(
                frame_id=job.frame_id,
                outcome=outcome,
                outputs=outputs,
                partition=None if plan is None else plan.partition,
                mode=None if plan is None else plan.mode.value,
                keeps_up=None if plan is None else plan.keeps_up,
                max_rate_hz=None if plan is None else plan.max_rate_hz,
                switched=job.switched,
                latency_s=time.monotonic() - job.submitted_s,
                times=replace(
                    times,
                    wait_s=max(0.0, job.began_s - job.submitted_s),
                    head_s=job.head_s,
                    encode_s=job.encode_s,
                    decode_s=decode_s,
                ),
                uplink_bps=None if plan is None else plan.uplink_bps,
                error=error,
                feeds=job.inputs if self._config.keep_inputs else None,
            )
        )
