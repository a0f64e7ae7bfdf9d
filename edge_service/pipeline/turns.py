"""Shorter turns of the interpreter's threads while one of them computes for long, so that the event loop waits less.

A thread that wants the interpreter waits for the one that has it, by default up to 5 ms. An answer of the cloud passes
the event loop several times, and waits each time: up to 29 ms in all beside a build, and up to 10 ms with turns of 1 ms
(decision 205).
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

__all__ = ["short_turns"]

_TURN_S = 0.001


class _Turns:
    """The setting is the process's, so agents share it: the first to need it sets it, the last one sets it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before_s = 0.0

    def begin(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before_s = sys.getswitchinterval()
                if self._before_s > _TURN_S:
                    sys.setswitchinterval(_TURN_S)
            self._users += 1

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._before_s > _TURN_S:
                sys.setswitchinterval(self._before_s)


_TURNS = _Turns()


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Turns are short in this context; any number of threads may be in it at once."""
    _TURNS.begin()
    try:
        yield
    finally:
        _TURNS.end()
