"""The cloud's error statuses as our errors. Every field of a status may be missing or broken.

Source: https://google.aip.dev/193 (ErrorInfo on every error, RetryInfo where a retry makes sense).
"""

from __future__ import annotations

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from edge_service.errors import CloudDeniedError, CloudError, CloudRefusedError, TooLargeError, WrongTwinError
from split_wire import Reason

__all__ = ["DENIED_WAIT_S", "frame_error", "is_lost", "refused", "status_of"]

DENIED_WAIT_S = 30.0
"""Wait before the next attempt if the token is not accepted: a person has to replace it first."""

_OVERSIZE = "message larger than max"

_DENIED = {code.value[0] for code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)}


_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
_RESETS = ("RST_STREAM", "The actor died")
"""What gRPC says of a stream that a proxy reset because its server is gone, and what Ray's proxy says itself."""


def is_lost(error: grpc.aio.AioRpcError) -> bool:
    """Whether a status without our details means that the server, or the way to it, is lost.

    A proxy in between resets the streams of a server that it lost: gRPC makes INTERNAL or CANCELLED of it, by the
    reset's code. The edge's own cancellations raise `CancelledError` and do not come here.
    """
    if error.code() is grpc.StatusCode.INTERNAL:
        details = error.details() or ""
        return any(reset in details for reset in _RESETS)
    return error.code() in _LOST


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """The status with its details; None if there is none, or if it cannot be read."""
    try:
        status: status_pb2.Status | None = rpc_status.from_call(error)  # type: ignore[arg-type] # has all that it reads
    except (ValueError, DecodeError):  # details of another error than the call's, or bytes that are none
        return None
    return status


def frame_error(serialised: bytes) -> CloudError:
    """The error for a frame that was refused on its stream, from the serialised status."""
    try:
        return refused(status_pb2.Status.FromString(serialised), "error")
    except DecodeError:
        message = "the cloud's refusal cannot be read: expected a google.rpc.Status"
        return CloudRefusedError(message, reason="BAD_ANSWER")


def refused(status: status_pb2.Status, fallback_reason: str) -> CloudError:
    """The error for a status.

    Args:
        status: the cloud's status.
        fallback_reason: the reason if the status has no google.rpc.ErrorInfo.
    """
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    reason, retry_after_s = fallback_reason, None
    for detail in status.details:
        if _is(detail, info):
            reason = info.reason
        elif _is(detail, retry):
            # The duration may be larger than a timedelta can hold.
            retry_after_s = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    if reason == "DIGEST_MISMATCH":
        return WrongTwinError(status.message)
    if status.code in _DENIED:
        return CloudDeniedError(
            f"the cloud denies access ({reason}): {status.message}; expected --token-file (token_file, "
            "DADS_EDGE_TOKEN) to hold a token that it accepts",
            reason=reason,
            retry_after_s=retry_after_s or DENIED_WAIT_S,
        )
    message = f"the cloud refused ({reason}): {status.message}"
    # gRPC itself refuses a request beyond the server's limit, without details, and ends the stream.
    if reason == Reason.ANSWER_TOO_LARGE or (reason == fallback_reason and _OVERSIZE in status.message):
        return TooLargeError(message, reason=reason)
    return CloudRefusedError(message, reason=reason, retry_after_s=retry_after_s)


def _is(detail: AnyMessage, kind: Message) -> bool:
    """Whether a detail is of this kind; if so, `kind` is filled from it. A detail that cannot be read is not."""
    try:
        return detail.Unpack(kind)
    except DecodeError:
        return False
