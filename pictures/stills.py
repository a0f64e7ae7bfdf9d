"""Decodes files and packets that hold one picture each: JPEG, PNG, WebP and the like."""

import io

from PIL import Image, ImageOps

from pictures.errors import PictureError
from pictures.picture import Picture

__all__ = ["decode_still"]


def decode_still(data: bytes) -> Picture:
    """Decode one picture; of an animation the first.

    Raises:
        PictureError: The bytes are no picture, or a damaged one.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return Picture(ImageOps.exif_transpose(opened).convert("RGB"))
    except Exception as error:  # for bytes that are no picture Pillow raises errors of many types
        raise PictureError(f"not a picture that can be decoded: {error}") from error
