"""Messages with tensors, read and written without copying the tensors' data.

protobuf's classes copy a `bytes` field when it is set, serialised, parsed and read. So the tensors' data bypass these
classes; all other fields are left to them.

Reading: `Separator` walks the tags down to `Tensor.data`, keeps a view of each, and puts a mark in its place. The
generated class parses the message with the marks, so protobuf's rules hold for unknown fields, merged and repeated
submessages, packed and unpacked numbers and the order of fields.

Writing: `tensor_parts` returns the headers that the generated class writes and the data, to be joined once. Data start
at a multiple of `ALIGNMENT` bytes from the start of the message, because torch cannot share memory with misaligned
elements. The padding is valid protobuf: a repeated scalar field replaces its earlier value, and a varint may be longer
than its shortest form.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from split_wire.codec import EncodedTensor
from split_wire.errors import WireError
from split_wire.limits import MAX_ENVELOPE_BYTES, MAX_FIELDS, MAX_TENSORS
from split_wire.packing import Buffer
from split_wire.varint import read_varint, varint_size, write_varint

ALIGNMENT = 16
"""Received messages are `bytes` objects, whose contents start at a multiple of 16 in memory."""

_VARINT, _FIXED64, _LENGTH, _GROUP, _END_GROUP, _FIXED32 = range(6)
_MAX_GROUPS = 100  # protobuf's own limit on nesting
_MARK_BYTES = 4
_UINT64 = 2**64 - 1
_ENCODING_TAG = b"\x28"  # field 5, a varint
_DATA_TAG = b"\x32"  # field 6, length-delimited


@dataclass(frozen=True, slots=True)
class Level:
    """The fields of a message type that the walk needs.

    Attributes:
        children: Submessages to descend into, by field number.
        data: The number of the data field; 0 for none.
        noted: The number of a varint field to keep even if the rest cannot be read; 0 for none.
        is_tensor: Whether messages of this type count as tensors.
    """

    children: Mapping[int, Level] = field(default_factory=dict)
    data: int = 0
    noted: int = 0
    is_tensor: bool = False


TENSOR = Level(data=6, is_tensor=True)
RUN_TAIL_REQUEST = Level({4: TENSOR}, noted=3)
STREAM_TAILS_REQUEST = Level({1: RUN_TAIL_REQUEST})
RUN_TAIL_RESPONSE = Level({2: TENSOR}, noted=1)
STREAM_TAILS_RESPONSE = Level({1: RUN_TAIL_RESPONSE})


class Separator:
    """Separates one message from its tensors' data.

    Args:
        message: The received bytes.

    Attributes:
        noted: The last value of a noted field; None before the first. Valid after a failure too.
    """

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._view = memoryview(message)
        self._found: list[memoryview] = []
        self._fields = 0
        self._tensors = 0
        self._envelope = 0
        self.noted: int | None = None

    def separate(self, level: Level) -> bytes:
        """Return the message with a mark in place of each data field.

        Raises:
            WireError: The message is malformed, or exceeds a limit.
        """
        return self._walk(0, len(self._message), level)

    def data(self, mark: bytes) -> Buffer:
        """Return the data that a mark stands for; an empty mark stands for no data.

        Raises:
            WireError: It is no mark of this message: protobuf found data where the walk did not.
        """
        if not mark:
            return b""
        place = int.from_bytes(mark, "little")
        if len(mark) != _MARK_BYTES or place >= len(self._found):
            raise WireError("a tensor's data in an unknown form; expected field 6, length-delimited")
        return self._found[place]

    def _walk(self, position: int, end: int, level: Level) -> bytes:
        parts: list[bytes] = []
        kept = position  # from here on, nothing is copied yet
        while position < end:
            tag, position = self._tag(position, end)
            number = tag >> 3
            if tag & 7 != _LENGTH:
                if number == level.noted and tag & 7 == _VARINT:
                    self.noted = read_varint(self._message, position, end)[0] & _UINT64
                position = self._skip(tag, position, end)
                continue
            start, stop = self._length(position, end)
            if number in level.children:
                inner = self._descend(start, stop, level.children[number])
            elif number and number == level.data:
                inner = len(self._found).to_bytes(_MARK_BYTES, "little")
                self._found.append(self._view[start:stop])
            else:
                position = stop
                continue
            parts += (self._copy(kept, position), write_varint(len(inner)), inner)
            position = kept = stop
        parts.append(self._copy(kept, end))
        return b"".join(parts)

    def _descend(self, start: int, stop: int, level: Level) -> bytes:
        if level.is_tensor:
            self._tensors += 1
            if self._tensors > MAX_TENSORS:
                raise WireError(f"more than {MAX_TENSORS} tensors in one request; expected at most {MAX_TENSORS}")
        return self._walk(start, stop, level)

    def _tag(self, position: int, end: int) -> tuple[int, int]:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise WireError(f"more than {MAX_FIELDS} fields in one message; expected at most {MAX_FIELDS}")
        tag = self._message[position]
        return (tag, position + 1) if tag < 0x80 else read_varint(self._message, position, end)

    def _length(self, position: int, end: int) -> tuple[int, int]:
        """Return the start and the end of a length-delimited field's content."""
        length, start = read_varint(self._message, position, end)
        if length > end - start:
            raise WireError(f"a field of {length} bytes where {end - start} are left; expected it to end before")
        return start, start + length

    def _skip(self, tag: int, position: int, end: int) -> int:
        """Return the position after a field; groups are walked without recursion."""
        groups: list[int] = []
        while True:
            kind = tag & 7
            if kind == _VARINT:
                position = read_varint(self._message, position, end)[1]
            elif kind == _FIXED64:
                position += 8
            elif kind == _LENGTH:
                position = self._length(position, end)[1]
            elif kind == _FIXED32:
                position += 4
            elif kind == _GROUP and len(groups) < _MAX_GROUPS:
                groups.append(tag >> 3)
            elif kind != _END_GROUP or not groups or groups.pop() != tag >> 3:
                raise WireError(
                    f"a field of wire type {kind} out of place; expected types 0 to 5 and groups that match"
                )
            if position > end or (groups and position == end):
                raise WireError("a field goes on behind the end of its message; expected it to end before")
            if not groups:
                return position
            tag, position = self._tag(position, end)

    def _copy(self, start: int, stop: int) -> bytes:
        self._envelope += stop - start
        if self._envelope > MAX_ENVELOPE_BYTES:
            raise WireError(f"more than {MAX_ENVELOPE_BYTES} bytes besides the tensors' data; expected at most that")
        return self._message[start:stop]


