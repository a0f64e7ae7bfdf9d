"""The connection to a cloud: connects, sends frames, has the link measured, and receives answers. It decides nothing.

`Flow` decides when to connect, ping, probe or give up. This shell reports to it what happened, and obeys its orders.
A loss is noticed by missing heartbeats. They come from the cloud, so a slow upload does not delay them, whereas
HTTP/2's own pings would queue behind it. They have their own stream, the pulse, which lasts as long as the connection.
The frames' stream does not: it is renewed when a frame is given up, and opening the new one waits behind the data that
the old one left in the socket.

Several replicas may serve the address, so a connection is replaced before it ends (`Replacement`): when it is old, so
that new replicas get work; and at once, when it broke or its replica drains, as another replica may be free. Only if
that fails too, the cloud is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Protocol

from edge_service.cloud.connection import Connection
from edge_service.cloud.measuring import Measuring
from edge_service.cloud.replacement import Replacement, leads_elsewhere
from edge_service.cloud.seam import (
    Announcement,
    Answer,
    Beat,
    Cloud,
    CloudProfile,
    FrameToSend,
    Refusal,
    StreamEvent,
)
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
        self._flow = flow
        self._listener = listener
        self._config = parts.config
        self._metrics = parts.metrics
        self._wire = parts.wire
        self._layers = [layer.name for layer in parts.model.graph.layers]
        self._connection: Connection | None = None
        self._replacement = Replacement(self, parts.config.stream_max_age_s)
        self.stream = 0
        self.pictures = ""
        self._supervisor: asyncio.Task[None] | None = None
        self._measuring = Measuring(self, parts, flow, turns or UplinkTurns())
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
        if self._connection is None and self._config.require_cloud and self.last_error is not None:
            raise self.last_error

    @property
    def calls(self) -> Cloud | None:
        """The calls on the connection in use; None if there is none."""
        return None if self._connection is None else self._cloud

    async def send(self, frame: FrameToSend, timeout_s: float) -> None:
        """Hands a frame to the stream; waits a little for another one if it broke.

        Raises:
            CloudError: there is no stream, or it does not take the frame.
        """
        await self._replacement.wait()
        connection = self._connection
        if connection is None or connection.broken is not None:
            raise CloudUnreachableError("not connected to the cloud")
        self._metrics.sent(frame.kind, frame.size)
        try:
            await connection.send(frame, timeout_s)
        except CloudError:
            if not await connection.is_over() and connection.on_way.pop(frame.frame_id, None) is not None:
                raise  # else it is sent again with the others on their way, or was given up with them

    def renew(self) -> None:
        """Cancels the frames' streams, so that no stale frame is sent later, and opens another."""
        self._replacement.forget_frames()
        if self._connection is not None:
            self._connection.renew()
            self._count_stream("late")
            self._flow.stream_renewed()

    async def close(self) -> None:
        """Ends the connection and the background work."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await self._measuring.stopped()
        self._close_streams()
        await self._replacement.close()
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
        self._measuring.check()
        if self._connection is not None and self._connection.broken is not None:
            return  # another one is being tried
        match self._flow.duty(time.monotonic()):
            case Duty.CONNECT:
                await self._connect()
            case Duty.GIVE_UP:
                self._silent(CloudSilentError(f"no heartbeat for {self._config.silence_s:g} s"))
                if self._connection is None:
                    await self._drop()
            case Duty.MEASURE:
                self._measuring.begin()
        if self._connection is not None:
            self._replacement.renew_if_old(self._connection, time.monotonic())

    async def _connect(self) -> None:
        try:
            profile = await self._cloud.profile(self._config.call_timeout_s)
        except CloudError as error:
            self._lost(error)
            if isinstance(error, CloudSilentError):
                await self._drop()
            return
        self._profiled(profile)
        self._open_streams()
        for _ in range(_WARM_PINGS):
            if not await self._measuring.ping():
                break
        await self._measuring.measure()
        if self._connection is not None:
            self.last_error = None
            log.info("cloud connected", load_factor=round(profile.load_factor, 2), **self._named)

    def profiled_again(self, profile: CloudProfile) -> None:
        """A replica sent its profile while the connection was open."""
        self._profiled(profile, again=True)

    def _profiled(self, profile: CloudProfile, *, again: bool = False) -> None:
        if self._connection is None or profile.replica == self._connection.replica:
            self.pictures = profile.pictures
        self._flow.profiled(
            profile.layer_s,
            self._wire.decode_s(self._layers, profile.decode_s),
            profile.load_factor,
            time.monotonic(),
            takes_packets=bool(profile.pictures),
            replica=profile.replica,
            again=again,
        )

    async def _drop(self) -> None:
        """Gives up a connection from which nothing arrives, and the measurement on it."""
        await self._measuring.stopped()
        await self._cloud.drop()

    def _lost(self, error: CloudError) -> None:
        if self.last_error is None or _kind(error) != _kind(self.last_error):
            hint = "refusing to offload" if isinstance(error, _FOR_ALL_FRAMES) else "going on alone"
            if self._named:
                hint = "going on with the others"
            log.warning("cloud lost", error=str(error), then=hint, **self._named)
        self.last_error = error
        self._close_streams()
        retry_after_s = error.retry_after_s if isinstance(error, CloudRefusedError) else None
        if isinstance(error, TooLargeError):
            self._flow.largest_refused(time.monotonic())
        self._listener.finish_here(self._flow.connection_lost(str(error), retry_after_s, time.monotonic()))

    # --- streams ------------------------------------------------------------------------------------------------

    def told(self, connection: Connection, event: StreamEvent, *, pulse: bool) -> None:
        """Something arrived: on the connection in use, or an answer on an older one."""
        now_s = time.monotonic()
        if connection is self._connection:
            if (connection.pulse_tells or not pulse) and self._flow.heard(now_s):
                self._measuring.stop()
            self._flow.answers_from(connection.replica, now_s)
        match event:
            case Beat() if connection is self._connection:
                self._flow.heartbeat(event.load_factor, now_s, replica=event.replica, next_s=event.next_s, pulse=pulse)
            case Announcement():
                self._flow.announced(event.frame_id, event.size, event.server_s, now_s)
            case Answer() | Refusal():
                self._answered(connection, event)

    def _answered(self, connection: Connection, answer: Answer | Refusal) -> None:
        self._replacement.answered(connection, answer)
        stream = self.stream
        self._listener.answered(answer)
        for_all = isinstance(answer, Refusal) and isinstance(answer.error, _FOR_ALL_FRAMES)
        if for_all and isinstance(answer, Refusal) and connection is self._connection and stream == self.stream:
            self._lost(answer.error)

    def broke(self, connection: Connection, error: CloudError) -> None:
        """A stream broke: another connection may lead to another replica; if none does, the cloud is lost."""
        if self._replacement.took(connection):
            return
        if connection is not self._connection:
            return
        tries = leads_elsewhere(error) and not self._flow.others_answer()  # else frames would wait for an attempt
        if tries and self._replacement.begin_at_once(connection, error, time.monotonic()):
            self._measuring.stop()
            self._flow.interrupted()
        else:
            self._lost(error)

    def replaced(self, fresh: Connection, reason: str) -> None:
        """Another connection is in use from now on."""
        self._measuring.stop()
        self._connection, self._cloud = fresh, fresh.cloud
        self._count_stream(reason)
        now_s = time.monotonic()
        self._flow.replaced(now_s)
        self._flow.answers_from(fresh.replica, now_s)
        for pulse, beat in fresh.last_beats.items():  # what they promised counts from now on
            self._flow.heartbeat(beat.load_factor, now_s, replica=beat.replica, next_s=beat.next_s, pulse=pulse)
        log.info("connection replaced", reason=reason, replica=fresh.replica, **self._named)

    async def not_replaced(self, error: CloudError) -> None:
        """The connection in use broke, and another could not be had."""
        self._lost(error)
        if isinstance(error, CloudSilentError):
            await self._drop()

    async def repeat(self, frame: FrameToSend, timeout_s: float) -> bool:
        """Sends a frame again on the connection in use; returns whether that took it."""
        connection = self._connection
        if connection is None or connection.broken is not None:
            return False
        self._metrics.sent(frame.kind, frame.size)
        with contextlib.suppress(CloudError):  # then it is on its way still, and goes with the others
            await connection.send(frame, timeout_s, repeated=True)
        return True

    def given_up(self, frame_id: int, reason: str) -> None:
        """A frame on a connection that broke is not sent again."""
        order = self._flow.not_sent(frame_id, reason, time.monotonic())
        if order is not None:
            self._listener.finish_here(order)

    def failed(self, error: CloudError) -> None:
        """A measurement failed: so did the connection."""
        connection = self._connection
        if connection is None:
            self._lost(error)
        elif connection.broken is None:
            connection.broken = error
            self.broke(connection, error)

    def _silent(self, error: CloudSilentError) -> None:
        """Nothing arrives: frames on their way are finished here, while another connection is tried."""
        connection = self._connection
        if connection is not None:
            for frame_id in tuple(connection.on_way):
                del connection.on_way[frame_id]
                self.given_up(frame_id, str(error))
        self.failed(error)

    def _open_streams(self) -> None:
        self._close_streams()
        now_s = time.monotonic()
        self._flow.opened(now_s)
        self._connection = Connection(self._cloud, self)
        self._connection.open()
        self._replacement.opened(now_s)
        self.stream += 1

    def _close_streams(self) -> None:
        self._replacement.end()
        if self._connection is not None:
            self._connection.end()
            self._connection = None

    def _count_stream(self, reason: str) -> None:
        self.stream += 1
        self._metrics.stream_renewed(reason)


def _kind(error: CloudError) -> tuple[type[CloudError], str]:
    """The kind of an error; an attempt that fails with the same kind as the last one is not logged again."""
    if isinstance(error, CloudRefusedError):
        return type(error), error.reason
    # The messages of these two stay the same until a person changes something; others hold addresses and times.
    return type(error), str(error) if isinstance(error, CloudUntrustedError | WrongTwinError) else ""
