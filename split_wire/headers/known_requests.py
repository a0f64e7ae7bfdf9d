"""Requests of streams in the order of fields that every edge writes: read by a short walk, and headers kept by bytes.

`split_wire.wire` reads every message there is, and protobuf's rules hold. This reads the common form of the same, in
a third of the time, and leaves all others to it. Laws:

    * What is read here is what the general reader reads of the same bytes; whatever is not of the form gives None.
    * The form: one request, then perhaps a timeout. In the request: model, digest, number; then outputs, traceparent
      and tensors, in any order. In a tensor: the data last and once. Names and digests are shorter than 128 bytes.
    * The walk ends within a bounded number of steps, whatever the bytes are.
"""

from functools import lru_cache
from struct import Struct

from google.protobuf.message import DecodeError

from split_wire.codec import EncodedTensor
from split_wire.headers.header import LONGEST_BYTES, header_of

__all__ = ["Known", "read_known"]

Known = tuple[str, str, int, tuple[EncodedTensor, ...], tuple[str, ...], int, str, float]
"""The fields of a `TailRequest`, in its order, and the timeout."""

_MOST_FIELDS = 64
_REQUEST, _TIMEOUT = 0x0A, 0x11
_MODEL, _DIGEST, _NUMBER, _TENSOR, _OUTPUT, _TRACEPARENT = 0x0A, 0x12, 0x18, 0x22, 0x2A, 0x32
_DATA, _SCALE, _OFFSET = 0x32, 0x3A, 0x42
_DOUBLE = Struct("<d")


def read_known(message: bytes) -> Known | None:
    """Return a `StreamTailsRequest` of the common form; None for any other bytes."""
    try:
        if message[0] != _REQUEST:
            return None
        length, start = _varint(message, 1)
        end, timeout_s = start + length, 0.0
        if end + 9 == len(message) and message[end] == _TIMEOUT:
            (timeout_s,) = _DOUBLE.unpack_from(message, end + 1)
        elif end != len(message):
            return None
        return _request(message, start, end, timeout_s)
    except (IndexError, UnicodeDecodeError, DecodeError, _NotOfTheFormError):
        return None


class _NotOfTheFormError(Exception):
    """The general reader must decide."""


def _request(message: bytes, start: int, end: int, timeout_s: float) -> Known | None:
    digest = start + 2 + message[start + 1]
    number = digest + 2 + message[digest + 1]
    if message[start] != _MODEL or message[digest] != _DIGEST or message[number] != _NUMBER:
        return None
    if message[start + 1] > 0x7F or message[digest + 1] > 0x7F:
        return None
    model, digest_text = _names(message[start:number])
    frame_id, at = _varint(message, number + 1)
    tensors: list[EncodedTensor] = []
    outputs: list[str] = []
    traceparent = ""
    view = memoryview(message)
    for _ in range(_MOST_FIELDS):
        if at >= end:
            break
        tag = message[at]
        if tag == _TENSOR:
            length, first = _varint(message, at + 1)
            at = first + length
            data = _data_of(message, first, at)
            header = header_of(message[first : data[0]])
            tensors.append(EncodedTensor(header.meta, view[data[1] : at], header))
        elif tag in (_OUTPUT, _TRACEPARENT) and message[at + 1] < 0x80:
            first = at + 2
            at = first + message[at + 1]
            text = message[first:at].decode()
            if tag == _OUTPUT:
                outputs.append(text)
            else:
                traceparent = text
        else:
            return None
    if at != end:
        return None
    return model, digest_text, frame_id, tuple(tensors), tuple(outputs), len(message), traceparent, timeout_s


def _data_of(message: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return where a tensor's data field begins, and where its content does.

    Whether what comes before is valid is left to protobuf, which reads it.
    """
    at, furthest = start, min(stop, start + LONGEST_BYTES)
    for _ in range(_MOST_FIELDS):  # so that all headers have fewer fields than a message may have
        if at >= furthest:
            break
        tag = message[at]
        if tag == _DATA:
            length, content = _varint(message, at + 1)
            if content + length == stop:
                return at, content
            break
        if tag in (_SCALE, _OFFSET):  # they differ in each frame, so the header would be kept in vain
            break
        if tag < 0x80 and tag & 7 == 0:
            at += 1
            while message[at] > 0x7F and at < furthest:
                at += 1
            at += 1
        elif tag < 0x80 and tag & 7 == 2 and message[at + 1] < 0x80:
            at += 2 + message[at + 1]
        else:
            break
    raise _NotOfTheFormError


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a value of up to five bytes, and the position after it."""
    value = message[at]
    if value < 0x80:
        return value, at + 1
    value &= 0x7F
    for place in (1, 2, 3, 4):
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _NotOfTheFormError


@lru_cache(maxsize=256)
def _names(fields: bytes) -> tuple[str, str]:
    """Return model and digest of the fields that hold them."""
    digest = 2 + fields[1]
    return fields[2:digest].decode(), fields[digest + 2 :].decode()
