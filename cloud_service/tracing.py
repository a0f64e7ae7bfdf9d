"""The cloud's spans in the trace of a frame, for OpenTelemetry; imported only if tracing is on.

    (the caller's span) ── RunTail ┬ queue
                                   ├ decode
                                   ├ prepare (where something was prepared)
                                   ├ compute
                                   └ encode

A frame is recorded only if its request has a valid `traceparent`. The times are those of `ServerTiming`.
"""

import time

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from split_wire import split_pb2
from split_wire.traceparent import TraceParent


class Tracing:
    """Records answered and refused frames.

    Args:
        tracer: The tracer that records the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def answered(
        self, traceparent: str, model: str, *, arrived_s: float, started_s: float, timing: split_pb2.ServerTiming
    ) -> None:
        """Record a frame; times are on the monotonic clock.

        Args:
            traceparent: The request's.
            model: The model's name.
            arrived_s: When the request had arrived.
            started_s: When its work began; decoding is shown right before computing.
            timing: The response's.
        """
        span = self._begun(traceparent, model, arrived_s)
        if span is None:
            return
        self._child(span, "queue", arrived_s, started_s)
        began_s = started_s
        prepare = [("prepare", timing.prepare_s)] if timing.prepare_s else []
        stages = [("decode", timing.decode_s), *prepare, ("compute", timing.compute_s), ("encode", timing.encode_s)]
        for name, seconds in stages:
            self._child(span, name, began_s, began_s + seconds)
            began_s += seconds
        span.end(self._ns(arrived_s + timing.total_s))

    def refused(self, traceparent: str, model: str, reason: str, *, arrived_s: float) -> None:
        """Record a frame that ended in an error."""
        span = self._begun(traceparent, model, arrived_s)
        if span is not None:
            span.set_status(StatusCode.ERROR, reason)
            span.end(self._ns(time.monotonic()))

    def _begun(self, traceparent: str, model: str, arrived_s: float) -> Span | None:
        caller = TraceParent.parse(traceparent)
        if caller is None:
            return None
        remote = SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=TraceFlags(caller.flags))
        within = set_span_in_context(NonRecordingSpan(remote), Context())
        attributes = {"rpc.system": "grpc", "rpc.service": "dads.v1.SplitInference", "dads.model": model}
        return self._tracer.start_span(
            "RunTail", within, SpanKind.SERVER, attributes=attributes, start_time=self._ns(arrived_s)
        )

    def _child(self, parent: Span, name: str, began_s: float, ended_s: float) -> None:
        span = self._tracer.start_span(name, set_span_in_context(parent), start_time=self._ns(began_s))
        span.end(self._ns(ended_s))

    def _ns(self, monotonic_s: float) -> int:
        return round(monotonic_s * 1e9) + self._offset_ns
