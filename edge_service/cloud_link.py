"""Keeps the cloud at hand: connects, measures, notices loss, and tells the controller what it saw.

The link decides nothing. When to connect, probe or ping is the controller's word; what it learns goes back as events.
Silence is judged by the stream's heartbeats: they come down the wire, so a slow upload cannot hide them, while
HTTP/2's own pings would queue behind it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from edge_service.cloud import Answer, Beat, Cloud, FrameToSend, Refusal, Tails
from edge_service.config import AgentConfig
from edge_service.control import (
    CloudAnswered,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    Controller,
    RoundTripMeasured,
    UplinkMeasured,
    UploadStalled,
)
from edge_service.errors import CloudError, CloudSilentError, CloudUnreachableError, WrongTwinError
from edge_service.log import log
from edge_service.metrics import EdgeMetrics

__all__ = ["CloudLink"]

_TICK_S = 0.05
_WARM_PINGS = 3
_CALL_COST_RATIO = 1.15  # the most that a probe's call takes beside its bytes and the round trip, on a ready link
_STALL_RATIO = 2.0  # a whole call that much slower than its second half measured a busy machine


class CloudLink:
    """The agent's connection to one cloud.

    Args:
        cloud: the calls.
        controller: is told events, and asked when to connect, ping and probe.
        config: timeouts.
        metrics: counts bytes.
        idle: whether no frame is on the link; measurements wait for that, or they would measure the frames.
        on_answer: told each answer or refusal of a frame, as it arrives.
        on_lost: told that frames in flight will not be answered, and why.
    """

    def __init__(
        self,
        cloud: Cloud,
        controller: Controller,
        config: AgentConfig,
        metrics: EdgeMetrics,
        *,
        idle: Callable[[], bool],
        on_answer: Callable[[Answer | Refusal], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._cloud = cloud
        self._controller = controller
        self._config = config
        self._metrics = metrics
        self._idle = idle
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._tails: Tails | None = None
        self._reader: asyncio.Task[None] | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._heard_s = 0.0
        self.last_error: CloudError | None = None

    async def start(self) -> None:
        """Connects once, warms the connection and measures it, and then keeps it in the background.

        Raises:
            CloudError: the first attempt failed and the configuration requires a cloud.
        """
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._connect()
        except TimeoutError:
            self._lost(CloudUnreachableError(f"no answer within {self._config.connect_timeout_s:g} s"))
        if self._tails is None and self._config.require_cloud and self.last_error is not None:
            raise self.last_error
        self._supervisor = asyncio.create_task(self._supervise(), name="cloud-link")

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Hands a frame to the stream.

        Raises:
            CloudError: there is no stream, or it is broken.
        """
        if self._tails is None:
            raise CloudUnreachableError("not connected to the cloud")
        self._metrics.sent("tensor", frame.size)
        await self._tails.send(frame, timeout_s)

    def renew(self) -> None:
        """Cancels the stream, so that stale frames are never sent later, and opens another."""
        if self._tails is not None:
            self._open_tails()

    async def close(self) -> None:
        """Ends the connection and the background work."""
        for task in (self._supervisor, self._measuring):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._close_tails()
        await self._cloud.close()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 # a defect here must not end the watch over the cloud unseen
                log.exception("watching the cloud failed")
                self._lost(CloudUnreachableError(f"watching the cloud failed: {error}"))

    async def _look(self) -> None:
        now_s = time.monotonic()
        if self._measuring is not None and self._measuring.done():
            measured, self._measuring = self._measuring, None
            measured.result()
        if self._tails is None:
            if self._controller.reconnect_due(now_s):
                await self._connect()
        elif now_s - self._heard_s > self._config.silence_s:
            self._lost(CloudUnreachableError(f"no heartbeat for {self._config.silence_s:g} s"))
        elif self._measuring is None and self._idle():
            self._measuring = asyncio.create_task(self._measure(), name="cloud-measure")

    async def _connect(self) -> None:
        try:
            profile = await self._cloud.profile(self._config.call_timeout_s)
        except CloudError as error:
            self._lost(error)
            return
        now_s = time.monotonic()
        self._controller.observe(CloudProfiled(profile.layer_s), now_s)
        self._controller.observe(CloudLoadReported(profile.load_factor), now_s)
        self._controller.observe(CloudAnswered(), now_s)
        self._open_tails()
        for _ in range(_WARM_PINGS):
            if not await self._ping():
                break
        await self._measure()
        if self._tails is not None:
            self.last_error = None
            log.info("cloud connected", load_factor=round(profile.load_factor, 2))

    async def _measure(self) -> None:
        """Pings and probes if the controller wants it; a failure ends the connection."""
        if self._controller.ping_due(time.monotonic()):
            await self._ping()
        size = self._controller.probe_due(time.monotonic())
        if size is not None:
            await self._probe(size)

    async def _ping(self) -> bool:
        """Measures the round trip; returns whether there was an answer."""
        try:
            seconds = await self._cloud.ping(self._config.ping_timeout_s)
        except CloudSilentError:
            return False  # it may wait behind an upload on a slow link; whether the cloud lives its heartbeats tell
        except CloudError as error:
            self._lost(error)
            return False
        self._controller.observe(RoundTripMeasured(seconds), time.monotonic())
        return True

    async def _probe(self, size: int) -> None:
        if self._tails is None:
            return
        self._metrics.sent("probe", size)
        began_s = time.monotonic()
        slow_starts = self._controller.slow_starts(began_s)
        try:
            reading = await self._cloud.probe(size, self._config.call_timeout_s)
        except CloudSilentError:
            self._controller.observe(UploadStalled(size, self._config.call_timeout_s), time.monotonic())
            return
        except CloudError as error:
            self._lost(error)
            return
        now_s = time.monotonic()
        outside_s = now_s - began_s - (self._controller.state(now_s).rtt_s or 0.0)
        if not slow_starts and outside_s > 0:
            # The whole call, as for a frame: a receiver that reads late, as a busy one does, makes its half look fast.
            # The call's own cost is in it, so within that the receiver knows better; beyond, somebody stalled.
            by_half_s = size * reading.received_s / max(reading.received_bytes, 1)
            if outside_s <= _STALL_RATIO * by_half_s:
                seconds = min(outside_s, max(by_half_s, outside_s / _CALL_COST_RATIO))
                self._controller.observe(UplinkMeasured(size, seconds, after_idle=True), now_s)
        elif reading.received_s > 0:
            sample = UplinkMeasured(reading.received_bytes, reading.received_s, by_receiver=True)
            self._controller.observe(sample, now_s)

    def _open_tails(self) -> None:
        self._close_tails()
        self._tails = self._cloud.open_tails()
        self._heard_s = time.monotonic()
        self._reader = asyncio.create_task(self._read(self._tails), name="cloud-answers")

    def _close_tails(self) -> None:
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        if self._tails is not None:
            self._tails.cancel()
        self._tails = self._reader = None

    async def _read(self, tails: Tails) -> None:
        try:
            async for event in tails.events():
                self._heard_s = time.monotonic()
                if isinstance(event, Beat):
                    self._controller.observe(CloudLoadReported(event.load_factor), self._heard_s)
                else:
                    self._on_answer(event)
        except CloudError as error:
            if tails is self._tails:
                self._lost(error)
        except Exception as error:  # noqa: BLE001 # a defect here must not leave frames waiting for answers unseen
            log.exception("reading answers failed")
            if tails is self._tails:
                self._lost(CloudUnreachableError(f"reading answers failed: {error}"))

    def _lost(self, error: CloudError) -> None:
        if self.last_error is None or type(error) is not type(self.last_error):
            hint = "refusing to offload" if isinstance(error, WrongTwinError) else "going on alone"
            log.warning("cloud lost", error=str(error), then=hint)
        self.last_error = error
        self._close_tails()
        self._controller.observe(CloudLost(str(error)), time.monotonic())
        self._on_lost(str(error))
