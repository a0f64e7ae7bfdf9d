"""The encodings of a tensor on the wire: their names, which are lossless, and which tensors they apply to.

`split_wire.packing` computes them; `split.proto` defines their bytes.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from split_wire import split_pb2
from split_wire.limits import MAX_CHANNELS, MIN_CHANNEL_ELEMENTS
from split_wire.picture_encodings import jpeg, jpeg_xl, webp


class Encoding(StrEnum):
    """How a tensor's elements are held in `Tensor.data`."""

    RAW = "raw"
    ZSTD = "zstd"
    FLOAT16 = "float16"
    FLOAT16_ZSTD = "float16_zstd"
    INT8 = "int8"
    INT8_ZSTD = "int8_zstd"
    INT8_CHANNEL = "int8_channel"
    INT8_CHANNEL_ZSTD = "int8_channel_zstd"
    JPEG = "jpeg"
    DIFFERENCES_ZSTD = "differences_zstd"
    WEBP = "webp"
    JPEG_XL = "jpeg_xl"
    PACKETS = "packets"

    @property
    def plain(self) -> "Encoding":
        """The encoding without its zstd, where that is an encoding too."""
        return _PLAIN.get(self, self)


LOSSLESS = frozenset({Encoding.RAW, Encoding.ZSTD, Encoding.DIFFERENCES_ZSTD, Encoding.WEBP, Encoding.JPEG_XL})
"""Encodings that preserve every bit."""

PICTURES = frozenset({Encoding.JPEG, Encoding.DIFFERENCES_ZSTD, Encoding.WEBP, Encoding.JPEG_XL})
"""Encodings of the pixels of a picture, a tensor of uint8 [1, 3, H, W]. RAW and ZSTD apply to every tensor."""

OF_ARRAYS: tuple[Encoding, ...] = tuple(encoding for encoding in Encoding if encoding is not Encoding.PACKETS)
"""Encodings that can be made of an array, so that they can be measured. Packets come from a source."""

FLOATS = frozenset({"float32", "float64"})
"""Dtypes that `FLOAT16*` and `INT8*` apply to: half-precision values have few bits to spare, and integers are exact."""

_PLAIN = MappingProxyType(
    {
        Encoding.ZSTD: Encoding.RAW,
        Encoding.FLOAT16_ZSTD: Encoding.FLOAT16,
        Encoding.INT8_ZSTD: Encoding.INT8,
        Encoding.INT8_CHANNEL_ZSTD: Encoding.INT8_CHANNEL,
    }
)

_MAX_SIDES = MappingProxyType({Encoding.JPEG: jpeg.MAX_SIDE, Encoding.WEBP: webp.MAX_SIDE})

WIRE: Mapping[Encoding, split_pb2.Encoding.ValueType] = MappingProxyType(
    {encoding: split_pb2.Encoding.Value(f"ENCODING_{encoding.name}") for encoding in Encoding}
)
"""The encodings' numbers on the wire."""

_OF_WIRE: Mapping[int, Encoding] = {number: encoding for encoding, number in WIRE.items()}


def of_wire(number: int) -> Encoding | None:
    """Return the encoding of a number on the wire; None for an unknown number."""
    return _OF_WIRE.get(number)


def available(encoding: Encoding) -> bool:
    """Whether this installation can write and read an encoding.

    JPEG_XL needs the extra `jpegxl`, WEBP a Pillow with libwebp, as all of its wheels are.
    """
    match encoding:
        case Encoding.JPEG_XL:
            return jpeg_xl.available()
        case Encoding.WEBP:
            return webp.available()
        case _:
            return True


def applies(encoding: Encoding, dtype: str, shape: Sequence[int]) -> bool:
    """Whether a tensor of this dtype and shape can be sent in an encoding.

    Args:
        encoding: The encoding.
        dtype: The element type: numpy's name, or `bfloat16`.
        shape: Sizes of the dimensions.

    Returns:
        True for RAW and ZSTD always. For FLOAT16* and INT8*, if the dtype is in `FLOATS` and there are elements. For
        INT8_CHANNEL*, if moreover there are at least three dimensions and dimension 1 has 1 to `MAX_CHANNELS` channels
        of at least `MIN_CHANNEL_ELEMENTS` elements (with fewer, scales and offsets take more than quantising saves).
        For `PICTURES` and PACKETS, if the tensor is uint8 [1, 3, H, W] and no side is longer than the format allows.
    """
    size = math.prod(shape)
    match encoding.plain:
        case Encoding.RAW:
            return True
        case Encoding.FLOAT16 | Encoding.INT8:
            return dtype in FLOATS and size > 0
        case Encoding.INT8_CHANNEL:
            return (
                dtype in FLOATS
                and len(shape) >= 3
                and 1 <= shape[1] <= MAX_CHANNELS
                and size >= MIN_CHANNEL_ELEMENTS * shape[1]
            )
        case _:
            return (
                dtype == "uint8"
                and len(shape) == 4
                and tuple(shape[:2]) == (1, 3)
                and all(1 <= side <= _MAX_SIDES.get(encoding, math.inf) for side in shape[2:])
            )
