"""The transfer and tail of frames that one cloud is to answer: encoded, sent, and answered or given back.

                     answered ──► offloaded
    head ─► encode ─► link ─┤
                     no answer in time, refused, cloud lost ──► given back: another cloud, or the tail runs here

A frame that was handed over has a deadline, and leaves exactly once. `Flow` decides how: this shell reports to it what
happened, and carries out its orders. `offloading` takes what is given back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from edge_service.cloud.exchange import read_answer
from edge_service.cloud.link import CloudLink
from edge_service.cloud.seam import Answer, Cloud, FrameToSend, Refusal
from edge_service.cloud.uplink_turns import UplinkTurns
from edge_service.control import Controller, FinishHere, Flow, OneCloud, Plan, StageTimes
from edge_service.errors import CloudError, CloudRefusedError, TooLargeError
from edge_service.log import log
from edge_service.parts import Parts
from edge_service.pipeline.encoding import FrameEncoding, NotEncodedError
from edge_service.pipeline.job import Job, Started, head_ran, picture_lost
from edge_service.pipeline.packet_sending import PacketSending
from pictures import PictureError
from split_model import ModelError
from split_model.structure import Tree
from split_wire import Reason

__all__ = ["Offload", "OffloadListener"]

_WATCH_S = 0.05
_ITS_OWN = (
    Reason.OVERLOADED,
    Reason.STARTING,
    Reason.DRAINING,
    Reason.INTERNAL,
    Reason.UNKNOWN_MODEL,
    Reason.UNAUTHENTICATED,
    Reason.BAD_TOKEN,
    Reason.NO_DECODER,
    Reason.DECODER_LOST,
)
"""Refusals that say something of this cloud, and nothing of the frame."""


class OffloadListener(Protocol):
    """Receives the ends of frames that were handed over, and the frames that the cloud does not answer."""

    def offloaded(self, job: Job, outputs: Tree, times: StageTimes) -> None:
        """The cloud answered a frame."""

    def failed(self, job: Job, reason: str) -> None:
        """A frame cannot have a result."""

    def given_back(self, job: Job, reason: str, *, elsewhere: bool) -> None:
        """The cloud does not answer a frame; `elsewhere` says whether another one might."""

    def made_room(self) -> None:
        """Fewer frames are in flight."""


class Offload:
    """The transfer and tail stages with one cloud.

    Args:
        parts: the parts of the run.
        cloud: encodes and receives frames.
        flow: decides how frames end.
        listener: receives each frame's end.
        controller: the controller as it sees this cloud.
        name: the cloud's name in the log, if there are others.
        turns: lets one probe at a time on the uplink that several clouds share; None if it is the only one.
    """

    def __init__(
        self,
        parts: Parts,
        cloud: Cloud,
        flow: Flow,
        listener: OffloadListener,
        controller: Controller | OneCloud,
        name: str = "",
        turns: UplinkTurns | None = None,
    ) -> None:
        self._model = parts.model
        self._compute = parts.compute
        self._cloud = cloud
        self._flow = flow
        self._controller = controller
        self._listener = listener
        self._link = CloudLink(parts, cloud, flow, self, name, turns)
        self._slowdown = parts.config.slowdown
        self._packets = PacketSending(parts, cloud, self._link, controller)
        self._encoding = FrameEncoding(parts, cloud, self._packets)
        self._stages: list[asyncio.Task[None]] = []
        self._outbox: asyncio.Queue[Job] = asyncio.Queue()
        self._in_flight: dict[int, Job] = {}

    @property
    def under_way(self) -> int:
        """Frames that were handed over and are neither answered nor given back."""
        return len(self._in_flight)

    @property
    def cloud_error(self) -> CloudError | None:
        """Why the cloud is not in use, or None."""
        return self._link.last_error

    async def start(self) -> None:
        """Connects to the cloud.

        Raises:
            CloudError: the cloud is required and cannot be reached.
        """
        self._stages = [
            asyncio.create_task(self._run_transfers(), name="transfers"),
            asyncio.create_task(self._watch_uploads(), name="late-uploads"),
        ]
        await self._link.start()  # where another cloud answers, one that does not now may later

    async def close(self) -> None:
        """Ends the background work; frames still under way get no result."""
        for task in self._stages:
            task.cancel()
        await asyncio.gather(*self._stages, return_exceptions=True)
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
            self._listener.failed(job, str(error))
            return
        except NotEncodedError as error:
            refusal = str(error)
        head_ran(self._controller, started, self._slowdown)
        started.sent_s = time.monotonic()
        if started.frame is None:
            started.answer_due_s = started.sent_s + started.plan.deadline_s
            self._listener.given_back(job, refusal, elsewhere=started.plan.packets)
            return
        self._queue(job, started, started.frame, started.sent_s)

    async def take_over(self, job: Job, started: Started, wanted: Sequence[str], *, sent: FrameToSend | None) -> None:
        """Sends a frame that another cloud gave back.

        Args:
            job: the frame; its plan is one for this cloud now.
            started: the same as `job.started`.
            wanted: paths of the outputs that the cloud is to compute.
            sent: the frame as it was encoded before, if this cloud can be sent that; None to encode it anew.
        """
        if sent is None:
            try:
                if started.values is None and not started.plan.packets:
                    await self._decode(job, started)
                sent = await self._encoding.encode(job, started, wanted)
            except PictureError as error:
                picture_lost(job, error)
                self._listener.failed(job, str(error))
                return
            except NotEncodedError as error:
                self._listener.given_back(job, str(error), elsewhere=False)
                return
            except Exception as error:  # noqa: BLE001 # any error of the model costs this frame, not those behind it
                log.exception("head failed", frame=job.frame_id)
                self._listener.given_back(job, f"the head failed: {error}", elsewhere=False)
                return
        started.frame = sent
        self._queue(job, started, sent, time.monotonic())

    async def _decode(self, job: Job, started: Started) -> None:
        """Runs the head of a frame that was to be sent as packets: it is the picture itself.

        Raises:
            PictureError: the picture cannot be decoded.
        """
        head, _ = self._model.split(started.plan.partition.edge)
        started.values, _ = await self._compute.run(lambda: head.run(job.arrays()))

    def speaks_like(self, other: Offload) -> bool:
        """Whether a message that was made for the other cloud can be sent to this one."""
        return type(self._cloud) is type(other._cloud)

    def _queue(self, job: Job, started: Started, frame: FrameToSend, now_s: float) -> None:
        sent = self._flow.handed_over(job.frame_id, frame.size, started.plan, encode_s=started.encode_s, now_s=now_s)
        self._in_flight[job.frame_id] = job
        started.moved_s = now_s - started.sent_s
        started.answer_due_s = sent.sent_s + sent.timeout_s
        started.deadline = asyncio.get_running_loop().call_later(sent.timeout_s, self._deadline_passed, job.frame_id)
        self._outbox.put_nowait(job)  # bounded by the frames in flight

    async def _run_transfers(self) -> None:
        """Sends queued frames; a task of its own, because a large message blocks for as long as the link takes it."""
        while True:
            job = await self._outbox.get()
            started = job.started
            if job.frame_id not in self._in_flight or started is None or started.frame is None:
                continue  # given back in the meantime
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
        """The cloud answered or refused a frame; ignored if the frame was given back already."""
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
            self._listener.given_back(job, f"the answer cannot be read: {error}", elsewhere=False)
            return
        except Exception as error:  # a defect ends the connection, but the flow knows this frame no more
            self._listener.given_back(job, f"reading answers failed: {error}", elsewhere=False)
            raise
        times = self._flow.outputs_read(answered, time.monotonic())
        self._listener.offloaded(job, outputs, replace(times, link_wait_s=times.link_wait_s + started.moved_s))

    # --- no answer ----------------------------------------------------------------------------------------------

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
            elsewhere = not isinstance(error, CloudRefusedError) or error.reason in _ITS_OWN
            self._give_back(order, elsewhere=elsewhere)

    def _not_sent(self, job: Job, reason: str) -> None:
        if job.started is not None:
            self._packets.lost(job.started)
        order = self._flow.not_sent(job.frame_id, reason, time.monotonic())
        if order is not None:
            self._give_back(order)

    def _deadline_passed(self, frame_id: int) -> None:
        order = self._flow.deadline_passed(frame_id, time.monotonic())
        if order is not None:
            self.finish_here(order)

    def finish_here(self, order: FinishHere) -> None:
        """The cloud does not answer these frames."""
        if order.renew:
            self._link.renew()
        self._give_back(order)

    def _give_back(self, order: FinishHere, *, elsewhere: bool = True) -> None:
        for frame_id in order.frame_ids:
            job, _ = self._take_off(frame_id)
            self._listener.given_back(job, order.reason, elsewhere=elsewhere)

    def _take_off(self, frame_id: int) -> tuple[Job, Started]:
        job = self._in_flight.pop(frame_id)
        if job.started is None:
            raise RuntimeError("a frame was in flight before its head had run")
        if job.started.deadline is not None:
            job.started.deadline.cancel()
        self._listener.made_room()
        return job, job.started
