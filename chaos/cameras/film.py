"""Numbered pictures encoded as H.264 or JPEG, one after another or as a video file."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from chaos.cameras import bar_code

__all__ = ["Codec", "Film", "Unit", "painted", "write_clip"]

Codec = Literal["h264", "mjpeg"]
_SPEED = 2  # pixels by which the background moves from picture to picture


@dataclass(frozen=True, slots=True)
class Unit:
    """One encoded picture.

    Attributes:
        number: The picture's number.
        data: H.264 with start codes (a keyframe with its parameter sets), or a whole JPEG.
        is_keyframe: Whether it can be decoded alone.
    """

    number: int
    data: bytes
    is_keyframe: bool


class Film:
    """Encodes numbered pictures; with B-frames, units come out in decoding order, later than their pictures go in.

    Args:
        width: Even.
        height: Even.
        codec: H.264, or JPEG in 4:2:0.
        rate_hz: Pictures a second.
        keyframe_every: Pictures from one keyframe to the next.
        b_frames: B-frames between two other pictures.
        first: The first picture's number.
        draws: The number drawn in the first picture; None: its own.

    Attributes:
        pictures: How many pictures it has encoded.
    """

    def __init__(
        self,
        width: int = 320,
        height: int = 180,
        *,
        codec: Codec = "h264",
        rate_hz: float = 25.0,
        keyframe_every: int = 50,
        b_frames: int = 0,
        first: int = 0,
        draws: int | None = None,
    ) -> None:
        self.width, self.height, self.codec = width, height, codec
        self.pictures = 0
        self._first = first
        self._shift = 0 if draws is None else draws - first
        self._context = av.CodecContext.create("libx264" if codec == "h264" else "mjpeg", "w")
        _configure(self._context, width, height, codec, rate_hz)
        self._context.options = _options(codec, keyframe_every, b_frames)

    def shoot(self) -> list[Unit]:
        """Encode the next picture; returns the units that are ready."""
        number = self._first + self.pictures
        self.pictures += 1
        return self._units(_frame(number, painted(number + self._shift, self.width, self.height), self.codec))

    def rest(self) -> list[Unit]:
        """Return the units that the encoder still holds; no picture can follow."""
        return self._units(None)

    def _units(self, frame: av.VideoFrame | None) -> list[Unit]:
        packets = self._context.encode(frame)
        return [Unit(int(packet.pts or 0), bytes(packet), packet.is_keyframe) for packet in packets]


def write_clip(
    path: Path,
    pictures: int,
    *,
    width: int = 320,
    height: int = 180,
    rate_hz: float = 25.0,
    keyframe_every: int = 50,
    b_frames: int = 0,
) -> None:
    """Write a clip of numbered pictures as H.264; the name's ending chooses the container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate_hz).limit_denominator(1001))
        _configure(stream.codec_context, width, height, "h264", rate_hz)
        stream.codec_context.options = _options("h264", keyframe_every, b_frames)
        for number in range(pictures):
            container.mux(stream.encode(_frame(number, painted(number, width, height), "h264")))
        container.mux(stream.encode(None))


def painted(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture with its number, on a background that moves: yuv420p, uint8 [H * 3 / 2, W]."""
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    shift = _SPEED * number % width
    background = _background(width, height)
    planes[:height, shift:] = background[:, : width - shift]
    planes[:height, :shift] = background[:, width - shift :]
    bar_code.draw(planes[:height], number)
    return planes


@cache
def _background(width: int, height: int) -> NDArray[np.uint8]:
    """Soft spots, so that a picture that depends on another one costs bytes too."""
    generator = np.random.default_rng(3)
    spots = generator.integers(60, 190, (height // 12 + 1, width // 12 + 1), dtype=np.uint8)
    return np.kron(spots, np.ones((12, 12), np.uint8))[:height, :width]


def _frame(number: int, image: NDArray[np.uint8], codec: Codec) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(image, format=_pixel_format(codec))
    frame.pts = number
    return frame


def _pixel_format(codec: Codec) -> str:
    return "yuv420p" if codec == "h264" else "yuvj420p"


def _configure(context: av.VideoCodecContext, width: int, height: int, codec: Codec, rate_hz: float) -> None:
    context.width, context.height, context.pix_fmt = width, height, _pixel_format(codec)
    rate = Fraction(rate_hz).limit_denominator(1001)
    context.framerate, context.time_base = rate, 1 / rate
    context.thread_count = 1


def _options(codec: Codec, keyframe_every: int, b_frames: int) -> dict[str, str]:
    if codec == "mjpeg":
        # Cameras use the standard's Huffman tables, and RTP carries no others.
        return {"huffman": "default"}
    settings = {
        "keyint": keyframe_every,
        "min-keyint": 1,
        "scenecut": 0,
        "bframes": b_frames,
        "b-adapt": 0,
        "rc-lookahead": 0,
        "sync-lookahead": 0,
        "repeat-headers": 1,
    }
    params = ":".join(f"{name}={value}" for name, value in settings.items())
    tune = {} if b_frames else {"tune": "zerolatency"}
    return {"preset": "ultrafast", "crf": "26", "x264-params": params, **tune}
