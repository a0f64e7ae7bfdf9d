"""Numpy arrays to `Tensor` messages and back.

Laws:
    * `decode_tensor(encode_tensor(name, array))` has the array's dtype, shape and bits.
    * A received message is checked completely before anything of its claimed size is allocated: a shape of
      `[2**40]` with four bytes of data costs nothing.
    * `bfloat16`, which numpy does not have, is carried as its bits in `uint16`; `dtype_name` tells the two apart.
    * Elements travel little-endian and row-major, whatever the memory they came from looked like.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from protos import split_pb2
from protos.errors import CodecError
from protos.limits import MAX_DIMS, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_TENSORS

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
"""The wire's element types by numpy's names, and `bfloat16`."""

_NAMES = {value: name for name, value in DTYPES.items()}


def dtype_name(message: split_pb2.Tensor | split_pb2.TensorSpec) -> str:
    """Return the name of a message's element type: numpy's, or `bfloat16`.

    Raises:
        CodecError: the value is unset or not one of the contract's.
    """
    try:
        return _NAMES[message.dtype]
    except KeyError:
        msg = f"dtype {message.dtype} is unknown; expected one of {_listed(DTYPES)}"
        raise CodecError(msg) from None


def encode_tensor(name: str, array: npt.NDArray[Any], *, index: int = 0, dtype: str | None = None) -> split_pb2.Tensor:
    """Put an array into a message.

    Args:
        name: The layer's name, or an output's path; 1 to `MAX_NAME_BYTES` bytes.
        array: Any layout and byte order; at most `MAX_DIMS` dimensions.
        index: Position in the layer's tuple of tensors.
        dtype: The element type's name where the array does not tell: `bfloat16` for bits held in `uint16`.

    Raises:
        CodecError: the array's dtype has no place on the wire, or a limit is exceeded.
    """
    stored = "uint16" if dtype == "bfloat16" else dtype or array.dtype.name
    wire = dtype or stored
    if wire not in DTYPES:
        raise CodecError(f"tensor {name!r}: dtype {wire} cannot be sent; expected one of {_listed(DTYPES)}")
    if array.dtype.name != stored:
        raise CodecError(f"tensor {name!r}: sent as {wire}, the array must be {stored}, not {array.dtype.name}")
    _check_name(name)
    _check_index(name, index)
    _expected_bytes(name, array.shape, array.dtype.itemsize)
    little = np.asarray(array, dtype=array.dtype.newbyteorder("<"))
    return split_pb2.Tensor(
        name=name,
        index=index,
        dtype=DTYPES[wire],
        shape=array.shape,
        encoding=split_pb2.ENCODING_RAW,
        data=little.tobytes(order="C"),
    )


def decode_tensor(tensor: split_pb2.Tensor) -> npt.NDArray[Any]:
    """Take the array out of a message, checking the message first.

    Returns:
        A read-only, row-major array of the platform's byte order that shares the message's bytes where it can;
        `bfloat16` comes as its bits in `uint16`.

    Raises:
        CodecError: name, index, dtype, encoding, shape and data do not make a tensor.
    """
    name = tensor.name
    _check_name(name)
    _check_index(name, tensor.index)
    wire = _tensor_dtype(tensor)
    if tensor.encoding != split_pb2.ENCODING_RAW:
        raise CodecError(f"tensor {name!r}: encoding {tensor.encoding} is unknown; expected ENCODING_RAW (1)")
    dtype = np.dtype("uint16" if wire == "bfloat16" else wire).newbyteorder("<")
    shape = tuple(tensor.shape)
    expected = _expected_bytes(name, shape, dtype.itemsize)
    data = tensor.data  # read once: every access of a bytes field copies it
    if len(data) != expected:
        raise CodecError(
            f"tensor {name!r}: shape {list(shape)} of {wire} needs {expected} bytes of data, got {len(data)}"
        )
    if wire == "bool" and expected and np.frombuffer(data, np.uint8).max() > 1:
        raise CodecError(f"tensor {name!r}: a bool is one byte of 0 or 1, the data holds other values")
    flat = np.frombuffer(data, dtype) if expected else np.empty(0, dtype)
    array = flat.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


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


def _expected_bytes(name: str, shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes that a tensor of this shape takes, in Python's unbounded integers."""
    if len(shape) > MAX_DIMS:
        raise CodecError(f"tensor {name!r}: {len(shape)} dimensions; expected at most {MAX_DIMS}")
    if any(size < 0 for size in shape):
        raise CodecError(f"tensor {name!r}: shape {list(shape)} has a negative size; expected sizes of 0 or more")
    # A size of 0 elsewhere makes the product 0, but numpy still refuses sizes whose product overflows.
    if math.prod(size or 1 for size in shape) * itemsize > MAX_MESSAGE_BYTES:
        raise CodecError(
            f"tensor {name!r}: shape {list(shape)} is larger than a message; expected at most {MAX_MESSAGE_BYTES} bytes"
        )
    return math.prod(shape) * itemsize


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names)
