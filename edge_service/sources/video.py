"""Pictures decoded by FFmpeg: camera devices and RTSP streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import av

from edge_service.frame_image import Shot
from edge_service.sources.errors import SourceFormatError, SourceNotFoundError
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import ShotToDecode
from pictures.decoder import picture_of

_EXPECTED = "expected a video file, a folder of images, /dev/videoN, rtsp://... or sample"
_DEFAULT_INTERVAL_S = 1 / 25  # for files without a rate
# The timeouts to open a stream, and for each read.
_STREAM_TIMEOUT_S = (10.0, 10.0)


@dataclass(frozen=True, slots=True)
class LiveVideo:
    """The pictures of a camera device (`/dev/videoN`) or an RTSP stream, at the times of their arrival."""

    address: str
    live: bool = field(default=True, init=False)
    interval_s: float = field(default=_DEFAULT_INTERVAL_S, init=False)

    def play(self) -> Iterator[Timed[Shot]]:
        """Open and decode until the source ends.

        Raises:
            SourceNotFoundError: The camera or the server does not answer.
            SourceFormatError: It does not send a video.
        """
        with _opened(self.address, self.address, live=True) as container:
            stream = _video_stream(container, self.address)
            start_s: float | None = None
            for picture in _decoded(container, stream, self.address):
                now_s = time.monotonic()
                start_s = now_s if start_s is None else start_s
                yield Timed(now_s - start_s, ShotToDecode(partial(picture_of, picture)))


def _opened(address: str, name: str, *, live: bool = False) -> av.container.InputContainer:
    try:
        if address.startswith("rtsp"):
            # Over TCP, because over UDP lost packets damage pictures, which would be classified all the same.
            return av.open(address, options={"rtsp_transport": "tcp"}, timeout=_STREAM_TIMEOUT_S)
        return av.open(address, format="v4l2" if live else None)
    except OSError as error:
        raise SourceNotFoundError(f"{name}: {error.strerror or error}; {_EXPECTED}") from error
    except (av.FFmpegError, ValueError) as error:
        raise SourceFormatError(f"{name} is not a video that can be read: {error}; {_EXPECTED}") from error


def _video_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    if not container.streams.video:
        raise SourceFormatError(f"{name} holds no pictures; expected a video")
    return container.streams.video[0]


def _decoded(container: av.container.InputContainer, stream: av.VideoStream, name: str) -> Iterator[av.VideoFrame]:
    pictures = container.decode(stream)
    count = 0
    while True:
        try:
            picture = next(pictures)
        except StopIteration:
            return
        except (av.FFmpegError, OSError) as error:
            raise SourceFormatError(f"{name} cannot be read any further after {count} pictures: {error}") from error
        yield picture
        count += 1
