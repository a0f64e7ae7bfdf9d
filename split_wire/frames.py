"""The messages of `RunTail` and `StreamTails` as values, with their readers and writers.

Readers never raise: gRPC turns a deserializer's exception into INTERNAL and ends the stream, but the caller should get
INVALID_ARGUMENT and the stream should go on. A message that cannot be read becomes a `Malformed`.

A tensor's data is copied once between the sender's array and the receiver's, apart from gRPC's and the kernel's copies:
the writer joins it into the message. The receiver's array is a view of the received message.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from split_wire import split_pb2
from split_wire.codec import EncodedTensor
from split_wire.errors import WireError
from split_wire.headers.known_requests import read_known
from split_wire.packing import Buffer
from split_wire.wire import (
    RUN_TAIL_REQUEST,
    RUN_TAIL_RESPONSE,
    STREAM_TAILS_REQUEST,
    STREAM_TAILS_RESPONSE,
    Level,
    Separator,
    length_delimited,
    tensor_parts,
)

_LENGTH_BYTES = 4
_HEADER_BYTES = 1 + _LENGTH_BYTES

_Message = TypeVar("_Message", bound=Message)


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no message.

    Attributes:
        reason: What was wrong, and what was expected.
        frame_id: The frame's, or None if it could not be read.
    """

    reason: str
    frame_id: int | None


