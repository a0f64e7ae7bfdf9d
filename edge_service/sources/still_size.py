"""The size of a picture in a file or packet of its own, as a viewer shows it: read from its header."""

from __future__ import annotations

import io

from PIL import ExifTags, Image

__all__ = ["still_size"]

_LYING = frozenset({5, 6, 7, 8})  # EXIF orientations with rows and columns exchanged


def still_size(data: bytes) -> tuple[int, int] | None:
    """Width and height; None if the bytes are no picture, which whoever decodes them tells."""
    try:
        with Image.open(io.BytesIO(data)) as opened:  # reads no more than the header
            width, height = opened.size
            lies = opened.getexif().get(ExifTags.Base.Orientation) in _LYING
    except Exception:  # noqa: BLE001 # Pillow raises errors of many types
        return None
    return (height, width) if lies else (width, height)
