"""The transfer and tail of frames that need the cloud: sent and answered, or finished here after all.

                     answered ──► offloaded
    head ─► encode ─► link ─┤
                     no answer in time, refused, cloud lost ──► the tail runs here ─► local_fallback

A frame that was handed over has a deadline, and ends exactly once. `Flow` decides how: this shell reports to it what
happened, and carries out its orders.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from edge_service.cloud.exchange import read_answer
from edge_service.cloud.link import CloudLink
from edge_service.cloud.seam import Answer, Cloud, Refusal
from edge_service.control import FinishHere, Flow, Plan, StageTimes
from edge_service.errors import CloudError, CloudRefusedError, TooLargeError
from edge_service.frame import Outcome
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.encoding import FrameEncoding, NotEncodedError
from edge_service.pipeline.job import Job, Started, head_ran, picture_lost
from edge_service.pipeline.packet_sending import PacketSending
from edge_service.pipeline.prepared_parts import PreparedParts
from pictures import PictureError
from split_model import ModelError
from split_model.structure import Tree

__all__ = ["FrameListener", "Offload"]

_WATCH_S = 0.05


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


class Offload:
    """The transfer and tail stages.

    Args:
        parts: the parts of the run.
        cloud: encodes and receives frames.
        flow: decides how frames end.
        listener: receives each frame's end.
        prepared: knows whether a tail that runs here is ready.
    """

    def __init__(
        self, parts: Parts, cloud: Cloud, flow: Flow, listener: FrameListener, prepared: PreparedParts
    ) -> None:
        self._model = parts.model
        self._compute = parts.compute
        self._flow = flow
        self._listener = listener
        self._prepared = prepared
        self._tails_waited = 0
        self._link = CloudLink(parts, cloud, flow, self)
        self._slowdown = parts.config.slowdown
        self._packets = PacketSending(parts, cloud, self._link)
        self._encoding = FrameEncoding(parts, cloud, self._packets)
        self._stages: list[asyncio.Task[None]] = []
        self._outbox: asyncio.Queue[Job] = asyncio.Queue()
        self._in_flight: dict[int, Job] = {}
        self._local: set[asyncio.Task[None]] = set()

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
        """Ends the background work; frames still under way get no result."""
        tasks = [*self._stages, *self._local]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    # --- transfer -----------------------------------------------------------------------------------------------

    def packets_ready(self, job: Job) -> bool:
        """Whether a frame can be sent as packets of its source."""
        return self._packets.is_ready(job)

    def begins(self, job: Job, plan: Plan) -> None:
        """A frame is started; tells the controller what its packets would take, if it goes another way."""
        size = self._packets.seen_bytes(job)
        if size is not None and not plan.packets:
            self._flow.packets_seen(size, time.monotonic())

    async def hand_over(self, job: Job, started: Started, wanted: Sequence[str]) -> None:
        """Encodes a frame and queues it for the link; from then on the frame has a deadline.

        Args:
            job: a frame whose head ran.
            started: the same as `job.started`.
            wanted: paths of the outputs that the cloud is to compute.
        """
        refusal = ""
        try:
            started.frame = await self._encoding.encode(job, started, wanted)
            self._flow.cut_encoded(started.plan, started.frame.tensor_bytes, time.monotonic())
        except PictureError as error:
            picture_lost(job, error)
            self._listener.ended(job, Outcome.FAILED, error=str(error))
            return
        except NotEncodedError as error:
            refusal = str(error)
        head_ran(self._flow, started, self._slowdown)
        started.sent_s = time.monotonic()
        if started.frame is None:
            self._run_here(job, refusal)
            return
        sent = self._flow.handed_over(
            job.frame_id, started.frame.size, started.plan, encode_s=started.encode_s, now_s=started.sent_s
        )
        self._in_flight[job.frame_id] = job
        started.answer_due_s = sent.sent_s + sent.timeout_s
        started.deadline = asyncio.get_running_loop().call_later(sent.timeout_s, self._deadline_passed, job.frame_id)
        self._outbox.put_nowait(job)  # bounded by the frames in flight

    async def _run_transfers(self) -> None:
        """Sends queued frames; a task of its own, because a large message blocks for as long as the link takes it."""
        while True:
            job = await self._outbox.get()
            started = job.started
            if job.frame_id not in self._in_flight or started is None or started.frame is None:
                continue  # finished here in the meantime
            if self._packets.is_useless(started):
                self._not_sent(job, "the packets before its own were not decoded in the cloud")
                continue
            try:
                await self._link.send(started.frame, max(0.001, started.answer_due_s - time.monotonic()))
            except CloudError as error:
                self._not_sent(job, str(error))
            except Exception as error:  # noqa: BLE001 # a defect here affects this frame, not the stage
                log.exception("sending failed", frame=job.frame_id)
                self._not_sent(job, f"sending failed: {error}")

    async def _watch_uploads(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            self._flow.look_for_late_uploads(time.monotonic())

    # --- tail in the cloud --------------------------------------------------------------------------------------

    def answered(self, answer: Answer | Refusal) -> None:
        """The cloud answered or refused a frame; ignored if the frame was finished here already."""
        if isinstance(answer, Refusal):
            self._refused(answer)
            return
        answered = self._flow.answered(answer.frame_id, answer.times, time.monotonic(), answer.size)
        if answered is None:
            return
        job, started = self._take_off(answer.frame_id)
        self._packets.answered(started)
        try:
            wanted = self._model.remote_outputs(started.plan.partition.edge)
            outputs = read_answer(self._model, started.values or {}, answer, wanted)
        except (ValueError, KeyError, ModelError) as error:
            self._run_here(job, f"the answer cannot be read: {error}")
            return
        except Exception as error:  # a defect ends the connection, but the flow knows this frame no more
            self._run_here(job, f"reading answers failed: {error}")
            raise
        times = self._flow.outputs_read(answered, time.monotonic())
        self._listener.ended(job, Outcome.OFFLOADED, outputs=outputs, times=times)

    # --- tail here ----------------------------------------------------------------------------------------------

    def _refused(self, refusal: Refusal) -> None:
        error = refusal.error
        retry_after_s = error.retry_after_s if isinstance(error, CloudRefusedError) else None
        always = isinstance(error, TooLargeError)
        job = self._in_flight.get(refusal.frame_id)
        packets = None if job is None or job.started is None else self._packets.refused(job.started, error)
        order = self._flow.refused(
            refusal.frame_id, str(error), retry_after_s, time.monotonic(), always=always, packets=packets
        )
        if order is not None:
            self.finish_here(order)

    def _not_sent(self, job: Job, reason: str) -> None:
        if job.started is not None:
            self._packets.lost(job.started)
        order = self._flow.not_sent(job.frame_id, reason, time.monotonic())
        if order is not None:
            self.finish_here(order)

    def _deadline_passed(self, frame_id: int) -> None:
        order = self._flow.deadline_passed(frame_id, time.monotonic())
        if order is not None:
            self.finish_here(order)

    def finish_here(self, order: FinishHere) -> None:
        """Runs the tails of frames on the edge, from the values that their heads made."""
        if order.renew:
            self._link.renew()
        for frame_id in order.frame_ids:
            job, _ = self._take_off(frame_id)
            self._run_here(job, order.reason)

    def _take_off(self, frame_id: int) -> tuple[Job, Started]:
        job = self._in_flight.pop(frame_id)
        if job.started is None:
            raise RuntimeError("a frame was in flight before its head had run")
        if job.started.deadline is not None:
            job.started.deadline.cancel()
        self._listener.made_room()
        return job, job.started

    def _run_here(self, job: Job, reason: str) -> None:
        task = asyncio.create_task(self._run_tail_here(job, reason), name=f"fallback-{job.frame_id}")
        self._local.add(task)
        task.add_done_callback(self._local_done)

    def _local_done(self, task: asyncio.Task[None]) -> None:
        self._local.discard(task)
        self._listener.made_room()

    async def _run_tail_here(self, job: Job, reason: str) -> None:
        started = job.started
        if started is None:
            raise RuntimeError("a frame fell back before it was started")
        edge = started.plan.partition.edge
        if self._prepared.tail_waits(edge):
            self._tails_waited += 1
            log.info("a tail waits here until it is prepared", frame=job.frame_id, so_far=self._tails_waited)
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
