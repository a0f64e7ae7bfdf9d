"""Frames between head and result while the cloud has a part in them: sent, answered, or finished here after all.

                     answered ──► offloaded
    head ─► encode ─► link ─┤
                     no answer in time, refused, cloud lost ──► the tail runs here ─► local_fallback

From the moment a frame is handed over it has a deadline; whatever happens then, it ends exactly once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from edge_service.cloud.exchange import LinkTimes, encode_cut, read_answer
from edge_service.cloud.link import CloudLink
from edge_service.cloud.seam import Answer, Cloud, Refusal
from edge_service.config import AgentConfig
from edge_service.control import (
    AnswerMissed,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    Controller,
    CutEncoded,
    OverheadMeasured,
    TailMeasured,
    UploadClock,
)
from edge_service.errors import CloudError, CloudRefusedError
from edge_service.frame import Outcome, StageTimes
from edge_service.log import log
from edge_service.output.metrics import EdgeMetrics
from edge_service.pipeline.compute import EdgeCompute
from edge_service.pipeline.job import Job, Started
from edge_service.wire_costs import WireCosts
from split_model import Model, ModelError
from split_wire import limits

__all__ = ["End", "Offload"]

_WATCH_S = 0.05
_MOST_BYTES = limits.MAX_CUT_BYTES


class End(Protocol):
    """Told the end of a frame, exactly once."""

    def __call__(
        self,
        job: Job,
        outcome: Outcome,
        *,
        outputs: Any = None,  # noqa: ANN401 # the module's own return type
        times: StageTimes | None = None,
        error: str | None = None,
    ) -> None:
        """The frame has ended."""
        ...


class Offload:
    """The transfer and tail stages.

    Args:
        model: the model.
        controller: told what was measured.
        compute: the edge's worker thread: encodes, and runs tails that the cloud does not answer.
        cloud: encodes frames and takes them.
        wire: how what crosses is encoded.
        config: timeouts.
        metrics: counts bytes.
        end: told each frame's end.
        changed: called whenever fewer frames are under way.
    """

    def __init__(
        self,
        model: Model,
        controller: Controller,
        compute: EdgeCompute,
        cloud: Cloud,
        wire: WireCosts,
        config: AgentConfig,
        metrics: EdgeMetrics,
        *,
        end: End,
        changed: Callable[[], None],
    ) -> None:
        self._model = model
        self._controller = controller
        self._compute = compute
        self._cloud = cloud
        self._wire = wire
        self._end = end
        self._changed = changed
        self._uploads = UploadClock()
        self._link = CloudLink(
            cloud,
            controller,
            config,
            metrics,
            decode_s=partial(wire.decode_s, [layer.name for layer in model.graph.layers]),
            idle=lambda: not self._in_flight,
            on_answer=self._answered,
            on_lost=self._cloud_lost,
            on_resumed=self._uploads.doubt,
        )
        self._stages: list[asyncio.Task[None]] = []
        self._outbox: asyncio.Queue[Job] = asyncio.Queue()
        self._in_flight: dict[int, Job] = {}
        self._local: set[asyncio.Task[None]] = set()
        self._link_times = LinkTimes()

    @property
    def under_way(self) -> int:
        """Frames that were handed over and have no result yet."""
        return len(self._in_flight) + len(self._local)

    @property
    def cloud_error(self) -> CloudError | None:
        """Why the cloud is not in use, or None."""
        return self._link.last_error

    async def start(self) -> None:
        """Connects to the cloud.

        Raises:
            CloudError: the cloud is required and cannot be reached.
        """
        await self._link.start()
        self._stages = [
            asyncio.create_task(self._run_transfers(), name="transfers"),
            asyncio.create_task(self._watch_uploads(), name="late-uploads"),
        ]

    async def close(self) -> None:
        """Ends the background work; frames still on their way are failed by the caller."""
        tasks = [*self._stages, *self._local]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    async def encode(self, job: Job, started: Started, wanted: Sequence[str]) -> str | None:
        """Encodes what crosses, on the worker thread: it is the edge's work, as the head is.

        Returns:
            Why it cannot be sent, or None.
        """
        split, values = started.plan.partition, started.values
        if values is None:
            raise RuntimeError("a frame was to be sent before its head had run")
        encodings = self._wire.of_cut(split.cut, split.encoding)
        traceparent = "" if job.trace is None else job.trace.offload(time.monotonic())
        try:
            frame, started.encode_s = await self._compute.run(
                lambda: encode_cut(self._model, self._cloud, job.frame_id, values, encodings, wanted, traceparent)
            )
        except ValueError as error:  # a tensor beyond the limits of the wire
            return f"the cut cannot be sent: {error}"
        except Exception as error:  # noqa: BLE001 # a defect here costs this frame its offloading, not the agent
            log.exception("encoding failed", frame=job.frame_id)
            return f"encoding failed: {error}"
        if frame.size > _MOST_BYTES:
            return f"the cut is {frame.size} bytes, more than a message may have ({_MOST_BYTES})"
        started.frame = frame
        sizes = CutEncoded(split.encoding, started.plan.measured_bytes, frame.tensor_bytes)
        self._controller.observe(sizes, time.monotonic())
        return None

    # --- transfer -----------------------------------------------------------------------------------------------

    def hand_over(self, job: Job, started: Started, refusal: str | None) -> None:
        """Queues what crosses for the link; from here on the frame has a deadline."""
        started.sent_s = time.monotonic()
        # Frames ahead on the link each take up to the slowest stage before this one's turn comes.
        started.timeout_s = started.plan.deadline_s + len(self._in_flight) * started.plan.partition.bottleneck_s
        self._in_flight[job.frame_id] = job
        if started.frame is None:
            self._finish_here(job, refusal or "the cut cannot be sent")
            return
        started.deadline = asyncio.get_running_loop().call_later(started.timeout_s, self._overdue, job, started)
        self._uploads.sent(job.frame_id, started.frame.size, started.sent_s)
        self._outbox.put_nowait(job)  # bounded by the frames in flight

    async def _run_transfers(self) -> None:
        """Feeds the link; a stage of its own, because the transport takes large messages no faster than the link."""
        while True:
            job = await self._outbox.get()
            started = job.started
            if job.frame_id not in self._in_flight or started is None or started.frame is None:
                continue  # finished here in the meantime
            left_s = started.sent_s + started.timeout_s - time.monotonic()
            try:
                await self._link.send(started.frame, max(0.001, left_s))
            except CloudError as error:
                self._finish_here(job, str(error))
            except Exception as error:  # noqa: BLE001 # a defect here costs its frame, not the stage
                log.exception("sending failed", frame=job.frame_id)
                self._finish_here(job, f"sending failed: {error}")

    async def _watch_uploads(self) -> None:
        """Looks, between answers, whether the upload under way is late: a link that breaks down is seen at once."""
        while True:
            await asyncio.sleep(_WATCH_S)
            oldest = next(iter(self._in_flight.values()), None)
            if oldest is None or oldest.started is None:
                continue
            now_s = time.monotonic()
            cloud_s = oldest.started.plan.partition.cloud_s
            late = self._uploads.late(now_s, server_s=cloud_s, rtt_s=self._rtt_s(now_s))
            if late is not None:
                self._controller.observe(late, now_s)

    # --- tail ---------------------------------------------------------------------------------------------------

    def _answered(self, event: Answer | Refusal) -> None:
        now_s = time.monotonic()
        job = self._in_flight.get(event.frame_id)
        if job is None or job.started is None:  # it was finished here in the meantime
            return
        if isinstance(event, Refusal):
            self._refused(job, event.error, now_s)
            return
        times = self._measure(job.started, event, now_s)
        try:
            wanted = self._model.remote_outputs(job.started.plan.partition.edge)
            outputs = read_answer(self._model, job.started.values or {}, event, wanted)
        except (ValueError, KeyError, ModelError) as error:
            self._finish_here(job, f"the answer cannot be read: {error}")
            return
        self._take_off(job)
        ended_s = time.monotonic()
        times = replace(times, decode_s=ended_s - now_s)
        # A cut is encoded out of cold caches and into a message, and so takes longer than its layers did when measured.
        encoded_late_s = job.started.encode_s - job.started.plan.partition.encode_s
        self._controller.observe(OverheadMeasured(times.server_s + times.decode_s + encoded_late_s), ended_s)
        self._end(job, Outcome.OFFLOADED, outputs=outputs, times=times)

    def _measure(self, started: Started, answer: Answer, now_s: float) -> StageTimes:
        """Derives the stages of an answered frame, and tells the controller."""
        observe, rtt_s = self._controller.observe, self._rtt_s(now_s)
        for sample in self._uploads.answered(answer.frame_id, now_s, server_s=answer.server_s, rtt_s=rtt_s):
            observe(sample, now_s)
        observe(CloudAnswered(), now_s)
        observe(CloudLoadReported(answer.load_factor), now_s)
        if started.plan.base_cloud_s > 0:
            observe(TailMeasured(started.plan.base_cloud_s, answer.decode_s + answer.compute_s), now_s)
        return self._link_times.of(answer, sent_s=started.sent_s, now_s=now_s, rtt_s=rtt_s)

    def _rtt_s(self, now_s: float) -> float:
        return self._controller.state(now_s).rtt_s or 0.0

    # --- when the cloud does not answer -------------------------------------------------------------------------

    def _refused(self, job: Job, error: CloudError, now_s: float) -> None:
        _, samples = self._uploads.lost(job.frame_id, now_s)
        for sample in samples:
            self._controller.observe(sample, now_s)
        asked_s = error.retry_after_s if isinstance(error, CloudRefusedError) else None
        self._controller.observe(AnswerMissed() if asked_s is None else CloudBusy(asked_s), now_s)
        self._finish_here(job, str(error))

    def _overdue(self, job: Job, started: Started) -> None:
        """A frame's deadline passed: link or cloud are slower than believed, so nothing in flight is waited for."""
        if job.frame_id not in self._in_flight:
            return
        now_s = time.monotonic()
        cloud_s = started.plan.partition.cloud_s
        stalled, _ = self._uploads.lost(job.frame_id, now_s, server_s=cloud_s, rtt_s=self._rtt_s(now_s))
        self._controller.observe(AnswerMissed() if stalled is None else stalled, now_s)
        self._link.renew()
        self._cloud_lost(f"no answer within {now_s - started.sent_s:.2f} s")

    def _cloud_lost(self, reason: str) -> None:
        self._uploads.restart()
        for job in list(self._in_flight.values()):
            self._finish_here(job, reason)

    def _finish_here(self, job: Job, reason: str) -> None:
        """Runs the tail on the edge, from the tensors already there."""
        if job.frame_id not in self._in_flight:
            return
        self._take_off(job)
        task = asyncio.create_task(self._run_tail_here(job, reason), name=f"fallback-{job.frame_id}")
        self._local.add(task)
        task.add_done_callback(self._local_done)

    def _local_done(self, task: asyncio.Task[None]) -> None:
        self._local.discard(task)
        self._changed()

    async def _run_tail_here(self, job: Job, reason: str) -> None:
        started = job.started
        if started is None or started.values is None:
            raise RuntimeError("a frame fell back before its head had run")
        _, tail = self._model.split(started.plan.partition.edge)
        values = dict(started.values)
        try:
            outputs, tail_s = await self._compute.run(lambda: tail(values))
        except Exception as error:  # noqa: BLE001 # whatever a model raises costs this frame, not the agent
            log.exception("local tail failed", frame=job.frame_id)
            self._end(job, Outcome.FAILED, error=f"{reason}; then the local tail failed: {error}")
            return
        waited_s = max(0.0, time.monotonic() - started.sent_s - tail_s)
        times = StageTimes(link_wait_s=waited_s, tail_s=tail_s)
        self._end(job, Outcome.LOCAL_FALLBACK, outputs=outputs, times=times, error=reason)

    def _take_off(self, job: Job) -> None:
        del self._in_flight[job.frame_id]
        if job.started is not None and job.started.deadline is not None:
            job.started.deadline.cancel()
        self._changed()
