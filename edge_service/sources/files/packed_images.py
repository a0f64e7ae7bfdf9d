"""Image files as packets: sent as they are, and decoded when somebody needs the picture."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import ExifTags, Image

from edge_service.sources.shots import CompressedShot
from pictures import Compressed, PacketHistory, StreamFormat
from pictures.stream_format import STILL

__all__ = ["PackedImages"]

_SUFFIXES = frozenset({".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp"})
_MOST_BYTES = 1024 * 1024  # the model's input takes far less, decoded and compressed anew
_LYING = frozenset({5, 6, 7, 8})  # EXIF orientations with rows and columns exchanged


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
            with Image.open(io.BytesIO(data)) as opened:  # reads no more than the header
                width, height = opened.size
                lies = opened.getexif().get(ExifTags.Base.Orientation) in _LYING
        except Exception:  # noqa: BLE001 # Pillow raises errors of many types; whoever decodes the file tells
            return None
        number = self._history.add(data, is_keyframe=True)
        displayed = (height, width) if lies else (width, height)
        return CompressedShot(Compressed(self._history, number, number), displayed, file.name)
