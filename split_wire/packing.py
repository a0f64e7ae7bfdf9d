"""Packing: an array's elements to the bytes of an encoding, and back.

Laws:
    * `pack` never fails on values: a tensor that an encoding cannot hold is sent raw. FLOAT16 cannot hold NaN,
      infinity, or a magnitude that rounds beyond 65504; INT8 cannot hold NaN, infinity, or a range that float32 scales
      cannot span. zstd is left out if its frame is no smaller than its content, and so is a lossless picture.
    * The error of FLOAT16 is at most 2**-11 of the value (2**-25 absolute below 2**-14).
    * The error of INT8 is at most half its scale, plus the rounding of the element type; a constant tensor is decoded
      as float32 holds it.
    * `unpack` checks every size against the shape before it allocates or decompresses anything.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from split_wire.encodings import LOSSLESS, PICTURES, Encoding
from split_wire.errors import CodecError
from split_wire.picture_encodings.differences import differences, picture_of
from split_wire.picture_encodings.jpeg import read_jpeg, write_jpeg
from split_wire.picture_encodings.jpeg_xl import read_jpeg_xl, write_jpeg_xl
from split_wire.picture_encodings.webp import read_webp, write_webp

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd  # the same module for earlier Pythons

Buffer = bytes | memoryview
Array = npt.NDArray[Any]

ZSTD_LEVEL = 1

_BEYOND_FLOAT16 = 65520.0  # the least magnitude that rounds to infinity
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_FLOAT32_TINY = float(np.finfo(np.float32).tiny)
_LEVELS = 255


@dataclass(frozen=True, slots=True)
class Packed:
    """An array in an encoding.

    Attributes:
        encoding: The one used: the wanted one, or one that can hold these values.
        data: The encoded bytes; may share the array's memory.
        scale: For quantised encodings, one or one for each channel; otherwise empty.
        offset: As `scale`.
    """

    encoding: Encoding
    data: Buffer
    scale: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()


def pack(array: Array, encoding: Encoding) -> Packed:
    """Encode an array's elements.

    Args:
        array: Row-major and little-endian.
        encoding: One that applies to the array, see `split_wire.encodings.applies`.
    """
    if encoding in PICTURES:
        return _pack_picture(array, encoding)
    packed = _pack_plain(array, encoding.plain)
    if encoding is encoding.plain:
        return packed
    compressed = _compress(packed.data)
    if len(compressed) >= len(packed.data):
        return packed
    with_zstd = Encoding.ZSTD if packed.encoding is Encoding.RAW else encoding
    return Packed(with_zstd, compressed, packed.scale, packed.offset)


def unpack(
    data: Buffer,
    encoding: Encoding,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    *,
    scale: Sequence[float] = (),
    offset: Sequence[float] = (),
) -> Array:
    """Decode elements.

    Args:
        data: The encoded bytes; need not be valid.
        encoding: One that applies to this dtype and shape, see `split_wire.encodings.applies`.
        dtype: The elements', little-endian.
        shape: Sizes of 0 or more; the array must be small enough to allocate.
        scale: For quantised encodings, as in `Packed`.
        offset: As `scale`.

    Raises:
        CodecError: The data does not fit this encoding, dtype and shape.
    """
    if encoding is Encoding.RAW and dtype.isnative and len(data) == math.prod(shape) * dtype.itemsize > 0:
        return np.frombuffer(data, dtype).reshape(shape)  # most frames of a fast link
    if encoding in PICTURES:
        return _unpack_picture(data, encoding, shape)
    if encoding is not encoding.plain:
        data = _decompress(data, math.prod(shape) * _stored(encoding.plain, dtype).itemsize)
    return _unpack_plain(data, encoding.plain, dtype, shape, scale, offset)


def bytes_of(array: Array) -> Buffer:
    """Return a row-major array's memory, without a copy."""
    return array.reshape(-1).data.cast("B") if array.size else b""


