"""Counts RTP packets that are lost on the way, from FFmpeg's log: nothing else tells of them."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator

import av.logging

__all__ = ["counted_losses"]

_MISSED = re.compile(r"RTP: missed (\d+) packets")
_lock = threading.Lock()
_readers = 0


@contextlib.contextmanager
def counted_losses() -> Iterator[Callable[[], int]]:
    """Listen to this thread's messages of FFmpeg.

    Returns:
        What gives the number of packets that were lost since it was asked last. Call it in this thread, often: until
        then messages are kept.
    """
    _listen(1)
    try:
        with av.logging.Capture() as messages:

            def since_last() -> int:
                found = [_MISSED.search(message) for _, _, message in messages]
                messages.clear()
                return sum(int(each[1]) for each in found if each is not None)

            yield since_last
    finally:
        _listen(-1)


def _listen(change: int) -> None:
    """FFmpeg's log is one for the process, and is off while nobody listens."""
    global _readers  # noqa: PLW0603 # as FFmpeg's own level
    with _lock:
        _readers += change
        if _readers == change == 1:
            logging.getLogger("libav").setLevel(logging.CRITICAL + 1)  # other threads' messages go nowhere, as before
            av.logging.set_skip_repeated(False)  # two losses of one packet each are two messages of the same words
            av.logging.set_level(av.logging.WARNING)
        elif _readers == 0:
            av.logging.set_level(None)
