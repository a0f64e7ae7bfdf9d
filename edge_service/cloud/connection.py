"""One connection to a cloud: its pulse, its stream of frames, and the frames on it that have no answer yet.

A link may hold several for a short time: the one in use, one that is tried, and old ones that wait for last answers.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from edge_service.cloud.seam import Answer, Beat, Cloud, FrameToSend, Refusal, StreamEvent, Tails
from edge_service.errors import CloudError, CloudUnreachableError
from edge_service.log import log

_SOON_S = 0.05

__all__ = ["Connection", "ConnectionListener", "OnWay"]


@dataclass(frozen=True, slots=True)
class OnWay:
    """A frame without an answer.

    Attributes:
        frame: the frame.
        due_s: when its answer is due.
        repeated: whether it was sent on another connection before, which broke.
    """

    frame: FrameToSend
    due_s: float
    repeated: bool


class ConnectionListener(Protocol):
    """Receives what comes on a connection."""

    def told(self, connection: Connection, event: StreamEvent, *, pulse: bool) -> None:
        """Something arrived, on the pulse or on the frames' stream."""

    def broke(self, connection: Connection, error: CloudError) -> None:
        """A stream of it broke."""


class Connection:
    """See above; it is not open before `open`.

    Args:
        cloud: the calls, on a connection of their own.
        listener: receives what arrives.

    Attributes:
        cloud: the calls.
        on_way: the frames without an answer, by id, in the order of sending.
        broken: why it broke, or None.
        replica: the server of the frames' stream; empty until it named itself.
        speaks: set when the frames' stream has said something, or broke.
        last_beats: the last heartbeat of the pulse (True) and of the frames' stream (False).
    """

    def __init__(self, cloud: Cloud, listener: ConnectionListener) -> None:
        self.cloud = cloud
        self._listener = listener
        self.on_way: dict[int, OnWay] = {}
        self.broken: CloudError | None = None
        self.replica = ""
        self.speaks = asyncio.Event()
        self.last_beats: dict[bool, Beat] = {}
        self._pulse_replica = ""
        self._frames: Tails | None = None
        self._readers: dict[Tails, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    @property
    def pulse_tells(self) -> bool:
        """Whether the pulse is a sign of life of what answers frames: a balancer may give it to another replica."""
        return not (self._pulse_replica and self.replica) or self._pulse_replica == self.replica

    def open(self) -> None:
        """Opens both streams."""
        self._begin(self.cloud.open_pulse(), pulse=True)
        self._open_frames()

    async def send(self, frame: FrameToSend, timeout_s: float, *, repeated: bool = False) -> None:
        """Hands a frame to the stream; if that fails, it is on its way still: who waits for it decides.

        Raises:
            CloudError: the stream is broken.
        """
        frames, turn = self._frames, self._turn
        if frames is None:
            raise CloudUnreachableError("not connected to the cloud")
        self.on_way[frame.frame_id] = OnWay(frame, time.monotonic() + timeout_s, repeated)
        async with turn:  # gRPC takes one message at a time
            await frames.send(frame, timeout_s)

    def check(self) -> None:
        """Raises the error that broke it, a `CloudError`; none if it is in order."""
        if self.broken is not None:
            raise self.broken

    async def is_over(self) -> bool:
        """Whether it broke, or its stream was ended: asked after a frame was not taken, and told at the latest soon.

        A stream that breaks tells so who writes first, and its reader a moment later.
        """
        if self.broken is None and self._frames is not None:
            await asyncio.wait({self._readers[self._frames]}, timeout=_SOON_S)
        return self.broken is not None

    def renew(self) -> None:
        """Cancels the frames' stream, whose frames are given up, and opens another."""
        self.on_way.clear()
        if self._frames is not None and self.broken is None:
            self._end(self._frames)
            self.replica = ""
            self._open_frames()

    def end_pulse(self) -> None:
        """Ends the pulse: only answers are awaited."""
        for tails in tuple(self._readers):
            if tails is not self._frames:
                self._end(tails)

    def end(self) -> None:
        """Ends both streams; `cloud` is left open."""
        for tails in tuple(self._readers):
            self._end(tails)
        self._frames = None

    def _open_frames(self) -> None:
        self._turn = asyncio.Lock()  # a message of the old stream may still wait for the link
        self._frames = self.cloud.open_tails()
        self._begin(self._frames, pulse=False)

    def _begin(self, tails: Tails, *, pulse: bool) -> None:
        self._readers[tails] = asyncio.create_task(self._read(tails, pulse=pulse), name="cloud-answers")

    def _end(self, tails: Tails) -> None:
        reader = self._readers.pop(tails)
        if reader is not asyncio.current_task():
            reader.cancel()
        tails.cancel()

    async def _read(self, tails: Tails, *, pulse: bool) -> None:
        try:
            async for event in tails.events():
                self._heard(event, pulse=pulse)
                self._listener.told(self, event, pulse=pulse)
                if tails not in self._readers:
                    return  # it was ended by who was told
        except CloudError as error:
            self._broke(tails, error)
        except Exception as error:  # noqa: BLE001 # a defect here must not leave frames waiting without a log
            log.exception("reading answers failed")
            self._broke(tails, CloudUnreachableError(f"reading answers failed: {error}"))

    def _heard(self, event: StreamEvent, *, pulse: bool) -> None:
        replica = event.replica if isinstance(event, Beat | Answer | Refusal) else ""
        if isinstance(event, Beat):
            self.last_beats[pulse] = event
        if pulse:
            self._pulse_replica = replica or self._pulse_replica
            return
        self.replica = replica or self.replica
        self.speaks.set()
        if isinstance(event, Answer | Refusal):
            self.on_way.pop(event.frame_id, None)

    def _broke(self, tails: Tails, error: CloudError) -> None:
        if tails in self._readers:
            self.broken = self.broken or error
            self.speaks.set()
            self._listener.broke(self, error)
