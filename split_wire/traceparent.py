"""The trace context of a frame, in the format of a W3C `traceparent` header.

    00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    version, trace id, span id of the caller, flags (bit 0: sampled)

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["TRACEPARENT_CHARACTERS", "TraceParent"]

TRACEPARENT_CHARACTERS = 55
"""The length of version 00, the only version so far; text of another length is ignored."""

_FORMAT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A caller's span.

    Attributes:
        trace_id: The trace's, not 0.
        span_id: The caller's span's, not 0.
        flags: Bit 0 is set if the trace is sampled.
    """

    trace_id: int
    span_id: int
    flags: int

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"

    @classmethod
    def parse(cls, text: str) -> TraceParent | None:
        """Parse a header; None if it is malformed, because a bad trace must not fail a frame."""
        match = _FORMAT.fullmatch(text) if len(text) == TRACEPARENT_CHARACTERS else None
        if match is None:
            return None
        trace_id, span_id, flags = (int(part, 16) for part in match.groups())
        return cls(trace_id, span_id, flags) if trace_id and span_id else None
