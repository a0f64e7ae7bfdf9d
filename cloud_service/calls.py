"""Counts calls: seconds, status, refusals; turns an unexpected failure into INTERNAL, with its details in the log."""

import asyncio
import time
from types import TracebackType
from typing import Self

import grpc

from cloud_service.errors import InternalError, RequestError
from cloud_service.log import log
from cloud_service.metrics import CloudMetrics

__all__ = ["Calls"]


class Calls:
    """What the metrics are told of each call.

    Args:
        metrics: Receives every call.
    """

    def __init__(self, metrics: CloudMetrics) -> None:
        self._metrics = metrics

    def counted(self, method: str, started_s: float | None = None) -> "_Guarded":
        """Record a call's seconds and status code in the metrics, and guard it."""
        return _Guarded(self._metrics, method, time.monotonic() if started_s is None else started_s)

    def guarded(self, method: str) -> "_Guarded":
        """Count refusals; turn an unexpected exception into INTERNAL, with the details only in the log."""
        return _Guarded(self._metrics, method, None)


class _Guarded:
    """The context of one call; a class, because a generator's context costs every frame twice as much."""

    __slots__ = ("_method", "_metrics", "_started_s")

    def __init__(self, metrics: CloudMetrics, method: str, started_s: float | None) -> None:
        self._metrics, self._method, self._started_s = metrics, method, started_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        code = grpc.StatusCode.OK
        failure: RequestError | None = None
        if isinstance(error, RequestError):
            failure, code = error, error.code
        elif isinstance(error, Exception):
            failure = InternalError()
            code = failure.code
            log.exception("call failed", method=self._method, exc_info=error)
        elif isinstance(error, asyncio.CancelledError):
            code = grpc.StatusCode.CANCELLED
        if failure is not None:
            self._metrics.rejected(failure.reason)
        if self._started_s is not None:
            self._metrics.called(self._method, code.name, time.monotonic() - self._started_s)
        if failure is not None and failure is not error:
            raise failure from error
