"""Lossless JPEG XL codestreams of a picture: the fewest bytes, where the package imagecodecs is installed.

Accepted is only what libjxl writes for such a picture: a bare codestream (ISO/IEC 18181-1) of 8-bit sRGB without extra
channels, preview, animation or orientation, in one modular frame that is the whole picture. All of that is in the first
bits, which are compared before libjxl sees them.
"""

import importlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from split_wire.errors import CodecError

Buffer = bytes | memoryview

_SIGNATURE = b"\xff\x0a"
_LONGEST_HEADER = 24  # bytes that hold every header that is accepted, and some more
_EFFORT = 2  # a tenth to a fifth smaller than WebP; 1 takes a fifth of the time, and is no smaller than WebP
# ImageMetadata, its first bit first: not all default, no extra fields, integers of 8 bits, 16-bit buffers suffice, no
# extra channels, not XYB, sRGB, no extensions; then the default transform.
_METADATA = "0000010001001"
# FrameHeader: not all default, a regular frame, modular, no flags, no YCbCr, no upsampling; two bits are the size
# of a group; then one pass, no crop, it replaces all, it is the last, no name, no filter, no extensions.
_FRAME = ("000100000", "0000010000000000")
_GROUP_SIZE_BITS = 2


@cache
def _imagecodecs() -> Any:  # noqa: ANN401 # a package that may be missing, so it has no types here
    """Return the package, or None where it is not installed or was built without libjxl."""
    try:
        found = importlib.import_module("imagecodecs")
    except ImportError:
        return None
    return found if found.JPEGXL.available else None


def available() -> bool:
    """Whether this installation can write and read JPEG XL."""
    return _imagecodecs() is not None


def write_jpeg_xl(picture: npt.NDArray[Any]) -> bytes | None:
    """Return the codestream of a picture, uint8 [1, 3, H, W].

    None where that is not possible: without imagecodecs, and where its libjxl writes another form than is accepted.
    """
    codecs = _imagecodecs()
    if codecs is None:
        return None
    pixels = np.ascontiguousarray(picture[0].transpose(1, 2, 0))
    data = bytes(codecs.jpegxl_encode(pixels, lossless=True, effort=_EFFORT, numthreads=1))
    try:
        _check(data, picture.shape[3], picture.shape[2])
    except CodecError:
        return None
    return data


def read_jpeg_xl(data: Buffer, width: int, height: int) -> npt.NDArray[Any]:
    """Return the picture, uint8 [1, 3, height, width].

    Raises:
        CodecError: The data is no such codestream of this size, or imagecodecs is missing.
    """
    _check(data, width, height)
    codecs = _imagecodecs()
    if codecs is None:
        raise CodecError("JPEG XL is not read here; send another encoding, or install the extra 'dads[jpegxl]'")
    pixels = np.empty((height, width, 3), np.uint8)
    try:
        codecs.jpegxl_decode(data, out=pixels, numthreads=1)
    except Exception as error:  # its own errors, and those of a picture that is not what its header says
        raise CodecError(f"the data is no JPEG XL: {error}") from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis]


class _Bits:
    """Reads a stream of bits, the least significant of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._rest, self._read = int.from_bytes(data, "little"), 0

    def take(self, count: int) -> int:
        value = self._rest & ((1 << count) - 1)
        self._rest >>= count
        self._read += count
        return value

    def text(self, count: int) -> str:
        """The next bits in their order."""
        return "".join(str(self.take(1)) for _ in range(count))

    def to_byte(self) -> int:
        """The bits up to the next whole byte; in a valid stream they are 0."""
        return self.take(-self._read % 8)


def _check(data: Buffer, width: int, height: int) -> None:
    if bytes(data[:2]) != _SIGNATURE:
        raise CodecError("the data is no JPEG XL; expected a bare codestream, which begins with FF 0A")
    if len(data) < _LONGEST_HEADER:
        raise CodecError(f"the data is no whole JPEG XL: {len(data)} bytes")
    bits = _Bits(bytes(data[2:_LONGEST_HEADER]))
    found = _size(bits)
    if found != (width, height):
        raise CodecError(f"expected a JPEG XL of {width} by {height}, got {found[0]} by {found[1]}")
    before, after = _FRAME
    is_plain = bits.text(len(_METADATA)) == _METADATA and not bits.to_byte() and bits.text(len(before)) == before
    bits.take(_GROUP_SIZE_BITS)
    if not is_plain or bits.text(len(after)) != after:
        raise CodecError("expected a JPEG XL of 8-bit sRGB in one lossless frame, got one of another form")


def _size(bits: _Bits) -> tuple[int, int]:
    """Read a SizeHeader: width and height."""
    is_small = bits.take(1)
    height = 8 * (bits.take(5) + 1) if is_small else _side(bits)
    ratio = bits.take(3)
    if not ratio:
        return 8 * (bits.take(5) + 1) if is_small else _side(bits), height
    wide, high = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
    return height * wide // high, height


def _side(bits: _Bits) -> int:
    return 1 + bits.take((9, 13, 18, 30)[bits.take(2)])
