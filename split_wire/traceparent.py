"""The trace that a frame belongs to, in the format of a W3C `traceparent` header.

    00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    version, trace, span of the caller, flags (bit 0: sampled)

Source: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["TRACEPARENT_CHARACTERS", "TraceParent"]

TRACEPARENT_CHARACTERS = 55
"""The length of version 00, the only one there is; longer ones are ignored unread."""

_FORMAT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A caller's span.

    Attributes:
        trace_id: of the trace, not 0.
        span_id: of the caller's span, not 0.
        flags: bit 0 is set where the trace is recorded.
    """

    trace_id: int
    span_id: int
    flags: int

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"

    @classmethod
    def parse(cls, text: str) -> TraceParent | None:
        """Reads it; None for whatever is malformed: a trace is never worth refusing a frame for."""
        match = _FORMAT.fullmatch(text) if len(text) == TRACEPARENT_CHARACTERS else None
        if match is None:
            return None
        trace_id, span_id, flags = (int(part, 16) for part in match.groups())
        return cls(trace_id, span_id, flags) if trace_id and span_id else None
