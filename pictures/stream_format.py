"""What a decoder needs to know of a stream beyond its packets, which do not carry all that the container knows."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, cast

import av
from av.buffer import Buffer
from av.sidedata.sidedata import SideDataContainer

__all__ = ["CODECS", "STILL", "StreamFormat", "orientation_of"]

STILL = "still"
"""The codec of streams whose packets are whole pictures, such as JPEG: `pictures.stills` decodes each alone."""

CODECS = frozenset({STILL, "h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8", "vp9", "libdav1d"})
"""The decoders whose packets come out alike with and without their container. No others are opened for packets from the
wire: FFmpeg has hundreds, many of them for formats of the last century."""

_STILL_CODECS = frozenset({"mjpeg"})
_MATRIX = struct.Struct("=9i")


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """A stream's format, as its container knows it.

    Attributes:
        codec: FFmpeg's name of the decoder, such as `h264`; or `STILL`.
        extradata: The codec's parameter sets; may be empty where packets hold them.
        width: In pixels, as coded; 0 where unknown.
        height: In pixels, as coded; 0 where unknown.
        colour_range: FFmpeg's number; 0 where unknown.
        colour_space: FFmpeg's number of the matrix; 2 where unknown.
        rotation: Degrees counter-clockwise that make the picture upright: 0, 90, 180 or 270.
        aspect: Numerator and denominator of a pixel's width over its height, before the rotation; (1, 1) where unknown.
        mirrored: Whether left and right are exchanged before the rotation.
        reorder: How many pictures a decoder holds back to bring them into display order; 0 where unknown.
    """

    codec: str
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    colour_range: int = 0
    colour_space: int = 2
    rotation: int = 0
    aspect: tuple[int, int] = (1, 1)
    mirrored: bool = False
    reorder: int = 0

    @classmethod
    def of(cls, stream: av.VideoStream, first: av.VideoFrame | None = None) -> Self:
        """The format of a container's stream.

        Args:
            stream: Of an open container.
            first: A frame that this stream's own decoder has decoded. Only frames show the container's rotation.
        """
        context = stream.codec_context
        is_still = context.name in _STILL_CODECS
        # FFmpeg shows a still's EXIF as the container's rotation; decoding the still turns it already.
        rotation, mirrored = (None if first is None or is_still else orientation_of(first)) or (0, False)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return cls(
            STILL if is_still else context.name,
            context.extradata or b"",
            context.width,
            context.height,
            context.color_range,
            context.colorspace,
            rotation,
            (aspect.numerator, aspect.denominator),
            mirrored,
            context.reorder_depth,
        )

    @property
    def is_intra(self) -> bool:
        """Whether each packet is a whole picture."""
        return self.codec == STILL

    @property
    def stands_alone(self) -> bool:
        """Whether the pictures can be decoded from this and the packets."""
        return self.codec in CODECS


def orientation_of(frame: av.VideoFrame) -> tuple[int, bool] | None:
    """The rotation and mirroring (see `StreamFormat`) of a frame's display matrix, to quarter turns; None: it has none.

    References:
        FFmpeg, libavutil/display.h: a point (x, y), y down, is shown at (a x + c y, b x + d y).
    """
    # Not `frame.side_data`: the frame would keep that, and that the frame, until Python's collector comes, with
    # hundreds of megabytes meanwhile. PyAV's stub knows neither the argument nor the bytes.
    known = cast("Mapping[str, Buffer]", SideDataContainer(frame))  # type: ignore[call-arg]
    try:
        a, b, _, c, d, *_ = _MATRIX.unpack(bytes(known["DISPLAYMATRIX"]))
    except KeyError:
        return None
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (180 if a < 0 else 0, False) if (a < 0) == (d < 0) else (180 if d < 0 else 0, True)
    return (90 if b < 0 else 270, False) if (b < 0) != (c < 0) else (270 if b < 0 else 90, True)
