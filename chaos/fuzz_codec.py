"""Every reader of the wire on one input: each must return a value or a documented refusal, and never raise."""

from __future__ import annotations

from contextlib import suppress

from split_wire import CodecError, decode_tensor, decoded_bytes
from split_wire.frames import (
    Malformed,
    StreamRequest,
    TailRequest,
    TailResponse,
    read_event,
    read_request,
    read_response,
    read_stream_request,
)
from split_wire.packets import is_packets, read_packets

__all__ = ["read_all"]


def read_all(message: bytes) -> None:
    """Read an input as each of the messages with tensors, and decode every tensor found.

    Raises:
        Exception: A defect: a reader raised, decoding raised something other than `CodecError`, or `decoded_bytes` is
            not the size of the decoded array.
    """
    for read in (read_request, read_stream_request, read_response, read_event):
        match read(message):
            case TailRequest(tensors=tensors) | StreamRequest(request=TailRequest(tensors=tensors)):
                pass
            case TailResponse(outputs=tensors):
                pass
            case Malformed(reason, frame_id):
                if not reason or not (frame_id is None or 0 <= frame_id < 2**64):
                    raise AssertionError(f"a refusal without a reason, or of frame {frame_id}")
                continue
            case _:
                continue
        for tensor in tensors:
            if is_packets(tensor):
                with suppress(CodecError):
                    read_packets(tensor)
            try:
                promised, array = decoded_bytes(tensor), decode_tensor(tensor)
            except CodecError:
                continue
            if array.nbytes != promised:
                raise AssertionError(f"decoded_bytes returned {promised} for a tensor of {array.nbytes} bytes")
