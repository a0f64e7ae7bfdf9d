"""Sources of frames: a video file, a camera, a stream, a folder of images, or a sample clip of the demo extra.

| module | one idea |
|---|---|
| `kinds` | which kind of source is meant |
| `files`, `images`, `sample`, `live` | the kinds of sources: pictures with times |
| `choice` | the video of a file that a player would show; pure |
| `timeline` | times that jump are rebased; pure |
| `pacing` | which pictures become frames; pure |
| `shots` | the kinds of pictures: decoded, to be decoded, in packets, lost |
| `stream` | decoding in a thread, and frames on the event loop, each at its time |
| `watched` | counts pictures, and tells why some cannot be decoded |
| `source_report` | what happened to a source: counts, gaps, and why it ended |
| `addresses` | addresses without their passwords |
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator

from edge_service.sources.addresses import masked
from edge_service.sources.errors import (
    DemoExtraMissingError,
    SourceError,
    SourceFailedError,
    SourceFormatError,
    SourceNotFoundError,
)
from edge_service.sources.kinds import pictures_of
from edge_service.sources.live import LiveOptions
from edge_service.sources.sample import SAMPLES
from edge_service.sources.source_report import SourceReport
from edge_service.sources.stream import Frame, Sampling, stream
from pictures import Preprocess

__all__ = [
    "SAMPLES",
    "DemoExtraMissingError",
    "Frame",
    "LiveOptions",
    "SourceError",
    "SourceFailedError",
    "SourceFormatError",
    "SourceNotFoundError",
    "SourceReport",
    "masked",
    "open_source",
]


def open_source(
    spec: str,
    *,
    height: int,
    width: int,
    rate_hz: float | None = None,
    frames: int | None = None,
    loop: bool = False,
    paced: bool = True,
    preprocess: Preprocess | None = None,
    lazy: bool = False,
    report: SourceReport | None = None,
    live: LiveOptions | None = None,
) -> AsyncGenerator[Frame, None]:
    """Open a source of frames.

    A clip is played like a camera: frame k is the clip's picture at k / rate_hz, and is yielded k / rate_hz seconds
    after the first one. The source ends with the clip, unless `frames` or `loop` repeat it.

    Args:
        spec: A video file, an image, a folder of images, a camera (`/dev/video0`, `rtsp://...`, `http://...`),
            `sample` or `sample:NAME`. A camera never ends: it is connected to again, up to the limit of `live`.
        height: Rows of a frame.
        width: Columns of a frame.
        rate_hz: Frames per second; None yields every picture, without waiting.
        frames: The number of frames, for which a shorter clip is repeated; None: one pass.
        loop: Whether to repeat a clip, up to `frames` or without end.
        paced: Whether to wait for a frame's time; False yields the same frames of a clip at once.
        preprocess: How a picture becomes a frame; by default its centre, at the smallest scale that covers the frame.
        lazy: Whether pictures of a compressed source stay compressed until somebody needs them.
        report: Is told what happens to the source.
        live: The choices for a live source.

    Returns:
        The frames, in order; call `aclose` to stop before its end. The first frame starts a thread that decodes.

    Raises:
        SourceError: `spec` cannot be used, or a number is out of range. Errors that are found only when the source is
            read (a missing camera, a file that is no video) are raised with the first frame.
    """
    for name, value in (("height", height), ("width", width), ("frames", frames), ("rate_hz", rate_hz)):
        if value is not None and not 0 < value < math.inf:
            raise SourceError(f"{name} must be more than 0 and finite, not {value}")
    chosen = preprocess or Preprocess(interpolation="bicubic")
    sampling = Sampling(height, width, rate_hz, frames, loop, paced, chosen, lazy)
    pictures = pictures_of(spec, rate_hz, report or SourceReport(spec), live or LiveOptions(), as_packets=lazy)
    return stream(pictures, sampling)
