"""Reads a live source in a thread, and gives its newest picture on the event loop: never one from a queue.

A camera is always read at its own speed, or its pictures would wait where nobody sees them: 52 s after a minute. Who is
late gets the newest picture, and those in between are lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Protocol

from edge_service.frame_image import Shot
from edge_service.sources.pacing import Thinning, Timed

__all__ = ["LivePictures", "newest"]

# A pause is longer than this, and than so many intervals before it. Then newer pictures may follow at once.
_PAUSE_S, _INTERVALS = 0.5, 3.0
_SETTLE_S = 0.1


class LivePictures(Protocol):
    """A source whose pictures come in real time."""

    def play(self) -> Iterator[Timed[Shot]]:
        """The pictures, with times from 0. Blocks."""

    def stop(self) -> None:
        """End `play` soon; called from another thread."""


async def newest(pictures: LivePictures, rate_hz: float | None) -> AsyncGenerator[Timed[Shot], None]:
    """The newest picture whenever one is asked for, each at most once.

    Args:
        pictures: The source.
        rate_hz: At most one picture in each period of 1 / rate; None: every picture that is not missed.

    Raises:
        SourceError: The source cannot be read any more.
    """
    loop = asyncio.get_running_loop()
    slot = _Slot(pictures, loop)
    thinning = None if rate_hz is None else Thinning(rate_hz)
    # A daemon, so that a camera that sends nothing cannot keep the program from ending.
    threading.Thread(target=slot.fill, name="frame-source", daemon=True).start()
    try:
        while True:
            await slot.changed.wait()
            slot.changed.clear()
            if slot.is_after_pause:
                # A network that stood still delivers all that waited at once, the oldest first.
                await asyncio.sleep(_SETTLE_S)
            ended, error, shot = slot.ended, slot.error, slot.take()
            if shot is not None and (thinning is None or thinning.takes(shot.at_s)):
                yield shot
            if ended:
                if error is not None:
                    raise error
                return
    finally:
        pictures.stop()


class _Slot:
    """Holds the newest picture.

    Attributes:
        changed: Set when there is a picture, or the end.
        ended: Whether there are no more.
        error: Why, if by an error.
        is_after_pause: Whether no picture had come for long before those that were not taken yet.
    """

    def __init__(self, pictures: LivePictures, loop: asyncio.AbstractEventLoop) -> None:
        self.changed = asyncio.Event()
        self.ended = False
        self.error: Exception | None = None
        self.is_after_pause = False
        self._last_s: float | None = None
        self._interval_s = 0.0
        self._pictures = pictures
        self._loop = loop
        self._shot: Timed[Shot] | None = None

    def take(self) -> Timed[Shot] | None:
        """The newest picture, once."""
        shot, self._shot, self.is_after_pause = self._shot, None, False
        return shot

    def fill(self) -> None:
        """Read to the end; runs in a thread."""
        try:
            for shot in self._pictures.play():
                self._tell(shot)
        except Exception as error:  # noqa: BLE001 - raised again where the pictures are taken
            self.error = error
        self.ended = True
        self._tell(None)

    def _tell(self, shot: Timed[Shot] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, shot)

    def _put(self, shot: Timed[Shot] | None) -> None:
        if shot is not None:
            self._shot = shot
            if self._last_s is not None:
                before_s, self._interval_s = self._interval_s, shot.at_s - self._last_s
                self.is_after_pause |= self._interval_s > max(_PAUSE_S, _INTERVALS * before_s)
            self._last_s = shot.at_s
        self.changed.set()
