"""Baseline JPEG files of a picture: few bytes, and other pixels than before."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import JpegImagePlugin

from split_wire.errors import CodecError

Buffer = bytes | memoryview

MAX_SIDE = 65_500
"""libjpeg's own limit, in pixels."""

_QUALITY = 90


def write_jpeg(picture: npt.NDArray[Any]) -> bytes:
    """Return the file of a picture, uint8 [1, 3, H, W] of sides up to `MAX_SIDE`."""
    from PIL import Image  # noqa: PLC0415 # only writing needs Pillow's registry, which is slow to load

    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[0].transpose(1, 2, 0))).save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def read_jpeg(data: Buffer, width: int, height: int) -> npt.NDArray[Any]:
    """Return the picture, uint8 [1, 3, height, width].

    Raises:
        CodecError: The data is no such file of this size.
    """
    try:
        # Not `Image.open`: it warns about large pictures, and the size is checked here.
        picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        found = (picture.size, picture.mode, "progressive" in picture.info)
        pixels = np.asarray(picture) if found == ((width, height), "RGB", False) else None
    except Exception as error:  # for bytes that are no picture Pillow raises errors of many types
        raise CodecError(f"the data is no JPEG: {error}") from error
    if pixels is None:
        raise CodecError(
            f"expected a baseline JPEG of {width} by {height} in RGB, got {found[0][0]} by {found[0][1]} in {found[1]}"
            + (", progressive" if found[2] else "")
        )
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[np.newaxis]