def _stored(encoding: Encoding, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the element type of an encoding's bytes, before zstd."""
    match encoding:
        case Encoding.RAW:
            return dtype
        case Encoding.FLOAT16:
            return np.dtype("<f2")
        case _:
            return np.dtype("u1")


def _pack_plain(array: Array, encoding: Encoding) -> Packed:
    match encoding:
        case Encoding.RAW | Encoding.PACKETS:  # an array holds no packets
            packed = None
        case Encoding.FLOAT16:
            packed = _halve(array)
        case _:
            packed = _quantise(array, encoding)
    return packed or Packed(Encoding.RAW, bytes_of(array))


def _pack_picture(array: Array, encoding: Encoding) -> Packed:
    data: bytes | None
    match encoding:
        case Encoding.DIFFERENCES_ZSTD:
            data = _compress(bytes_of(differences(array)))
        case Encoding.WEBP:
            data = write_webp(array)
        case Encoding.JPEG_XL:
            data = write_jpeg_xl(array)
        case _:
            data = write_jpeg(array)
    if data is None or (encoding in LOSSLESS and len(data) >= array.nbytes):
        return Packed(Encoding.RAW, bytes_of(array))
    return Packed(encoding, data)


def _unpack_picture(data: Buffer, encoding: Encoding, shape: tuple[int, ...]) -> Array:
    _, planes, height, width = shape
    match encoding:
        case Encoding.DIFFERENCES_ZSTD:
            content = _decompress(data, planes * height * width)
            return picture_of(np.frombuffer(content, np.uint8).reshape(planes, height, width))
        case Encoding.WEBP:
            return read_webp(data, width, height)
        case Encoding.JPEG_XL:
            return read_jpeg_xl(data, width, height)
        case _:
            return read_jpeg(data, width, height)


def _unpack_plain(
    data: Buffer,
    encoding: Encoding,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    scale: Sequence[float],
    offset: Sequence[float],
) -> Array:
    stored = _stored(encoding, dtype)
    expected = math.prod(shape) * stored.itemsize
    if len(data) != expected:
        held = dtype.name if encoding is Encoding.RAW else f"{dtype.name} as {encoding}"
        raise CodecError(f"shape {list(shape)} of {held} needs {expected} bytes of data, got {len(data)}")
    elements = (np.frombuffer(data, stored) if expected else np.empty(0, stored)).reshape(shape)
    match encoding:
        case Encoding.RAW:
            return elements.astype(dtype.newbyteorder("="), copy=False)
        case Encoding.FLOAT16:
            return elements.astype(dtype.newbyteorder("="))
        case _:
            return _dequantise(elements, encoding, dtype, scale, offset)


def _halve(array: Array) -> Packed | None:
    # NaN fails these comparisons too.
    if not (array.max() < _BEYOND_FLOAT16 and array.min() > -_BEYOND_FLOAT16):
        return None
    return Packed(Encoding.FLOAT16, bytes_of(array.astype("<f2")))


def _quantise(array: Array, encoding: Encoding) -> Packed | None:
    array = np.atleast_1d(array)  # numpy's functions return scalars, not arrays, for arrays without dimensions
    axes = _axes(encoding, array.ndim)
    low, high = array.min(axis=axes, keepdims=True), array.max(axis=axes, keepdims=True)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    with np.errstate(over="ignore"):  # a span of doubles may overflow to infinity, which the next line refuses
        span = high.astype(np.float64) - low
    if (span > _FLOAT32_MAX).any() or ((span > 0) & (span < _LEVELS * _FLOAT32_TINY)).any():
        return None
    scale, offset = (span / _LEVELS).astype(np.float32), np.clip(low, -_FLOAT32_MAX, _FLOAT32_MAX).astype(np.float32)
    if not _finite(scale, offset):
        return None
    levels = array - offset
    levels *= (1 / np.where(scale > 0, scale, 1)).astype(array.dtype)
    np.rint(levels, out=levels)
    if array.dtype.itemsize > 4:  # the least double may lie below the offset, which is rounded to float32
        np.clip(levels, 0, _LEVELS, out=levels)
    return Packed(
        encoding, bytes_of(levels.astype(np.uint8)), tuple(scale.ravel().tolist()), tuple(offset.ravel().tolist())
    )


def _dequantise(
    levels: Array, encoding: Encoding, dtype: np.dtype[Any], scale: Sequence[float], offset: Sequence[float]
) -> Array:
    count = levels.shape[1] if encoding is Encoding.INT8_CHANNEL else 1
    if len(scale) != count or len(offset) != count:
        raise CodecError(f"expected {count} scales and offsets, got {len(scale)} and {len(offset)}")
    along = (1, count, *[1] * (levels.ndim - 2)) if encoding is Encoding.INT8_CHANNEL else (1,) * levels.ndim
    scales, offsets = (np.array(values, np.float32).reshape(along) for values in (scale, offset))
    if (scales < 0).any() or not _finite(scales, offsets):
        raise CodecError("expected scales of 0 or more, and scales and offsets that keep every value finite")
    values: Array = np.empty(levels.shape, dtype.newbyteorder("="))  # given, for it stays an array without dimensions
    np.multiply(levels, scales, out=values, dtype=values.dtype)
    values += offsets
    return values


def _axes(encoding: Encoding, dimensions: int) -> tuple[int, ...]:
    """Return the dimensions that share a scale."""
    return tuple(axis for axis in range(dimensions) if encoding is Encoding.INT8 or axis != 1)


def _finite(scale: npt.NDArray[np.float32], offset: npt.NDArray[np.float32]) -> bool:
    """Whether every value from offset to offset + 255 scale is finite in float32."""
    furthest = np.abs(offset.astype(np.float64)) + _LEVELS * scale.astype(np.float64)
    return bool((furthest < _FLOAT32_MAX).all())  # NaN fails it


def _compress(data: Buffer) -> bytes:
    return zstd.compress(data, ZSTD_LEVEL)


def _decompress(data: Buffer, expected: int) -> bytes:
    """Return the content of one frame that tells its size; memory follows that size, whatever window it asks for."""
    try:
        size = zstd.get_frame_info(data).decompressed_size
        if size != expected:
            tells = -1 if size is None else size
            raise CodecError(f"expected a zstd frame of {expected} bytes, this one tells {tells} (-1: does not tell)")
        decompressor = zstd.ZstdDecompressor()
        content = decompressor.decompress(data, max(expected, 1))
    except zstd.ZstdError as error:
        raise CodecError(f"the data is no zstd frame: {error}") from error
    if not decompressor.eof or decompressor.unused_data:
        found = "there is more behind it" if decompressor.eof else "it is cut off"
        raise CodecError(f"the data is no zstd frame: {found}")
    return content
