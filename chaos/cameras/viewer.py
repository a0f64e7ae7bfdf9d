"""A client that watches a camera: it gets each picture, unless it is too far behind."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass

from chaos.cameras.film import Unit

__all__ = ["Shot", "Viewer"]

_MOST_UNSENT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Shot:
    """An encoded picture on its way.

    Attributes:
        unit: The picture.
        stamp_s: Its timestamp in seconds, jumps included.
        taken_s: When it was taken, by `time.monotonic`.
    """

    unit: Unit
    stamp_s: float
    taken_s: float


class Viewer(ABC):
    """A client that watches; how pictures are sent is the protocol's.

    Args:
        writer: Its connection.

    Attributes:
        skipped: Pictures that it did not take in time.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.skipped = 0
        self._behind = False

    @abstractmethod
    def send(self, shot: Shot) -> None:
        """Send a picture."""

    @abstractmethod
    def farewell(self) -> None:
        """Tell the client that the stream ends."""

    def offer(self, shot: Shot) -> None:
        """Send a picture; a client that is too far behind gets no more until a keyframe finds it well again."""
        too_much = self.writer.transport.get_write_buffer_size() > _MOST_UNSENT_BYTES
        self._behind = too_much or (self._behind and not shot.unit.is_keyframe)
        if self._behind:
            self.skipped += 1
        else:
            self.send(shot)
