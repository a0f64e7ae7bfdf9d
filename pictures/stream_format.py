"""What a decoder needs to know of a stream beyond its packets."""

from dataclasses import dataclass

__all__ = ["STILL", "StreamFormat"]

STILL = "still"
"""The codec of streams whose packets are whole pictures, such as JPEG: `pictures.stills` decodes each alone."""


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
        aspect: Numerator and denominator of a pixel's width over its height; (1, 1) where unknown.
    """

    codec: str
    extradata: bytes = b""
    width: int = 0
    height: int = 0
    colour_range: int = 0
    colour_space: int = 2
    rotation: int = 0
    aspect: tuple[int, int] = (1, 1)

    @property
    def is_intra(self) -> bool:
        """Whether each packet is a whole picture."""
        return self.codec == STILL
