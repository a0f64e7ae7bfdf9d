"""Counts calls: seconds, status, refusals; turns an unexpected failure into INTERNAL, with its details in the log."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

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

    @contextmanager
    def counted(self, method: str) -> Iterator[None]:
        """Record a call's seconds and status code in the metrics."""
        started_s = time.monotonic()
        code = grpc.StatusCode.OK
        try:
            with self.guarded(method):
                yield
        except RequestError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        finally:
            self._metrics.called(method, code.name, time.monotonic() - started_s)

    @contextmanager
    def guarded(self, method: str) -> Iterator[None]:
        """Count refusals; turn an unexpected exception into INTERNAL, with the details only in the log."""
        try:
            yield
        except RequestError as error:
            self._metrics.rejected(error.reason)
            raise
        except Exception as error:
            failure = InternalError()
            self._metrics.rejected(failure.reason)
            log.exception("call failed", method=method)
            raise failure from error
