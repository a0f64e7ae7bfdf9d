"""Image files as packets: sent as they are, and decoded when somebody needs the picture."""

from __future__ import annotations

from pathlib import Path

from edge_service.sources.shots import CompressedShot
from edge_service.sources.still_size import still_size
from pictures import Compressed, PacketHistory, StreamFormat
from pictures.stream_format import STILL

__all__ = ["PackedImages"]

_SUFFIXES = frozenset({".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"})
_MOST_BYTES = 1024 * 1024  # the model's input takes far less, decoded and compressed anew


class PackedImages:
    """The files of one source, each a packet of its own."""

    def __init__(self) -> None:
        self._history = PacketHistory(StreamFormat(STILL))

    def shot(self, file: Path) -> CompressedShot | None:
        """A file's picture; None if it cannot be sent as it is, or cannot be read."""
        try:
            if file.suffix.lower() not in _SUFFIXES or not 0 < file.stat().st_size <= _MOST_BYTES:
                return None
            data = file.read_bytes()
        except OSError:  # whoever decodes the file tells
            return None
        size = still_size(data)
        if size is None:
            return None
        number = self._history.add(data, is_keyframe=True)
        return CompressedShot(Compressed(self._history, number, number), size, file.name)