def tensor_parts(number: int, tensors: Sequence[EncodedTensor], position: int) -> tuple[list[Buffer], int]:
    """Return the parts of a repeated field of tensors, to be joined, and the position after them.

    Args:
        number: The field's number; 1 to 15.
        tensors: The tensors to write.
        position: Bytes of the message before them.
    """
    parts: list[Buffer] = []
    for tensor in tensors:
        header = _tensor_header(number, tensor, position % ALIGNMENT)
        parts += (header, tensor.data)
        position += len(header) + len(tensor.data)
    return parts, position


def length_delimited(number: int, length: int, size: int | None = None) -> bytes:
    """Return the tag and the length of a length-delimited field; `size` is the length's, as in `write_varint`."""
    return bytes([number << 3 | _LENGTH]) + write_varint(length, size)


def _tensor_header(number: int, tensor: EncodedTensor, offset: int) -> bytes:
    """Return a tensor without its data, padded so that the data are aligned; `offset` is where the header starts."""
    meta, length = tensor.head, len(tensor.data)
    make = _kept_header if tensor.header is not None else _header
    return make(number, meta, tensor.meta.encoding, length, offset)


def _header(number: int, meta: bytes, encoding: int, length: int, offset: int) -> bytes:
    data = _DATA_TAG + write_varint(length)
    # The padding may lengthen the message's length by a byte, so the size of the length is chosen first.
    size = varint_size(len(meta) + len(data) + length + 2 * ALIGNMENT)
    start = offset + 1 + size + len(meta) + len(data)
    meta += _padding(-start % ALIGNMENT, encoding)
    return length_delimited(number, len(meta) + len(data) + length, size) + meta + data


_kept_header = lru_cache(maxsize=1024)(_header)


def _padding(size: int, encoding: int) -> bytes:
    """Return `size` bytes that repeat the encoding field; `ALIGNMENT` + 1 bytes for a size of 1."""
    if not size:
        return b""
    if size == 1:  # a field is at least two bytes
        size += ALIGNMENT
    first = min(size, 9)
    if size - first == 1:
        first -= 1
    fields = [_ENCODING_TAG + write_varint(encoding, length - 1) for length in (first, size - first) if length]
    return b"".join(fields)
