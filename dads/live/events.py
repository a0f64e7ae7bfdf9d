"""The page's server-sent events, made once for all viewers.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. Events `state` (see `document`), `drawing` (an
SVG, when the split has changed) and `beat` (nothing new; it shows that the connection works).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from dads.live.document import document, drawing
from dads.live.view import LiveView

__all__ = ["BEAT_S", "Events"]

BEAT_S = 5.0
_LEAST_S = 0.2
_RETRY_MS = 2000


@dataclass(frozen=True, slots=True)
class _Rendered:
    version: int | None
    edge: frozenset[str] | None
    state: bytes
    drawing: bytes


class Events:
    """Streams of events of one view; safe to use from several threads.

    Args:
        view: the state to send.
        least_s: the least time between two states for one viewer.
    """

    def __init__(self, view: LiveView, *, least_s: float = _LEAST_S) -> None:
        self._view = view
        self._least_s = least_s
        self._lock = threading.Lock()
        self._made = _Rendered(None, None, b"", b"")

    def stream(self) -> Generator[bytes, None, None]:
        """Yields events for one viewer until the view is closed.

        There is no queue: a slow viewer gets fewer states, each the newest one.
        """
        with self._view.watching():
            yield from self._events()

    def _events(self) -> Iterator[bytes]:
        yield f"retry: {_RETRY_MS}\n\n".encode()
        version: int | None = None
        edge: frozenset[str] | None = None
        while not self._view.closed:
            if self._view.wait(version, BEAT_S):
                now = self._latest()
                version = now.version
                if now.edge != edge:
                    edge = now.edge
                    yield now.drawing
                yield now.state
                self._view.pause(self._least_s)
            elif not self._view.closed:
                yield _event("beat", {})

    def _latest(self) -> _Rendered:
        """The state at the call or later; viewers that ask at the same time share one rendering."""
        with self._lock:
            now, view, made = self._view.snapshot(), self._view, self._made
            if now.version == made.version:
                return made
            edge, drawn = made.edge, made.drawing
            if now.partition is not None and now.partition.edge != edge:
                edge = now.partition.edge
                drawn = _event("drawing", {"svg": drawing(view.graph, now.partition, view.places)})
            state = _event("state", document(view.model, view.policy, view.graph, now, view.clouds))
            self._made = _Rendered(now.version, edge, state, drawn)
            return self._made


def _event(name: str, data: object) -> bytes:
    # JSON escapes line breaks, which would end the event's data.
    return f"event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n".encode()
