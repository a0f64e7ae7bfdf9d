"""The pictures of a video file, decoded by FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import av

from edge_service.frame_image import Shot
from edge_service.sources.errors import SourceFormatError, SourceNotFoundError
from edge_service.sources.pacing import Timed
from edge_service.sources.shots import ShotToDecode
from pictures.decoder import picture_of

_EXPECTED = "expected a video file, a folder of images, /dev/videoN, rtsp://... or sample"
_DEFAULT_INTERVAL_S = 1 / 25  # for files without a rate


@dataclass(frozen=True, slots=True)
class VideoFile:
    """The pictures of a video file, at the file's times.

    Raises:
        SourceNotFoundError: There is no such file.
    """

    path: Path
    live: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise SourceNotFoundError(f"{self.path}: no such file; {_EXPECTED}")

    @property
    def interval_s(self) -> float:
        """How long the last picture is shown: one period of the average rate."""
        with _opened(f"file:{self.path}", str(self.path)) as container:
            rate_hz = _video_stream(container, str(self.path)).average_rate
        return 1 / float(rate_hz) if rate_hz else _DEFAULT_INTERVAL_S

    def play(self) -> Iterator[Timed[Shot]]:
        """Decode from the beginning.

        Raises:
            SourceFormatError: It is not a video, or it is damaged.
        """
        # With an explicit protocol, because FFmpeg would interpret the part of a name before a colon as one.
        with _opened(f"file:{self.path}", str(self.path)) as container:
            stream = _video_stream(container, str(self.path))
            first_s: float | None = None
            interval_s = 1 / float(stream.average_rate) if stream.average_rate else _DEFAULT_INTERVAL_S
            for count, picture in enumerate(_decoded(container, stream, str(self.path))):
                shown_s = picture.time if picture.time is not None else count * interval_s
                first_s = shown_s if first_s is None else first_s
                yield Timed(shown_s - first_s, ShotToDecode(partial(picture_of, picture)))


def _opened(address: str, name: str) -> av.container.InputContainer:
    try:
        return av.open(address)
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
