"""The annotated pictures of `--draw`: a JPEG file for each frame in a folder, or one MP4 video."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, cast

import av
import numpy as np
from PIL import Image, ImageOps

from edge_service.errors import DrawingError
from edge_service.frame_image import FrameImage
from edge_service.log import log
from edge_service.output.annotation import Annotator
from edge_service.output.background import Background
from edge_service.output.files import write_whole

__all__ = ["DrawnPictures", "check_drawing"]

_QUALITY = 90
_MOST_WAITING = 4
_VIDEO = ".mp4"
_OTHER_VIDEOS = frozenset((".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".webm", ".gif", ".jpg", ".jpeg", ".png"))
# H.264 plays in every browser; MPEG-4 in most players.
_CODECS = ("libx264", "libopenh264", "mpeg4")
# For an edge, which has no time for more: no frames are held back, one thread.
_CODEC_OPTIONS = {"libx264": {"preset": "veryfast", "tune": "zerolatency", "crf": "23"}}
# So that a file that is cut off by the end of the process can be played up to the last two key frames.
_CONTAINER_OPTIONS = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
_KEY_FRAME_EVERY_S = 2
_MOST_BETWEEN_KEY_FRAMES = 60


def check_drawing(path: Path) -> None:
    """Checks where pictures are to be drawn to, before the work that makes them.

    Raises:
        DrawingError: it is neither a folder nor FILE.mp4, or no video can be written here.
    """
    suffix = path.suffix.lower()
    if suffix in _OTHER_VIDEOS:
        raise DrawingError(f"{path}: pictures are drawn into a folder or into a file that ends in .mp4")
    if suffix == _VIDEO:
        if path.is_dir() or not path.parent.is_dir():
            raise DrawingError(f"{path} is not a file in a folder that exists")
        _codec()
    elif path.exists() and not path.is_dir():
        raise DrawingError(f"{path} is a file; pictures are drawn into a folder or into a file that ends in .mp4")


@dataclass(frozen=True, slots=True)
class _Shot:
    record: Mapping[str, Any]
    content: FrameImage


class DrawnPictures:
    """Draws frames on a thread of its own, in their order; results never wait for it.

    If frames come faster than they can be drawn, at most four pictures wait, and the oldest of them is skipped for a
    new one. Once a picture cannot be written (a full disk), this is logged, and no more are tried.

    Args:
        path: a folder, made if it is missing, or FILE.mp4.
        rate_hz: frames per second of a video.

    Raises:
        DrawingError: see `check_drawing`.
        OSError: the folder cannot be made.

    Attributes:
        drawn: number of pictures written.
        problem: why not all were written; None if they were.
    """

    def __init__(self, path: Path, rate_hz: float) -> None:
        check_drawing(path)
        self.drawn = 0
        self.problem: str | None = None
        self._path = path
        self._annotator = Annotator()
        self._sink: _Sink = _Video(path, rate_hz) if path.suffix.lower() == _VIDEO else _Folder(path)
        self._background: Background[_Shot] = Background("draw", self._draw, most=_MOST_WAITING, skips=True)

    def put(self, record: Mapping[str, Any], content: FrameImage) -> None:
        """Takes a frame's picture and its line of `--results`; never waits."""
        skipped = self._background.skipped
        self._background.put(_Shot(record, content))
        if not skipped and self._background.skipped:
            log.warning("pictures are drawn slower than frames come: some are skipped; lower the rate to get them all")

    def close(self) -> None:
        """Draws what waits, and finishes the video; blocks."""
        self._background.close()
        self._attempt(self._sink.close)

    def as_json(self) -> dict[str, int]:
        """The numbers of pictures drawn and skipped."""
        return {"drawn": self.drawn, "skipped": self._background.skipped}

    def _draw(self, shot: _Shot) -> None:
        def write() -> None:
            self._sink.write(shot.record["frame"], self._annotator.drawn(shot.content.picture(), shot.record))

        if self.problem is None and self._attempt(write):
            self.drawn += 1

    def _attempt(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception as error:  # noqa: BLE001 # whatever it is, it costs pictures, not results
            if self.problem is None:
                reason = error.strerror if isinstance(error, OSError | av.FFmpegError) else repr(error)
                self.problem = f"{self._path}: {reason or error}; {self.drawn} pictures were drawn"
                log.error("pictures are drawn no longer; results go on", reason=self.problem)
            return False
        return True


class _Sink(Protocol):
    """Where pictures go."""

    def write(self, frame_id: int, image: Image.Image) -> None: ...

    def close(self) -> None: ...


class _Folder:
    """A JPEG file for each frame."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path

    def write(self, frame_id: int, image: Image.Image) -> None:
        path = self._path / f"frame-{frame_id:06}.jpg"
        write_whole(path, lambda file: image.save(file, "JPEG", quality=_QUALITY))

    def close(self) -> None:
        """Every file is finished already."""


class _Video:
    """An MP4 file, of the first picture's size; frame k is shown at k / rate, so gaps stay gaps."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._rate = Fraction(rate_hz).limit_denominator(1000)
        self._container = av.open(str(path), "w", format="mp4", options=dict(_CONTAINER_OPTIONS))
        self._stream: av.VideoStream | None = None

    def write(self, frame_id: int, image: Image.Image) -> None:
        stream = self._stream = self._stream or self._opened(image)
        size = stream.width, stream.height
        if image.size != size:
            image = ImageOps.pad(image, size)
        frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
        frame.pts, frame.time_base = frame_id, 1 / self._rate
        self._container.mux(stream.encode(frame))

    def close(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def _opened(self, image: Image.Image) -> av.VideoStream:
        codec = _codec()
        options = dict(_CODEC_OPTIONS.get(codec, {}))
        stream = cast("av.VideoStream", self._container.add_stream(codec, rate=self._rate, options=options))
        # The chroma of H.264 has half the rows and columns.
        stream.width, stream.height = (max(2, size - size % 2) for size in image.size)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / self._rate
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = max(1, min(round(_KEY_FRAME_EVERY_S * self._rate), _MOST_BETWEEN_KEY_FRAMES))
        return stream


def _codec() -> str:
    for name in _CODECS:
        try:
            av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise DrawingError(
        f"this build of PyAV encodes none of {', '.join(_CODECS)}: draw into a folder instead of a video"
    )
