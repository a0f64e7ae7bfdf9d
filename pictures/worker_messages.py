"""The messages between a service and its decoder process, in a binary form that holds plain values and no code.

A request is the packets of one frame; a reply is the frame's pixels or why there are none. Each is a fixed header and
what it announces. The process trusts the service, whose reader has checked the packets. The service does not trust the
process, which decodes hostile bytes: whoever reads a reply knows how many bytes of pixels to expect.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pictures.stream_format import StreamFormat

__all__ = ["MOST_TEXT_BYTES", "REPLY", "Begin", "Outcome", "Request", "read_request", "reply", "write_request"]

MOST_TEXT_BYTES = 4096
"""The most that a reply says in words."""

REPLY = struct.Struct("<dBI")
"""A reply's header: seconds of decoding and preparing, `Outcome`, bytes that follow (pixels, or UTF-8 text)."""

_REQUEST = struct.Struct("<dQQIIIB")
_FORMAT = struct.Struct("<9IHHI")


class Outcome(IntEnum):
    """What became of a frame."""

    PIXELS = 0
    PENDING = 1
    """The decoder needs later packets before it gives this picture out."""
    LOST = 2
    """It cannot be decoded; the session is over."""
    REFUSED = 3
    """There is no decoder for this format, or no such way to prepare a picture; the session is over."""


@dataclass(frozen=True, slots=True)
class Begin:
    """How a session begins.

    Attributes:
        format: The stream's.
        preprocess: How a picture becomes the frame, in the text form of `pictures.Preprocess`.
    """

    format: StreamFormat
    preprocess: str


@dataclass(frozen=True, slots=True)
class Request:
    """The packets of one frame.

    Attributes:
        begin: Where a session begins; None: these packets continue it.
        first: Number of the first packet.
        packets: The packets.
        shown: Number of the packet whose picture is the frame.
        height: Rows of the frame.
        width: Columns of the frame.
        limit_s: Seconds that the request may take.
    """

    begin: Begin | None
    first: int
    packets: Sequence[bytes | memoryview]
    shown: int
    height: int
    width: int
    limit_s: float


def write_request(request: Request) -> bytes:
    """A request's bytes."""
    count = len(request.packets)
    header = _REQUEST.pack(
        request.limit_s,
        request.first,
        request.shown,
        request.height,
        request.width,
        count,
        request.begin is not None,
    )
    sizes = struct.pack(f"<{count}I", *(len(packet) for packet in request.packets))
    return b"".join((header, _written(request.begin) if request.begin else b"", sizes, *request.packets))


def read_request(read: Callable[[int], bytes]) -> Request | None:
    """Read a request; None at the end of the stream.

    Args:
        read: Returns so many bytes, or fewer at the end.

    Raises:
        EOFError: The stream ends inside a request.
    """
    header = read(_REQUEST.size)
    if not header:
        return None

    def exactly(size: int) -> bytes:
        found = read(size)
        if len(found) < size:
            raise EOFError(f"a request ends {size - len(found)} bytes early")
        return found

    limit_s, first, shown, height, width, count, begins = _REQUEST.unpack(header)
    begin = _read_begin(exactly) if begins else None
    sizes = struct.unpack(f"<{count}I", exactly(4 * count))
    return Request(begin, first, [exactly(size) for size in sizes], shown, height, width, limit_s)


def reply(seconds: float, outcome: Outcome, content: bytes | memoryview) -> bytes:
    """A reply's bytes; `content` is the frame's pixels, or text."""
    return b"".join((REPLY.pack(seconds, outcome, len(content)), content))


def _written(begin: Begin) -> bytes:
    known = begin.format
    codec, preprocess = known.codec.encode(), begin.preprocess.encode()
    numbers = _FORMAT.pack(
        known.width,
        known.height,
        known.colour_range,
        known.colour_space,
        known.rotation,
        *known.aspect,
        known.mirrored,
        known.reorder,
        len(codec),
        len(preprocess),
        len(known.extradata),
    )
    return b"".join((numbers, codec, preprocess, known.extradata))


def _read_begin(exactly: Callable[[int], bytes]) -> Begin:
    width, height, colour_range, colour_space, rotation, wide, high, mirrored, reorder, *sizes = _FORMAT.unpack(
        exactly(_FORMAT.size)
    )
    codec, preprocess, extradata = (exactly(size) for size in sizes)
    known = StreamFormat(
        codec.decode(),
        extradata,
        width,
        height,
        colour_range,
        colour_space,
        rotation,
        (wide, high),
        mirrored=bool(mirrored),
        reorder=reorder,
    )
    return Begin(known, preprocess.decode())
