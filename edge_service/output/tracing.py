"""A trace of each frame, for OpenTelemetry; imported only if tracing is on.

    frame ┬ wait
          ├ head
          ├ offload ┬ encode
          │         ├ transfer
          │         ├ RunTail (the cloud's, with its own children)
          │         └ decode
          └ tail (if the cloud did not answer)

The spans are made when the frame has ended, from the times that the agent measures anyway.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from edge_service.frame import FrameResult, Outcome, cut_label
from split_wire.traceparent import TraceParent

__all__ = ["FrameTrace", "Tracing"]


class Tracing:
    """Makes the traces of an agent's frames.

    Args:
        tracer: the tracer that records the spans.
        places: each layer's name for people, for the label of a cut.
    """

    def __init__(self, tracer: Tracer, places: Mapping[str, str] | None = None) -> None:
        self._tracer = tracer
        self._places = places or {}
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def frame(self, frame_id: int, submitted_s: float) -> FrameTrace:
        """Begins a frame's trace; times are on the monotonic clock."""
        return FrameTrace(self._tracer, self._places, self._offset_ns, frame_id, submitted_s)


class FrameTrace:
    """The trace of one frame."""

    def __init__(
        self, tracer: Tracer, places: Mapping[str, str], offset_ns: int, frame_id: int, submitted_s: float
    ) -> None:
        self._tracer = tracer
        self._places = places
        self._offset_ns = offset_ns
        self._submitted_s = submitted_s
        # Not a child of the caller's current span, because each frame has a trace of its own.
        self._frame = tracer.start_span(
            "frame", Context(), attributes={"dads.frame": frame_id}, start_time=self._ns(submitted_s)
        )
        self._offload: Span | None = None

    def offload(self, now_s: float) -> str:
        """Begins the span of offloading, which the cloud's spans belong to.

        Returns:
            The `traceparent` for the request; empty if the trace is not recorded.
        """
        within = set_span_in_context(self._frame)
        # A frame that goes on to another cloud is encoded once more, within the same span.
        self._offload = self._offload or self._tracer.start_span(
            "offload", within, SpanKind.CLIENT, start_time=self._ns(now_s)
        )
        context = self._offload.get_span_context()
        if not self._offload.is_recording():
            return ""
        return str(TraceParent(context.trace_id, context.span_id, context.trace_flags))

    def end(self, result: FrameResult, *, sent_s: float, now_s: float) -> None:
        """Ends the trace.

        Args:
            result: the frame's result.
            sent_s: when the request was passed to the link.
            now_s: the end.
        """
        times, split = result.times, result.partition
        head_end_s = self._submitted_s + times.wait_s + times.head_s
        if split is not None:
            self._child(self._frame, "wait", self._submitted_s, times.wait_s)
            self._child(self._frame, "head", head_end_s - times.head_s, times.head_s)
            self._frame.set_attributes(
                {
                    "dads.cut": cut_label(split, self._places),
                    "dads.encoding": split.encoding,
                    "dads.mode": result.mode or "",
                }
            )
        if self._offload is not None:
            self._child(self._offload, "encode", sent_s - times.encode_s, times.encode_s)
            offloaded = result.outcome is Outcome.OFFLOADED
            if offloaded:
                self._child(self._offload, "transfer", sent_s + times.link_wait_s, times.transfer_s)
                self._child(self._offload, "decode", now_s - times.decode_s, times.decode_s)
            else:
                self._offload.set_status(StatusCode.ERROR, result.error)
                self._child(self._frame, "tail", now_s - times.tail_s, times.tail_s)
            self._offload.end(self._ns(now_s if offloaded else max(sent_s, now_s - times.tail_s)))
        self._frame.set_attribute("dads.outcome", result.outcome.value)
        if result.cloud is not None:
            self._frame.set_attribute("dads.cloud", result.cloud)
        if not result.outcome.has_result:
            self._frame.set_status(StatusCode.ERROR, result.error)
        self._frame.end(self._ns(now_s))

    def _child(self, parent: Span, name: str, began_s: float, seconds: float) -> None:
        span = self._tracer.start_span(name, set_span_in_context(parent), start_time=self._ns(began_s))
        span.end(self._ns(began_s + seconds))

    def _ns(self, monotonic_s: float) -> int:
        return round(monotonic_s * 1e9) + self._offset_ns
