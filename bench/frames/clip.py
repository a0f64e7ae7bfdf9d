"""A clip as an edge sees it: its pictures at some rate, and the model's frames that are made of them.

Everything here goes through `edge_service.sources`, so what is measured follows what the edge really does.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import numpy.typing as npt

from edge_service.sources import Frame as SourceFrame
from edge_service.sources import open_source
from pictures import Preprocess, picture_of, prepared

Frame = npt.NDArray[np.uint8]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Clip:
    """One pass through a clip.

    Attributes:
        path: The file.
        pictures: The source's pictures, decoded.
        times_s: When they are shown, counted from the first picture of the clip.
        frames: The model's frames, uint8 [1, 3, H, W], one for each picture.
        rate_hz: How many there are in a second.
        preprocess: How a picture becomes a frame.
    """

    path: Path
    pictures: list[av.VideoFrame]
    times_s: list[float]
    frames: list[Frame]
    rate_hz: float
    preprocess: Preprocess

    def frame_of(self, picture: av.VideoFrame) -> Frame:
        """The model's frame of a decoded picture."""
        return frame_of(picture, self.frames[0], self.preprocess)


def read(path: Path, size: tuple[int, int], rate_hz: float, most: int, preprocess: Preprocess | None = None) -> Clip:
    """Reads the first frames of a video file, for a model of this height and width."""
    chosen = preprocess or Preprocess()

    async def every() -> list[SourceFrame]:
        height, width = size
        source = open_source(str(path), height=height, width=width, rate_hz=rate_hz, paced=False, preprocess=chosen)
        return [frame async for frame in source]

    shown = asyncio.run(every())[:most]
    times_s = [frame.source_s for frame in shown]
    pictures = decoded(path)
    return Clip(
        path=path,
        pictures=[picture_at(pictures, time_s)[1] for time_s in times_s],
        times_s=times_s,
        frames=[frame.image for frame in shown],
        rate_hz=rate_hz,
        preprocess=chosen,
    )


def frame_of(picture: av.VideoFrame, like: Frame, preprocess: Preprocess) -> Frame:
    """The model's frame of a decoded picture, in the size of another frame."""
    return prepared(picture_of(picture), preprocess, like.shape[2], like.shape[3])


def picture_at(pictures: Iterator[tuple[int, float, av.VideoFrame]], time_s: float) -> tuple[int, av.VideoFrame]:
    """The picture of `decoded` at a time, with the bytes that had been read by then.

    Raises:
        ValueError: There is none.
    """
    for read_bytes, shown_s, picture in pictures:
        if shown_s > time_s - 1e-6:
            return read_bytes, picture
    raise ValueError(f"the clip has no picture at {time_s:g} s")


def decoded(path: Path) -> Iterator[tuple[int, float, av.VideoFrame]]:
    """The pictures of a file, with how many bytes of packets had been read when each came out, and its time."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        read_bytes, first_s = 0, None
        for packet in container.demux(stream):
            read_bytes += packet.size
            for picture in packet.decode():
                first_s = picture.time if first_s is None else first_s
                yield read_bytes, picture.time - first_s, picture


def timed(call: Callable[[], Made]) -> tuple[float, Made]:
    """Processor seconds of a call, of all its threads, and what it made: whatever else the machine does now."""
    began_s = time.process_time()
    made = call()
    return time.process_time() - began_s, made
