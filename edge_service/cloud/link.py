"""The connection to a cloud: connects, sends frames, measures the link, and receives answers. It decides nothing.

`Flow` decides when to connect, ping, probe or give up. This shell reports to it what happened, and obeys its orders.
A loss is noticed by missing heartbeats. They come from the cloud, so a slow upload does not delay them, whereas
HTTP/2's own pings would queue behind it. They have their own stream, the pulse, which lasts as long as the connection.
The frames' stream does not: it is renewed when a frame is given up, and opening the new one waits behind the data that
the old one left in the socket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from edge_service.cloud.seam import Announcement, Answer, Beat, Cloud, FrameToSend, ProbeReading, Refusal, Tails
from edge_service.cloud.uplink_turns import UplinkTurns
from edge_service.control import Duty, FinishHere, Flow
from edge_service.errors import (
    CloudDeniedError,
    CloudError,
    CloudRefusedError,
    CloudSilentError,
    CloudUnreachableError,
    CloudUntrustedError,
    TooLargeError,
    WrongTwinError,
)
from edge_service.log import log
from edge_service.parts import Parts

__all__ = ["CloudLink", "LinkListener"]

_FOR_ALL_FRAMES = (WrongTwinError, CloudDeniedError)
"""Refusals that every frame would get, until a person changes something."""

_TICK_S = 0.05
_WARM_PINGS = 3


class LinkListener(Protocol):
    """Receives answers, and orders for frames in flight."""

    def answered(self, answer: Answer | Refusal) -> None:
        """The cloud answered or refused a frame."""

    def finish_here(self, order: FinishHere) -> None:
        """The connection is lost, so frames in flight are finished on the edge."""


class CloudLink:
    """The agent's connection to one cloud.

    Args:
        parts: the parts of the run; used are timeouts, metrics and encodings.
        cloud: the calls.
        flow: takes what happens on the connection, and says what the connection needs.
        listener: receives answers, and orders after a loss.
        name: the cloud's name in the log; empty if it is the only one.
        turns: lets one probe at a time on the uplink that several clouds share; None if it is the only one.

    Attributes:
        last_error: why the cloud is not in use, or None.
        stream: counts the streams of frames.
        pictures: the versions of what decodes packets in the cloud; empty while none is known.
    """

    def __init__(
        self,
        parts: Parts,
        cloud: Cloud,
        flow: Flow,
        listener: LinkListener,
        name: str = "",
        turns: UplinkTurns | None = None,
    ) -> None:
        self._cloud = cloud
        self._named = {"cloud": name} if name else {}
        self._turns = turns or UplinkTurns()
        self._flow = flow
        self._listener = listener
        self._config = parts.config
        self._metrics = parts.metrics
        self._wire = parts.wire
        self._layers = [layer.name for layer in parts.model.graph.layers]
        self._tails: Tails | None = None
        self.stream = 0
        self.pictures = ""
        self._readers: dict[Tails, asyncio.Task[None]] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None
        self.last_error: CloudError | None = None

    async def start(self) -> None:
        """Connects once, warms the connection up and measures it; then keeps it open in the background.

        Raises:
            CloudError: the first attempt failed and the configuration requires a cloud.
        """
        try:
            async with asyncio.timeout(self._config.connect_timeout_s):
                await self._connect()
        except TimeoutError:
            self._lost(CloudUnreachableError(f"no answer within {self._config.connect_timeout_s:g} s"))
            await self._drop()
        self._supervisor = asyncio.create_task(self._supervise(), name="cloud-link")
        if self._tails is None and self._config.require_cloud and self.last_error is not None:
            raise self.last_error

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Hands a frame to the stream.

        Raises:
            CloudError: there is no stream, or it is broken.
        """
        if self._tails is None:
            raise CloudUnreachableError("not connected to the cloud")
        self._metrics.sent(frame.kind, frame.size)
        await self._tails.send(frame, timeout_s)

    def renew(self) -> None:
        """Cancels the frames' stream, so that no stale frame is sent later, and opens another."""
        if self._tails is not None:
            self._end(self._tails)
            self._tails = self._open_stream()
            self._flow.stream_renewed()

    async def close(self) -> None:
        """Ends the connection and the background work."""
        for task in (self._supervisor, self._measuring):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self._close_tails()
        await self._cloud.close()

    # --- connecting ---------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 # a defect here must not end this task without a log
                log.exception("watching the cloud failed", **self._named)
                self._lost(CloudUnreachableError(f"watching the cloud failed: {error}"))

    async def _look(self) -> None:
        if self._measuring is not None and self._measuring.done():
            measured, self._measuring = self._measuring, None
            measured.result()
        match self._flow.duty(time.monotonic()):
            case Duty.CONNECT:
                await self._connect()
            case Duty.GIVE_UP:
                self._lost(CloudUnreachableError(f"no heartbeat for {self._config.silence_s:g} s"))
                await self._drop()
            case Duty.MEASURE if self._measuring is None:
                self._measuring = asyncio.create_task(self._measure(), name="cloud-measure")

    async def _connect(self) -> None:
        try:
            profile = await self._cloud.profile(self._config.call_timeout_s)
        except CloudError as error:
            self._lost(error)
            if isinstance(error, CloudSilentError):
                await self._drop()
            return
        decode_s = self._wire.decode_s(self._layers, profile.decode_s)
        self.pictures = profile.pictures
        self._flow.profiled(
            profile.layer_s, decode_s, profile.load_factor, time.monotonic(), takes_packets=bool(profile.pictures)
        )
        self._open_tails()
        for _ in range(_WARM_PINGS):
            if not await self._ping():
                break
        await self._measure()
        if self._tails is not None:
            self.last_error = None
            log.info("cloud connected", load_factor=round(profile.load_factor, 2), **self._named)

    async def _drop(self) -> None:
        """Gives up a connection from which nothing arrives, and the measurement on it."""
        measuring, self._measuring = self._measuring, None
        if measuring is not None:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
        await self._cloud.drop()

    def _lost(self, error: CloudError) -> None:
        if self.last_error is None or _kind(error) != _kind(self.last_error):
            hint = "refusing to offload" if isinstance(error, _FOR_ALL_FRAMES) else "going on alone"
            if self._named:
                hint = "going on with the others"
            log.warning("cloud lost", error=str(error), then=hint, **self._named)
        self.last_error = error
        self._close_tails()
        retry_after_s = error.retry_after_s if isinstance(error, CloudRefusedError) else None
        if isinstance(error, TooLargeError):
            self._flow.largest_refused(time.monotonic())
        self._listener.finish_here(self._flow.connection_lost(str(error), retry_after_s, time.monotonic()))

    # --- measuring ----------------------------------------------------------------------------------------------

    async def _measure(self) -> None:
        """Pings and probes if they are due; a failure ends the connection."""
        if self._flow.ping_due(time.monotonic()):
            await self._ping()
        size = self._flow.probe_due(time.monotonic())
        if size is not None:
            await self._probe(size)
        size = self._flow.down_probe_due(time.monotonic())
        if size is not None:
            await self._probe(size, down=True)

    async def _ping(self) -> bool:
        """Measures the round trip; returns whether there was an answer."""
        try:
            seconds = await self._cloud.ping(self._config.ping_timeout_s)
        except CloudSilentError:
            return False  # it may wait behind an upload on a slow link; only missing heartbeats are a loss
        except CloudError as error:
            self._lost(error)
            return False
        self._flow.pinged(seconds, time.monotonic())
        return True

    async def _probe(self, size: int, *, down: bool = False) -> None:
        async with self._turns.turn():
            await self._probe_now(size, down=down)

    async def _probe_now(self, size: int, *, down: bool) -> None:
        if self._tails is None:
            return
        call: Callable[[int, float], Awaitable[ProbeReading | None]] = self._cloud.probe_down
        if not down:
            call = self._cloud.probe
            self._metrics.sent("probe", size)
        probe = self._flow.probe_begun(size, time.monotonic(), down=down)
        try:
            reading = await call(size, self._config.call_timeout_s)
        except CloudSilentError:
            self._flow.probe_timed_out(probe, self._config.call_timeout_s, time.monotonic())
        except CloudError as error:
            self._lost(error)
        else:
            if reading is not None:
                self._flow.probe_read(probe, reading.received_bytes, reading.received_s, time.monotonic())

    # --- streams ------------------------------------------------------------------------------------------------

    def _open_tails(self) -> None:
        self._close_tails()
        self._flow.opened(time.monotonic())
        self._begin(self._cloud.open_pulse())
        self._tails = self._open_stream()

    def _open_stream(self) -> Tails:
        self.stream += 1
        return self._begin(self._cloud.open_tails())

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
                now_s = time.monotonic()
                if self._flow.heard(now_s) and self._measuring is not None:
                    self._measuring.cancel()
                    self._measuring = None
                if isinstance(event, Beat):
                    self._flow.heartbeat(event.load_factor, now_s)
                    continue
                if isinstance(event, Announcement):
                    self._flow.announced(event.frame_id, event.size, event.server_s, now_s)
                    continue
                self._listener.answered(event)
                if isinstance(event, Refusal) and isinstance(event.error, _FOR_ALL_FRAMES) and tails is self._tails:
                    self._lost(event.error)
                    return
        except CloudError as error:
            if tails in self._readers:
                self._lost(error)
        except Exception as error:  # noqa: BLE001 # a defect here must not leave frames waiting without a log
            log.exception("reading answers failed", **self._named)
            if tails in self._readers:
                self._lost(CloudUnreachableError(f"reading answers failed: {error}"))


def _kind(error: CloudError) -> tuple[type[CloudError], str]:
    """The kind of an error; an attempt that fails with the same kind as the last one is not logged again."""
    if isinstance(error, CloudRefusedError):
        return type(error), error.reason
    # The messages of these two stay the same until a person changes something; others hold addresses and times.
    return type(error), str(error) if isinstance(error, CloudUntrustedError | WrongTwinError) else ""
