"""What bounds one connection to a live source: its silence, and when it shall end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection.

    Attributes:
        silence_s: So long without a picture is a loss.
        connect_s: So long may a connection take to be made.
        stop: Set when nobody reads any more.
    """

    silence_s: float
    connect_s: float = 2.0
    stop: threading.Event = field(default_factory=threading.Event)
