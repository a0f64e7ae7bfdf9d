"""The tensor codec: numpy arrays to `Tensor` messages and back.

Laws:
    * `decode_tensor(encode_tensor(name, array))` has the array's dtype, shape and bits. With a lossy encoding it has
      the dtype and shape, and the values that `split_wire.packing` promises.
    * A received message is checked completely before memory of its claimed size is allocated: a shape of `[2**40]`
      with four bytes of data costs nothing.
    * numpy has no `bfloat16`, so arrays hold its bits as `uint16`; `dtype_name` distinguishes the two.
    * Elements are little-endian and row-major on the wire, whatever the array's layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from split_wire import limits, split_pb2
from split_wire.encodings import WIRE, Encoding, applies
from split_wire.errors import CodecError
from split_wire.headers.header import DTYPES, Header, Layout, most_elements, raw_header
from split_wire.limits import MAX_DIMS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TENSORS
from split_wire.packing import Buffer, bytes_of, pack, unpack
from split_wire.varint import varint_size


@dataclass(frozen=True, slots=True)
class EncodedTensor:
    """A `Tensor` message in two parts, so that its data need not be copied into the message.

    Attributes:
        meta: The message without its data.
        data: The data; may share an array's memory, or a received message's.
        header: The message without its data, where it is one that is kept; `meta` must not be changed then.
    """

    meta: split_pb2.Tensor
    data: Buffer
    header: Header | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, message: split_pb2.Tensor) -> "EncodedTensor":
        """Separate a message and its data; copies the data."""
        meta = split_pb2.Tensor()
        meta.CopyFrom(message)
        data = meta.data
        meta.ClearField("data")
        return cls(meta, data)

    @property
    def name(self) -> str:
        """The layer's name, or an output's path."""
        return self.meta.name

    @property
    def index(self) -> int:
        """Position in the layer's tuple of tensors."""
        return self.meta.index

    @property
    def layout(self) -> Layout:
        """What the message says of the elements.

        Raises:
            CodecError: name, index, dtype, encoding or shape is invalid.
        """
        return Layout.of(self.meta) if self.header is None else self.header.layout

    @property
    def head(self) -> bytes:
        """The bytes of `meta`."""
        return self.meta.SerializeToString() if self.header is None else self.header.serialized

    @property
    def size(self) -> int:
        """Bytes of the message, without the padding that aligns its data on the wire."""
        return len(self.head) + (1 + varint_size(len(self.data)) + len(self.data) if len(self.data) else 0)

    def message(self) -> split_pb2.Tensor:
        """Return the whole message; copies the data."""
        whole = split_pb2.Tensor()
        whole.CopyFrom(self.meta)
        whole.data = bytes(self.data)
        return whole


def fits(name: str, shapes: Sequence[Sequence[int]], size_bytes: int) -> bool:
    """Whether the value of a layer or output can be sent at all, in any encoding.

    Args:
        name: The layer's name, or an output's path.
        shapes: Of its tensors, as they are sent.
        size_bytes: Bytes of their elements, together.
    """
    return (
        size_bytes <= limits.MAX_CUT_BYTES
        and 1 <= len(name.encode()) <= MAX_NAME_BYTES
        and len(shapes) <= MAX_TENSORS
        and all(len(shape) <= MAX_DIMS and most_elements(shape) <= MAX_MESSAGE_BYTES for shape in shapes)
    )


def encode_tensor(
    name: str,
    array: npt.NDArray[Any],
    *,
    index: int = 0,
    dtype: str | None = None,
    encoding: Encoding = Encoding.RAW,
) -> EncodedTensor:
    """Encode an array.

    Args:
        name: The layer's name, or an output's path; 1 to `MAX_NAME_BYTES` bytes.
        array: Any layout and byte order; at most `MAX_DIMS` dimensions. Row-major little-endian arrays are shared, not
            copied: they must not change until the tensor has been sent.
        index: Position in the layer's tuple of tensors.
        dtype: The element type's name if it is not the array's: `bfloat16` for bits held in `uint16`.
        encoding: The wanted encoding. RAW replaces one that does not apply or cannot hold these values (see
            `split_wire.packing`).

    Raises:
        CodecError: the wire has no such dtype, or a limit is exceeded.
    """
    found = _name_of(array.dtype)
    stored = "uint16" if dtype == "bfloat16" else dtype or found
    wire = dtype or stored
    if wire not in DTYPES:
        raise CodecError(f"tensor {name!r}: dtype {wire} cannot be sent; expected one of {', '.join(DTYPES)}")
    if found != stored:
        raise CodecError(f"tensor {name!r}: sent as {wire}, the array must be {stored}, not {found}")
    header = raw_header(name, index, wire, array.shape, array.dtype.itemsize)
    little = np.asarray(array, dtype=_little(array.dtype), order="C")
    if encoding is Encoding.RAW:
        return EncodedTensor(header.meta, bytes_of(little), header)
    packed = pack(little, encoding if applies(encoding, wire, array.shape) else Encoding.RAW)
    meta = split_pb2.Tensor(
        name=name,
        index=index,
        dtype=DTYPES[wire],
        shape=array.shape,
        encoding=WIRE[packed.encoding],
        scale=packed.scale,
        offset=packed.offset,
    )
    return EncodedTensor(meta, packed.data)


def decoded_bytes(tensor: EncodedTensor) -> int:
    """Return the bytes of the array that `decode_tensor` would return, without decoding.

    Raises:
        CodecError: name, index, dtype, encoding or shape is invalid.
    """
    return tensor.layout.size


def decode_tensor(tensor: EncodedTensor | split_pb2.Tensor) -> npt.NDArray[Any]:
    """Check a message and decode its array.

    Returns:
        A read-only, row-major array of the platform's byte order; `bfloat16` as its bits in `uint16`. A raw array
        shares the data's memory, at any alignment.

    Raises:
        CodecError: name, index, dtype, encoding, shape or data is invalid.
    """
    if isinstance(tensor, split_pb2.Tensor):
        tensor = EncodedTensor.of(tensor)
    layout, name = tensor.layout, tensor.meta.name
    if layout.encoding is Encoding.PACKETS:
        raise CodecError(
            f"tensor {name!r}: ENCODING_PACKETS holds no elements; expected it in StreamTails, where a session of "
            "packets is decoded, or another encoding"
        )
    try:
        array = unpack(
            tensor.data,
            layout.encoding,
            layout.dtype,
            layout.shape,
            scale=tensor.meta.scale,
            offset=tensor.meta.offset,
        )
    except CodecError as error:
        raise CodecError(f"tensor {name!r}: {error}") from error
    if layout.wire == "bool" and layout.size and array.view(np.uint8).max() > 1:
        raise CodecError(f"tensor {name!r}: a bool is one byte of 0 or 1, the data holds other values")
    array.flags.writeable = False
    return array


def roundtrip(array: npt.NDArray[Any], encoding: Encoding) -> npt.NDArray[Any]:
    """Encode and decode an array: the values that a receiver computes with."""
    return decode_tensor(encode_tensor("array", array, encoding=encoding))


@lru_cache(maxsize=64)
def _name_of(dtype: np.dtype[Any]) -> str:
    return dtype.name  # numpy makes it anew each time


@lru_cache(maxsize=64)
def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")
