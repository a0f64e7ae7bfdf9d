"""Turns a source's pictures into frames on the event loop, each at its time.

Decoding and scaling block, so a thread runs them, up to two frames ahead. The thread is a daemon, so that a camera that
sends nothing cannot keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from edge_service.frame_image import FrameImage, Shot
from edge_service.sources.errors import SourceFormatError
from edge_service.sources.live.newest import LivePictures, newest
from edge_service.sources.pacing import Timed, repeated, sampled
from pictures import PictureError, Preprocess

T = TypeVar("T")

_FRAMES_AHEAD = 2
_LAZY_HZ = 0.2
_COVERS = Preprocess(interpolation="bicubic")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame for the model.

    Attributes:
        frame_id: Counts from 0.
        source_s: The picture's time in the clip, or since a live source's first picture, in seconds.
        content: The picture, decoded when it is asked for.
    """

    frame_id: int
    source_s: float
    content: FrameImage

    @property
    def image(self) -> NDArray[np.uint8]:
        """The model's input: RGB, uint8 [1, 3, H, W]. Blocks the first time if the picture is still compressed.

        Raises:
            PictureError: It cannot be decoded.
        """
        return self.content.array()


class Pictures(Protocol):
    """A kind of source: pictures with times."""

    @property
    def live(self) -> bool:
        """Whether pictures come in real time, so that those not read in time are lost: it is `LivePictures` too."""

    @property
    def interval_s(self) -> float:
        """How long the last picture is shown, in seconds; asked for when all were played."""

    def play(self) -> Iterator[Timed[Shot]]:
        """The pictures from the beginning, with times from 0. Blocks."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How frames are made of pictures.

    Attributes:
        height: Rows of a frame.
        width: Columns of a frame.
        rate_hz: Frames per second, or None for every picture.
        frames: The number of frames, for which a shorter clip is repeated; None: one pass.
        loop: Whether to repeat a clip, up to `frames` or without end.
        paced: Whether frame k waits until k / rate_hz after the first; live sources pace themselves.
        preprocess: How a picture becomes the model's input.
        lazy: Whether pictures are left compressed until somebody needs them; else they are decoded ahead.
    """

    height: int
    width: int
    rate_hz: float | None
    frames: int | None = None
    loop: bool = False
    paced: bool = True
    preprocess: Preprocess = _COVERS
    lazy: bool = False


async def stream(pictures: Pictures, sampling: Sampling) -> AsyncGenerator[Frame, None]:
    """The frames of a source; does not block the event loop.

    Raises:
        SourceError: The source cannot be opened, decoded, or is empty.
    """
    loop = asyncio.get_running_loop()
    start_s: float | None = None
    count = 0
    made = _live_images(pictures, sampling) if pictures.live else _read_ahead(_images(pictures, sampling))
    async with contextlib.aclosing(made) as images:
        async for image in images:
            if sampling.rate_hz is not None and sampling.paced and not pictures.live:
                start_s = loop.time() if start_s is None else start_s
                await asyncio.sleep(max(0.0, start_s + count / sampling.rate_hz - loop.time()))
            yield Frame(count, image.at_s, image.item)
            count += 1
            if count == sampling.frames:
                return


def _images(pictures: Pictures, sampling: Sampling) -> Iterator[Timed[FrameImage]]:
    """The frames' images with their pictures' times, without waiting for the times. Blocks."""
    empty = True
    for shot in _chosen(pictures, sampling):
        empty = False
        image = FrameImage(shot.item, sampling.preprocess, sampling.height, sampling.width)
        image.keeps_picture = True
        if image.compressed is None or not _may_wait(sampling):
            with contextlib.suppress(PictureError):  # whoever asks for the image gets it
                image.array()
        yield Timed(shot.at_s, image)
    if empty:
        raise SourceFormatError("the source holds no pictures; expected at least one")


def _may_wait(sampling: Sampling) -> bool:
    """Whether frames may be decoded later: so few that they wait for long would need too many packets to be kept."""
    return sampling.lazy and (sampling.rate_hz is None or sampling.rate_hz >= _LAZY_HZ)


def _chosen(pictures: Pictures, sampling: Sampling) -> Iterator[Timed[Shot]]:
    def play() -> Iterator[Timed[Timed[Shot]]]:
        return (Timed(shot.at_s, shot) for shot in pictures.play())

    def interval_s() -> float:
        return pictures.interval_s

    shots = repeated(play, interval_s) if sampling.loop or sampling.frames is not None else play()
    return (shot.item for shot in shots) if sampling.rate_hz is None else sampled(shots, sampling.rate_hz, interval_s)


async def _live_images(pictures: Pictures, sampling: Sampling) -> AsyncGenerator[Timed[FrameImage], None]:
    """The newest pictures; those that nobody computes are not decoded."""
    source = cast("LivePictures", pictures)  # as `live` says
    async with contextlib.aclosing(newest(source, sampling.rate_hz)) as shots:
        async for shot in shots:
            yield Timed(shot.at_s, FrameImage(shot.item, sampling.preprocess, sampling.height, sampling.width))


async def _read_ahead(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Run an iterator in a thread, at most `_FRAMES_AHEAD` ahead."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue()
    room = threading.Semaphore(_FRAMES_AHEAD)
    closed = threading.Event()

    def read() -> None:
        last: Exception | None = None
        try:
            for item in items:
                room.acquire()
                if closed.is_set():
                    return
                loop.call_soon_threadsafe(queue.put_nowait, (item,))
        except Exception as error:  # noqa: BLE001 - raised again when the next item is read
            last = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(queue.put_nowait, last)

    threading.Thread(target=read, name="frame-source", daemon=True).start()
    try:
        while (got := await queue.get()) is not None:
            if isinstance(got, Exception):
                raise got
            room.release()
            yield got[0]
    finally:
        closed.set()
        room.release()
