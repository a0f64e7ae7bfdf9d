"""Keeps the cloud at hand: connects, measures, notices loss, and tells the controller what it saw.

The link decides nothing. When to connect, probe or ping is the controller's word; what it learns goes back as events.
Silence is judged by heartbeats: they come down the wire, so a slow upload cannot hide them, while HTTP/2's own pings
would queue behind it. They have a stream of their own, the pulse, which lives as long as the connection: the frames'
stream is renewed when a frame is given up, and opening the new one waits behind what the old one left in the socket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from edge_service.cloud.seam import Answer, Beat, Cloud, FrameToSend, Refusal, Tails
from edge_service.config import AgentConfig
from edge_service.control import (
    CloudAnswered,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    Controller,
    HeartbeatsResumed,
    RoundTripMeasured,
    UplinkAtLeast,
    UplinkMeasured,
    UploadStalled,
)
from edge_service.errors import (
    CloudDeniedError,
    CloudError,
    CloudRefusedError,
    CloudSilentError,
    CloudUnreachableError,
    CloudUntrustedError,
    WrongTwinError,
)
from edge_service.log import log
from edge_service.output.metrics import EdgeMetrics
from split_wire import Encoding
from split_wire.limits import HEARTBEAT_INTERVAL_S

__all__ = ["CloudLink"]

_FOR_ALL_FRAMES = (WrongTwinError, CloudDeniedError)
"""Refusals that every frame would get, until something is changed by hand."""

_TICK_S = 0.05
_WARM_PINGS = 3
_CALL_COST_RATIO = 1.15  # the most that a probe's call takes beside its bytes and the round trip, on a ready link
_PAUSE_S = 1.8 * HEARTBEAT_INTERVAL_S  # no jitter: a heartbeat is missing
_STALL_RATIO = 2.0  # a whole call that much slower than its second half measured a busy machine


class CloudLink:
    """The agent's connection to one cloud.

    Args:
        cloud: the calls.
        controller: is told events, and asked when to connect, ping and probe.
        config: timeouts.
        metrics: counts bytes.
        decode_s: turns the cloud's seconds of decoding, by encoding of a layer, into those by encoding of a cut.
        idle: whether no frame is on the link; measurements wait for that, or they would measure the frames.
        on_answer: told each answer or refusal of a frame, as it arrives.
        on_lost: told that frames in flight will not be answered, and why.
        on_resumed: told that the link stood still for a while.
    """

    def __init__(
        self,
        cloud: Cloud,
        controller: Controller,
        config: AgentConfig,
        metrics: EdgeMetrics,
        *,
        decode_s: Callable[[Mapping[Encoding, tuple[float, ...]]], Mapping[str, tuple[float, ...]]],
        idle: Callable[[], bool],
        on_answer: Callable[[Answer | Refusal], None],
        on_lost: Callable[[str], None],
        on_resumed: Callable[[], None],
    ) -> None:
        self._cloud = cloud
        self._controller = controller
        self._config = config
        self._metrics = metrics
        self._decode_s = decode_s
        self._idle = idle
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._on_resumed = on_resumed
        self._tails: Tails | None = None
        self._readers: dict[Tails, asyncio.Task[None]] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._heard_s = 0.0
        self._clogged = False
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
            await self._drop()
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
        """Cancels the frames' stream, so that stale frames are never sent later, and opens another."""
        if self._tails is not None:
            self._end(self._tails)
            self._tails = self._begin(self._cloud.open_tails())
            self._clogged = True

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
            await self._drop()
        elif self._measuring is None and self._idle():
            self._measuring = asyncio.create_task(self._measure(), name="cloud-measure")

    async def _connect(self) -> None:
        try:
            profile = await self._cloud.profile(self._config.call_timeout_s)
        except CloudError as error:
            self._lost(error)
            if isinstance(error, CloudSilentError):
                await self._drop()
            return
        now_s = time.monotonic()
        self._controller.observe(CloudProfiled(profile.layer_s, self._decode_s(profile.decode_s)), now_s)
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
        """Pings and probes if the controller wants it; a failure ends the connection.

        What a cancelled stream left in the socket goes first. A ping behind it tells when it is gone; a probe would
        take it for a slow link.
        """
        wanted = self._controller.ping_due(time.monotonic())
        if wanted or self._clogged:
            answered = await self._ping()
            if self._clogged and not answered:
                return
            self._clogged = False
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
            else:
                self._controller.observe(UplinkAtLeast(size, outside_s), now_s)
        elif reading.received_s > 0:
            sample = UplinkMeasured(reading.received_bytes, reading.received_s, by_receiver=True)
            self._controller.observe(sample, now_s)

    async def _drop(self) -> None:
        """Gives up a connection that nothing comes from, with what is being measured on it."""
        measuring, self._measuring = self._measuring, None
        if measuring is not None:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
        await self._cloud.drop()

    def _open_tails(self) -> None:
        self._close_tails()
        self._heard_s = time.monotonic()
        self._begin(self._cloud.open_pulse())
        self._tails = self._begin(self._cloud.open_tails())

    def _close_tails(self) -> None:
        for tails in tuple(self._readers):
            self._end(tails)
        self._tails = None

    def _begin(self, tails: Tails) -> Tails:
        self._readers[tails] = asyncio.create_task(self._read(tails), name="cloud-answers")
        return tails

    def _end(self, tails: Tails) -> None:
        reader = self._readers.pop(tails)
        if reader is not asyncio.current_task():
            reader.cancel()
        tails.cancel()

    async def _read(self, tails: Tails) -> None:
        try:
            async for event in tails.events():
                before_s, self._heard_s = self._heard_s, time.monotonic()
                if self._heard_s - before_s > _PAUSE_S:
                    self._resumed()
                if isinstance(event, Beat):
                    self._controller.observe(CloudLoadReported(event.load_factor), self._heard_s)
                    continue
                self._on_answer(event)
                if isinstance(event, Refusal) and isinstance(event.error, _FOR_ALL_FRAMES) and tails is self._tails:
                    self._lost(event.error)
                    return
        except CloudError as error:
            if tails in self._readers:
                self._lost(error)
        except Exception as error:  # noqa: BLE001 # a defect here must not leave frames waiting for answers unseen
            log.exception("reading answers failed")
            if tails in self._readers:
                self._lost(CloudUnreachableError(f"reading answers failed: {error}"))

    def _resumed(self) -> None:
        """The link or the cloud stood still for a while: a probe under way would tell of that, not of the link."""
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None
        self._clogged = True  # with what was sent in the meantime
        self._on_resumed()
        self._controller.observe(HeartbeatsResumed(), self._heard_s)

    def _lost(self, error: CloudError) -> None:
        if self.last_error is None or _kind(error) != _kind(self.last_error):
            hint = "refusing to offload" if isinstance(error, _FOR_ALL_FRAMES) else "going on alone"
            log.warning("cloud lost", error=str(error), then=hint)
        self.last_error = error
        self._close_tails()
        asked_s = error.retry_after_s if isinstance(error, CloudRefusedError) else None
        self._controller.observe(CloudLost(str(error), asked_s), time.monotonic())
        self._on_lost(str(error))


def _kind(error: CloudError) -> tuple[type[CloudError], str]:
    """What makes two errors different ones: an attempt that fails as the last one did is not told again."""
    if isinstance(error, CloudRefusedError):
        return type(error), error.reason
    # These say the same until somebody changes something; others carry addresses and times.
    return type(error), str(error) if isinstance(error, CloudUntrustedError | WrongTwinError) else ""