@dataclass(frozen=True, slots=True)
class TailRequest:
    """A `RunTailRequest`.

    Attributes:
        traceparent: The caller's span, or empty; see `split_wire.traceparent`.
        size: Bytes of the message if it was received; 0 in one to be sent.
    """

    model: str
    digest: str
    frame_id: int
    tensors: tuple[EncodedTensor, ...]
    outputs: tuple[str, ...] = ()
    size: int = 0
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A received `StreamTailsRequest`."""

    request: TailRequest
    timeout_s: float


@dataclass(frozen=True, slots=True)
class WrittenRequest:
    """A `StreamTailsRequest` without its timeout, in parts that are joined when it is sent.

    Attributes:
        parts: Headers and tensors' data.
        size: Bytes of all of them.
    """

    parts: tuple[Buffer, ...]
    size: int


@dataclass(frozen=True, slots=True)
class TimedRequest:
    """A `StreamTailsRequest` to be sent."""

    written: WrittenRequest
    timeout_s: float


@dataclass(frozen=True, slots=True)
class TailResponse:
    """A `RunTailResponse`.

    Attributes:
        replica: The server that answers; empty from an older one.
        size: Bytes of the message if it was received; 0 in one to be sent.
    """

    frame_id: int
    outputs: tuple[EncodedTensor, ...]
    timing: split_pb2.ServerTiming = field(default_factory=split_pb2.ServerTiming)
    load_factor: float = 0.0
    size: int = 0
    replica: str = ""


StreamEvent = TailResponse | split_pb2.FrameError | split_pb2.Heartbeat | split_pb2.Announcement
"""The events of a `StreamTailsResponse`."""


def write_request(request: TailRequest) -> bytes:
    """Serialise a `RunTailRequest`."""
    return b"".join(_request_parts(request, 0)[0])


def write_stream_request(request: TailRequest) -> WrittenRequest:
    """Write a `StreamTailsRequest` without its timeout; copies no tensor data."""
    parts, size = _request_parts(request, _HEADER_BYTES)
    header = length_delimited(1, size - _HEADER_BYTES, _LENGTH_BYTES)
    return WrittenRequest((header, *parts), size)


def write_timed_request(request: TimedRequest) -> bytes:
    """Serialise a `StreamTailsRequest`."""
    timeout = split_pb2.StreamTailsRequest(timeout_s=request.timeout_s).SerializeToString()
    return b"".join((*request.written.parts, timeout))


def write_response(response: TailResponse) -> bytes:
    """Serialise a `RunTailResponse`."""
    return b"".join(_response_parts(response, 0)[0])


def write_event(event: StreamEvent) -> bytes:
    """Serialise a `StreamTailsResponse`."""
    if isinstance(event, split_pb2.FrameError):
        return split_pb2.StreamTailsResponse(error=event).SerializeToString()
    if isinstance(event, split_pb2.Heartbeat):
        return split_pb2.StreamTailsResponse(heartbeat=event).SerializeToString()
    if isinstance(event, split_pb2.Announcement):
        return split_pb2.StreamTailsResponse(announcement=event).SerializeToString()
    parts, size = _response_parts(event, _HEADER_BYTES)
    return b"".join((length_delimited(1, size - _HEADER_BYTES, _LENGTH_BYTES), *parts))


def reader(kind: type[_Message]) -> Callable[[bytes], _Message | Malformed]:
    """Return a parser for a type of message without tensors."""

    def read(message: bytes) -> _Message | Malformed:
        try:
            return kind.FromString(message)
        except DecodeError as error:
            return Malformed(f"the message cannot be read: {error}", None)

    return read


def read_request(message: bytes) -> TailRequest | Malformed:
    """Parse a `RunTailRequest`."""

    def made(parsed: split_pb2.RunTailRequest, separator: Separator) -> TailRequest:
        return _request(parsed, separator, len(message))

    return _read(message, RUN_TAIL_REQUEST, split_pb2.RunTailRequest.FromString, made)


def read_stream_request(message: bytes) -> StreamRequest | Malformed:
    """Parse a `StreamTailsRequest`."""
    known = read_known(message)
    if known is not None:
        return StreamRequest(TailRequest(*known[:-1]), known[-1])

    def made(parsed: split_pb2.StreamTailsRequest, separator: Separator) -> StreamRequest:
        return StreamRequest(_request(parsed.request, separator, len(message)), parsed.timeout_s)

    return _read(message, STREAM_TAILS_REQUEST, split_pb2.StreamTailsRequest.FromString, made)


def read_response(message: bytes) -> TailResponse | Malformed:
    """Parse a `RunTailResponse`."""

    def made(parsed: split_pb2.RunTailResponse, separator: Separator) -> TailResponse:
        return _response(parsed, separator, len(message))

    return _read(message, RUN_TAIL_RESPONSE, split_pb2.RunTailResponse.FromString, made)


def read_event(message: bytes) -> StreamEvent | Malformed | None:
    """Parse a `StreamTailsResponse`; None for an event that this version does not know."""

    def made(parsed: split_pb2.StreamTailsResponse, separator: Separator) -> StreamEvent | None:
        match parsed.WhichOneof("event"):
            case "result":
                return _response(parsed.result, separator, len(message))
            case "error":
                return parsed.error
            case "heartbeat":
                return parsed.heartbeat
            case "announcement":
                return parsed.announcement
            case _:
                return None

    return _read(message, STREAM_TAILS_RESPONSE, split_pb2.StreamTailsResponse.FromString, made)


_Made = TypeVar("_Made")


def _read(
    message: bytes, level: Level, parse: Callable[[bytes], _Message], made: Callable[[_Message, Separator], _Made]
) -> _Made | Malformed:
    separator = Separator(message)
    try:
        return made(parse(separator.separate(level)), separator)
    except (WireError, DecodeError) as error:
        return Malformed(f"the message cannot be read: {error}", separator.noted)


def _request(parsed: split_pb2.RunTailRequest, separator: Separator, size: int) -> TailRequest:
    return TailRequest(
        model=parsed.model,
        digest=parsed.digest,
        frame_id=parsed.frame_id,
        tensors=_tensors(parsed.tensors, separator),
        outputs=tuple(parsed.outputs),
        size=size,
        traceparent=parsed.traceparent,
    )


def _response(parsed: split_pb2.RunTailResponse, separator: Separator, size: int) -> TailResponse:
    return TailResponse(
        frame_id=parsed.frame_id,
        outputs=_tensors(parsed.outputs, separator),
        timing=parsed.timing,
        load_factor=parsed.load_factor,
        size=size,
        replica=parsed.replica,
    )


def _tensors(parsed: Iterable[split_pb2.Tensor], separator: Separator) -> tuple[EncodedTensor, ...]:
    tensors = []
    for meta in parsed:
        data = separator.data(meta.data)
        meta.ClearField("data")
        tensors.append(EncodedTensor(meta, data))
    return tuple(tensors)


def _request_parts(request: TailRequest, position: int) -> tuple[list[Buffer], int]:
    head = split_pb2.RunTailRequest(
        model=request.model,
        digest=request.digest,
        frame_id=request.frame_id,
        outputs=request.outputs,
        traceparent=request.traceparent,
    ).SerializeToString()
    parts, end = tensor_parts(4, request.tensors, position + len(head))
    return [head, *parts], end


def _response_parts(response: TailResponse, position: int) -> tuple[list[Buffer], int]:
    head = split_pb2.RunTailResponse(
        frame_id=response.frame_id,
        timing=response.timing,
        load_factor=response.load_factor,
        replica=response.replica,
    ).SerializeToString()
    parts, end = tensor_parts(2, response.outputs, position + len(head))
    return [head, *parts], end
