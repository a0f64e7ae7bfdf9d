"""This package's errors as gRPC statuses with machine-readable details.

Source: https://google.aip.dev/193 (ErrorInfo on every error, RetryInfo where a retry may succeed).
"""

from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from cloud_service.errors import RequestError
from split_wire.reasons import ERROR_DOMAIN

Context = grpc.aio.ServicerContext[Any, Any]
"""gRPC's context of a call, for messages of any type."""

MAX_MESSAGE_CHARS = 1000
"""A status is sent in HTTP/2 trailers, which clients limit to 8 KiB and which contain the message twice."""


def status_of(error: RequestError) -> Status:
    """Return the error as `google.rpc.Status`, with ErrorInfo and, if a retry may succeed, RetryInfo."""
    number: int = error.code.value[0]  # grpc's enum holds (number, name); google.rpc.Code has the same numbers
    status = Status(code=number, message=str(error)[:MAX_MESSAGE_CHARS])
    status.details.add().Pack(ErrorInfo(reason=error.reason.value, domain=ERROR_DOMAIN))
    if error.retry_after_s is not None:
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after_s * 1e9))
        status.details.add().Pack(RetryInfo(retry_delay=delay))
    return status


def told(context: Context, key: str) -> str | None:
    """Return the first value of a call's metadata of this name; None if there is none."""
    for name, value in context.invocation_metadata() or ():
        if name == key and isinstance(value, str):
            return value
    return None


async def abort(context: Context, error: RequestError) -> NoReturn:
    """End a call with the error's status.

    Raises:
        grpc.aio.AbortError: always; it ends gRPC's handler.
    """
    status = rpc_status.to_status(status_of(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
