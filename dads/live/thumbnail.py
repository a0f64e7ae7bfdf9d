"""The live page's small picture of the last frame, with its boxes or label; made when asked, at most once a second."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

from dads.live.view import LiveView, Seen
from edge_service.output.annotation import Annotator

__all__ = ["MOST_PIXELS", "Thumbnail"]

MOST_PIXELS = 320
"""Most columns and most rows."""
_LEAST_S = 1.0
_QUALITY = 75


class Thumbnail:
    """Makes the picture for all viewers; safe to use from several threads.

    Args:
        view: has the last frame.
        least_s: the least time between two pictures.
        clock: the seconds now.
    """

    def __init__(
        self, view: LiveView, *, least_s: float = _LEAST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._view = view
        self._least_s = least_s
        self._clock = clock
        self._lock = threading.Lock()
        self._annotator = Annotator(MOST_PIXELS)
        self._made: tuple[Seen, bytes] | None = None
        self._due_s = -float("inf")

    def jpeg(self) -> bytes | None:
        """The last frame's picture, or one that is less than a second old; None while there is none."""
        with self._lock:
            seen = self._view.seen
            if seen is None:
                self._made = None
                return None
            now_s = self._clock()
            if self._made is None or (seen is not self._made[0] and now_s >= self._due_s):
                self._made = (seen, self._drawn(seen))
                self._due_s = now_s + self._least_s
            return self._made[1]

    def _drawn(self, seen: Seen) -> bytes:
        file = io.BytesIO()
        self._annotator.drawn(seen.content.picture(), seen.record).save(file, "JPEG", quality=_QUALITY)
        return file.getvalue()
