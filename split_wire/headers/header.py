"""A tensor's header, which is all of its message but the data, and what it says of the elements, checked once.

An edge sends the same layers again and again, and a server the same outputs. So a header is kept by its bytes, or by
what it is made of, and whatever follows from it is found out once. Nothing is kept of a header that is not valid, and
few headers are kept: a peer that sends many different ones is served as slowly as if none were.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from split_wire import split_pb2
from split_wire.encodings import WIRE, Encoding, applies, of_wire
from split_wire.errors import CodecError
from split_wire.limits import MAX_DIMS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TENSORS

DTYPES: Mapping[str, split_pb2.DataType.ValueType] = MappingProxyType(
    {
        "bool": split_pb2.DATA_TYPE_BOOL,
        "uint8": split_pb2.DATA_TYPE_UINT8,
        "int8": split_pb2.DATA_TYPE_INT8,
        "int16": split_pb2.DATA_TYPE_INT16,
        "int32": split_pb2.DATA_TYPE_INT32,
        "int64": split_pb2.DATA_TYPE_INT64,
        "float16": split_pb2.DATA_TYPE_FLOAT16,
        "bfloat16": split_pb2.DATA_TYPE_BFLOAT16,
        "float32": split_pb2.DATA_TYPE_FLOAT32,
        "float64": split_pb2.DATA_TYPE_FLOAT64,
    }
)
"""The wire's element types by name: numpy's names, and `bfloat16`."""

LONGEST_BYTES = 1024
"""The longest header that is kept; those of tensors quantised by channel are longer, and differ in each frame."""

_KEPT = 1024
_NAMES = {value: name for name, value in DTYPES.items()}


def dtype_name(message: split_pb2.Tensor | split_pb2.TensorSpec) -> str:
    """Return the name of a message's element type: numpy's, or `bfloat16`.

    Raises:
        CodecError: the message's dtype is unset or unknown.
    """
    try:
        return _NAMES[message.dtype]
    except KeyError:
        msg = f"dtype {message.dtype} is unknown; expected one of {', '.join(DTYPES)}"
        raise CodecError(msg) from None


@dataclass(frozen=True, slots=True)
class Layout:
    """What a valid header says of the elements.

    Attributes:
        encoding: How they are held in the data.
        wire: Their type's name on the wire.
        dtype: The array's, little-endian.
        shape: The array's.
        size: Bytes of the array.
    """

    encoding: Encoding
    wire: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size: int

    @classmethod
    def of(cls, meta: split_pb2.Tensor) -> "Layout":
        """Check every field but the data; nothing of the claimed size is allocated.

        Raises:
            CodecError: name, index, dtype, encoding or shape is invalid.
        """
        name = meta.name
        check_place(name, meta.index)
        try:
            wire = dtype_name(meta)
        except CodecError as error:
            raise CodecError(f"tensor {name!r}: {error}") from None
        dtype = np.dtype("uint16" if wire == "bfloat16" else wire).newbyteorder("<")
        shape = tuple(meta.shape)
        size = checked_bytes(name, shape, dtype.itemsize)
        encoding = of_wire(meta.encoding)
        if encoding is None:
            known = ", ".join(f"ENCODING_{encoding.name} ({number})" for encoding, number in WIRE.items())
            raise CodecError(f"tensor {name!r}: encoding {meta.encoding} is unknown; expected one of {known}")
        if not applies(encoding, wire, shape):
            raise CodecError(
                f"tensor {name!r}: ENCODING_{encoding.name} does not apply to {wire} of shape {list(shape)}; "
                "expected ENCODING_RAW or ENCODING_ZSTD"
            )
        return cls(encoding, wire, dtype, shape, size)


class Header:
    """A header that is kept; two of the same bytes are the same object, as long as it is kept.

    Args:
        meta: The message without its data; nobody may change it.
    """

    def __init__(self, meta: split_pb2.Tensor) -> None:
        self.meta = meta

    @cached_property
    def layout(self) -> Layout:
        """What it says of the elements; raises as `Layout.of`, each time anew."""
        return Layout.of(self.meta)

    @cached_property
    def serialized(self) -> bytes:
        """The message's bytes."""
        return self.meta.SerializeToString()


@lru_cache(maxsize=_KEPT)
def header_of(serialized: bytes) -> Header:
    """Return the header of these bytes, of at most `LONGEST_BYTES`.

    Raises:
        DecodeError: They are no message.
    """
    return Header(split_pb2.Tensor.FromString(serialized))


@lru_cache(maxsize=_KEPT)
def raw_header(name: str, index: int, wire: str, shape: tuple[int, ...], itemsize: int) -> Header:
    """Return the header of an array that is sent raw.

    Raises:
        CodecError: A limit is exceeded.
    """
    check_place(name, index)
    checked_bytes(name, shape, itemsize)
    encoding = WIRE[Encoding.RAW]
    return Header(split_pb2.Tensor(name=name, index=index, dtype=DTYPES[wire], shape=shape, encoding=encoding))


def check_place(name: str, index: int) -> None:
    """Check the name of a tensor, and its position in the layer's tuple.

    Raises:
        CodecError: A limit is exceeded.
    """
    size = len(name.encode())
    if not 1 <= size <= MAX_NAME_BYTES:
        raise CodecError(f"tensor {name[:80]!r}: a name has 1 to {MAX_NAME_BYTES} bytes, this one has {size}")
    if not 0 <= index < MAX_TENSORS:
        raise CodecError(f"tensor {name!r}: index {index} is outside the expected 0 to {MAX_TENSORS - 1}")


def checked_bytes(name: str, shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes of a tensor of this shape; Python's integers do not overflow.

    Raises:
        CodecError: The shape is none, or is too large.
    """
    if len(shape) > MAX_DIMS:
        raise CodecError(f"tensor {name!r}: {len(shape)} dimensions; expected at most {MAX_DIMS}")
    if any(size < 0 for size in shape):
        raise CodecError(f"tensor {name!r}: shape {list(shape)} has a negative size; expected sizes of 0 or more")
    if most_elements(shape) * itemsize > MAX_MESSAGE_BYTES:
        raise CodecError(
            f"tensor {name!r}: shape {list(shape)} is larger than a message; expected at most {MAX_MESSAGE_BYTES} bytes"
        )
    return math.prod(shape) * itemsize


def most_elements(shape: Iterable[int]) -> int:
    """Return the product of the sizes other than 0: numpy refuses an empty shape whose other sizes overflow."""
    return math.prod(size or 1 for size in shape)
