"""Traces of frames by OpenTelemetry: whether they are on, and where they are sent.

OpenTelemetry's own variables configure them: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and
so on (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dads.errors import InvalidUsageError

if TYPE_CHECKING:  # OpenTelemetry is an extra
    from opentelemetry.trace import Tracer

__all__ = ["is_wanted", "tracer"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.grpc")


def is_wanted(asked: bool | None) -> bool:
    """Whether to trace: as the option says, else if the environment names an endpoint.

    Args:
        asked: the option's value; None if it was not given.

    Raises:
        InvalidUsageError: tracing is on, and OpenTelemetry is not installed.
    """
    environment = os.environ
    if asked is False or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if asked is None and (
        environment.get("OTEL_TRACES_EXPORTER") == "none" or not any(map(environment.get, _ENDPOINTS))
    ):
        return False
    for package in _NEEDED:
        if not _is_installed(package):
            raise InvalidUsageError(
                f"--tracing, or OTEL_EXPORTER_OTLP_ENDPOINT, needs OpenTelemetry, and there is no {package}; "
                "install the extra: pip install 'dads[tracing]', or give --no-tracing"
            )
    return True


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


@contextlib.contextmanager
def tracer(service: str, *, wanted: bool) -> Iterator[Tracer | None]:
    """Yields a tracer, or None if tracing is off; on leaving, recorded spans are sent.

    Args:
        service: the service's name, unless the environment gives another.
        wanted: see `is_wanted`.
    """
    if not wanted:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 # an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 # an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 # an extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 # an extra

    resource = Resource.create()
    if str(resource.attributes.get("service.name", "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": service}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    # A thread of its own sends spans from a bounded queue: if the collector is slow, spans are dropped, not frames.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield provider.get_tracer("dads")
    finally:
        provider.shutdown()
