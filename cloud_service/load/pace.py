"""Pauses between heartbeats: short while an edge sends frames, longer and longer while it sends none.

Laws:
    * A pause is told before it is taken, and it is never longer than told.
    * The first pauses after a frame are the usual ones. Then each is twice the one before, up to the longest allowed.
    * A frame on any stream of the edge ends a longer pause at once. An edge has a stream for frames and one for
      heartbeats alone; the second needs its usual pauses exactly when the first is in use.
"""

import asyncio
from weakref import WeakValueDictionary

from cloud_service.errors import InvalidRequestError
from cloud_service.load.shares import Client
from split_wire import Reason
from split_wire.limits import HEARTBEAT_INTERVAL_S
from split_wire.transport import LONGEST_BEAT_KEY

USUAL_BEATS = 10
"""Usual pauses after the last frame; 5 s, so that a camera with a frame in 2 s keeps them."""

_MAX_CHARS = 16


def allowed_s(told: str | None, longest_s: float) -> float:
    """Return the longest pause that a caller allows, at least the usual one.

    Args:
        told: The value of its metadata `dads-longest-beat-s`; None: it sent none.
        longest_s: The longest pause that this server takes.

    Raises:
        InvalidRequestError: the value is not a number of seconds.
    """
    if told is None:
        return HEARTBEAT_INTERVAL_S
    try:
        seconds = float(told) if len(told) <= _MAX_CHARS else -1.0
    except ValueError:
        seconds = -1.0
    if not seconds > 0:  # also if it is not a number
        raise InvalidRequestError(
            Reason.BAD_REQUEST, f"{LONGEST_BEAT_KEY} is {told[:_MAX_CHARS]!r}; expected a number of seconds, such as 10"
        )
    return max(HEARTBEAT_INTERVAL_S, min(seconds, longest_s))


class Frames:
    """The frames of one edge, on all of its streams."""

    def __init__(self) -> None:
        self.arrived = 0
        self.unanswered = 0
        self._came = asyncio.Event()
        self._awaited = 0

    def begin(self) -> None:
        """A frame arrived."""
        self.arrived += 1
        self.unanswered += 1
        if self._awaited:
            self._came.set()

    def end(self, count: int = 1) -> None:
        """So many frames were answered, or given up with their stream."""
        self.unanswered -= count

    async def next(self, seen: int, within_s: float) -> None:
        """Wait until more frames arrived than `seen`, or so many seconds."""
        if self.arrived != seen:
            return
        if not self._awaited:
            self._came.clear()
        self._awaited += 1
        try:
            async with asyncio.timeout(within_s):
                await self._came.wait()
        except TimeoutError:
            pass
        finally:
            self._awaited -= 1


class Pace:
    """The pauses of one stream.

    Args:
        frames: The frames of the stream's edge.
        usual_s: Seconds between two heartbeats while there are frames.
        longest_s: At most, while there are none.
    """

    def __init__(self, frames: Frames, *, usual_s: float, longest_s: float) -> None:
        self.frames = frames
        self._usual_s = usual_s
        self._longest_s = max(usual_s, longest_s)
        self._seen = frames.arrived
        self._beats = 0
        self._pause_s = usual_s

    def next_s(self) -> float:
        """Return the pause after the heartbeat that is sent now."""
        if self.frames.unanswered or self.frames.arrived != self._seen:
            self._seen = self.frames.arrived
            self._beats, self._pause_s = 0, self._usual_s
        self._beats += 1
        if self._beats > USUAL_BEATS:
            self._pause_s = min(2 * self._pause_s, self._longest_s)
        return self._pause_s

    async def passed(self) -> None:
        """Wait for the pause that was told last, or until a frame ends it."""
        if self._pause_s <= self._usual_s:
            await asyncio.sleep(self._pause_s)  # the next beat is soon enough, so no frame has to wake anything
        else:
            await self.frames.next(self._seen, self._pause_s)


class Paces:
    """Makes the pauses of each stream; the streams of one edge share its frames.

    Args:
        longest_s: The longest pause that this server takes.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        # An entry lasts as long as a stream has it.
        self._frames: WeakValueDictionary[Client, Frames] = WeakValueDictionary()

    def of(self, client: Client, told: str | None) -> Pace:
        """Return the pauses of a new stream.

        Args:
            client: Whose stream it is.
            told: The value of its metadata `dads-longest-beat-s`; None: it sent none.

        Raises:
            InvalidRequestError: the value is not a number of seconds.
        """
        longest_s = allowed_s(told, self._longest_s)
        frames = self._frames.get(client) or self._frames.setdefault(client, Frames())
        return Pace(frames, usual_s=HEARTBEAT_INTERVAL_S, longest_s=longest_s)
