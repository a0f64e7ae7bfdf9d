"""Lossless WebP files of a picture: the fewest bytes of the encodings that lose nothing and need no optional package.

Accepted is the simplest file only (RFC 9649, section 2.6): one chunk `VP8L`, without alpha. Its header tells the size,
so a file that would make another picture, an animation or a bomb is refused before libwebp sees it.
"""

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import WebPImagePlugin

from split_wire.errors import CodecError

Buffer = bytes | memoryview

MAX_SIDE = 16_383
"""WebP's own limit, in pixels."""

# `RIFF`, bytes that follow, `WEBP`, `VP8L`, bytes of the chunk, its signature, and 14 bits each of width - 1 and
# height - 1, one of alpha, 3 of the version (RFC 9649, sections 2.3 and 3.4).
_HEADER = struct.Struct("<4sI4s4sIBI")
_SIGNATURE = 0x2F
_SIDE_BITS = 14
# Larger by under 1 % than what the slowest method makes of a frame's size, in a fortieth of the time.
_FASTEST = {"lossless": True, "method": 0, "quality": 0}


def available() -> bool:
    """Whether this installation can write and read WebP."""
    return bool(WebPImagePlugin.SUPPORTED)


def write_webp(picture: npt.NDArray[Any]) -> bytes | None:
    """Return the file of a picture, uint8 [1, 3, H, W] of sides up to `MAX_SIDE`; None without libwebp."""
    if not available():
        return None
    from PIL import Image  # noqa: PLC0415 # only writing needs Pillow's registry, which is slow to load

    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[0].transpose(1, 2, 0))).save(written, "WEBP", **_FASTEST)
    return written.getvalue()


def read_webp(data: Buffer, width: int, height: int) -> npt.NDArray[Any]:
    """Return the picture, uint8 [1, 3, height, width].

    Raises:
        CodecError: The data is no such file of this size.
    """
    _check(data, width, height)
    try:
        pixels = np.asarray(WebPImagePlugin.WebPImageFile(io.BytesIO(data)))
    except Exception as error:  # for bytes that are no picture Pillow raises errors of many types
        raise CodecError(f"the data is no WebP: {error}") from error
    if pixels.shape != (height, width, 3):
        raise CodecError(f"expected a WebP of {width} by {height} in RGB, got an array of {list(pixels.shape)}")
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis]


def _check(data: Buffer, width: int, height: int) -> None:
    if len(data) < _HEADER.size:
        raise CodecError(f"the data is no WebP: {len(data)} bytes; expected a RIFF file with a chunk VP8L")
    riff, file_bytes, webp, chunk, chunk_bytes, signature, bits = _HEADER.unpack_from(data)
    if (riff, webp, chunk, signature) != (b"RIFF", b"WEBP", b"VP8L", _SIGNATURE):
        raise CodecError("the data is no lossless WebP; expected a RIFF file with a chunk VP8L first")
    padded = chunk_bytes + chunk_bytes % 2
    if (file_bytes, padded) != (len(data) - 8, len(data) - 20):
        raise CodecError(
            f"the data is no whole WebP: {len(data)} bytes, of which its header tells {file_bytes + 8}, and its one "
            f"chunk {padded + 20}"
        )
    side = (1 << _SIDE_BITS) - 1
    found = (bits & side) + 1, (bits >> _SIDE_BITS & side) + 1
    if found != (width, height) or bits >> 2 * _SIDE_BITS:
        more = " with alpha, or of a version that is unknown" if bits >> 2 * _SIDE_BITS else ""
        raise CodecError(f"expected a WebP of {width} by {height} in RGB, got {found[0]} by {found[1]}{more}")
