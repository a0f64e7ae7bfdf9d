"""The tensor codec: numpy arrays to `Tensor` messages and back.

Laws:
    * `decode_tensor(encode_tensor(name, array))` has the array's dtype, shape and bits. With a lossy encoding it has
      the dtype and shape, and the values that `split_wire.packing` promises.
    * A received message is checked completely before memory of its claimed size is allocated: a shape of `[2**40]`
      with four bytes of data costs nothing.
    * numpy has no `bfloat16`, so arrays hold its bits as `uint16`; `dtype_name` distinguishes the two.
    * Elements are little-endian and row-major on the wire, whatever the array's layout.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from split_wire import limits, split_pb2
from split_wire.encodings import WIRE, Encoding, applies, of_wire
from split_wire.errors import CodecError
from split_wire.limits import MAX_DIMS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TENSORS
from split_wire.packing import Buffer, pack, unpack
from split_wire.varint import varint_size

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

_NAMES = {value: name for name, value in DTYPES.items()}


def dtype_name(message: split_pb2.Tensor | split_pb2.TensorSpec) -> str:
    """Return the name of a message's element type: numpy's, or `bfloat16`.

    Raises:
        CodecError: the message's dtype is unset or unknown.
    """
    try:
        return _NAMES[message.dtype]
    except KeyError:
        msg = f"dtype {message.dtype} is unknown; expected one of {_listed(DTYPES)}"
        raise CodecError(msg) from None


@dataclass(frozen=True, slots=True)
class EncodedTensor:
    """A `Tensor` message in two parts, so that its data need not be copied into the message.

    Attributes:
        meta: The message without its data.
        data: The data; may share an array's memory, or a received message's.
    """

    meta: split_pb2.Tensor
    data: Buffer

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
    def size(self) -> int:
        """Bytes of the message, without the padding that aligns its data on the wire."""
        return self.meta.ByteSize() + (1 + varint_size(len(self.data)) + len(self.data) if len(self.data) else 0)

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
        and all(len(shape) <= MAX_DIMS and _most_elements(shape) <= MAX_MESSAGE_BYTES for shape in shapes)
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
    stored = "uint16" if dtype == "bfloat16" else dtype or array.dtype.name
    wire = dtype or stored
    if wire not in DTYPES:
        raise CodecError(f"tensor {name!r}: dtype {wire} cannot be sent; expected one of {_listed(DTYPES)}")
    if array.dtype.name != stored:
        raise CodecError(f"tensor {name!r}: sent as {wire}, the array must be {stored}, not {array.dtype.name}")
    _check_name(name)
    _check_index(name, index)
    _decoded_bytes(name, array.shape, array.dtype.itemsize)
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
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
    return _checked(tensor.meta)[2]


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
    meta = tensor.meta
    encoding, dtype, expected = _checked(meta)
    if encoding is Encoding.PACKETS:
        raise CodecError(
            f"tensor {meta.name!r}: ENCODING_PACKETS holds no elements; expected it in StreamTails, where a session of "
            "packets is decoded, or another encoding"
        )
    try:
        array = unpack(tensor.data, encoding, dtype, tuple(meta.shape), scale=meta.scale, offset=meta.offset)
    except CodecError as error:
        raise CodecError(f"tensor {meta.name!r}: {error}") from error
    if meta.dtype == split_pb2.DATA_TYPE_BOOL and expected and array.view(np.uint8).max() > 1:
        raise CodecError(f"tensor {meta.name!r}: a bool is one byte of 0 or 1, the data holds other values")
    array.flags.writeable = False
    return array


def roundtrip(array: npt.NDArray[Any], encoding: Encoding) -> npt.NDArray[Any]:
    """Encode and decode an array: the values that a receiver computes with."""
    return decode_tensor(encode_tensor("array", array, encoding=encoding))


def _checked(meta: split_pb2.Tensor) -> tuple[Encoding, np.dtype[Any], int]:
    """Check every field but the data; return the encoding, the stored dtype and the decoded bytes."""
    name = meta.name
    _check_name(name)
    _check_index(name, meta.index)
    wire = _tensor_dtype(meta)
    dtype = np.dtype("uint16" if wire == "bfloat16" else wire).newbyteorder("<")
    shape = tuple(meta.shape)
    expected = _decoded_bytes(name, shape, dtype.itemsize)
    encoding = of_wire(meta.encoding)
    if encoding is None:
        known = ", ".join(f"ENCODING_{encoding.name} ({number})" for encoding, number in WIRE.items())
        raise CodecError(f"tensor {name!r}: encoding {meta.encoding} is unknown; expected one of {known}")
    if not applies(encoding, wire, shape):
        raise CodecError(
            f"tensor {name!r}: ENCODING_{encoding.name} does not apply to {wire} of shape {list(shape)}; "
            "expected ENCODING_RAW or ENCODING_ZSTD"
        )
    return encoding, dtype, expected


def _tensor_dtype(tensor: split_pb2.Tensor) -> str:
    try:
        return dtype_name(tensor)
    except CodecError as error:
        raise CodecError(f"tensor {tensor.name!r}: {error}") from None


def _check_name(name: str) -> None:
    size = len(name.encode())
    if not 1 <= size <= MAX_NAME_BYTES:
        raise CodecError(f"tensor {name[:80]!r}: a name has 1 to {MAX_NAME_BYTES} bytes, this one has {size}")


def _check_index(name: str, index: int) -> None:
    if not 0 <= index < MAX_TENSORS:
        raise CodecError(f"tensor {name!r}: index {index} is outside the expected 0 to {MAX_TENSORS - 1}")


def _decoded_bytes(name: str, shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes of a tensor of this shape; Python's integers do not overflow."""
    if len(shape) > MAX_DIMS:
        raise CodecError(f"tensor {name!r}: {len(shape)} dimensions; expected at most {MAX_DIMS}")
    if any(size < 0 for size in shape):
        raise CodecError(f"tensor {name!r}: shape {list(shape)} has a negative size; expected sizes of 0 or more")
    if _most_elements(shape) * itemsize > MAX_MESSAGE_BYTES:
        raise CodecError(
            f"tensor {name!r}: shape {list(shape)} is larger than a message; expected at most {MAX_MESSAGE_BYTES} bytes"
        )
    return math.prod(shape) * itemsize


def _most_elements(shape: Iterable[int]) -> int:
    """Return the product of the sizes other than 0: numpy refuses an empty shape whose other sizes overflow."""
    return math.prod(size or 1 for size in shape)


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names)
