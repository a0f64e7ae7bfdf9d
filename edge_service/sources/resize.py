"""Resizes a decoded picture to a model's input."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray


def to_image(picture: av.VideoFrame, height: int, width: int) -> NDArray[np.uint8]:
    """Scale a picture to the smallest size that covers `height` x `width`, and crop it to the centre.

    The aspect ratio is kept: for a square input the shorter side fits and the longer one is cropped.

    Args:
        picture: Any size and pixel format.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        RGB, uint8 [1, 3, height, width], contiguous.
    """
    scale = max(height / picture.height, width / picture.width)
    scaled_height = max(height, round(picture.height * scale))
    scaled_width = max(width, round(picture.width * scale))
    scaled = picture.reformat(
        width=scaled_width, height=scaled_height, format="rgb24", interpolation=Interpolation.BICUBIC
    ).to_ndarray()
    top, left = (scaled_height - height) // 2, (scaled_width - width) // 2
    cropped = scaled[top : top + height, left : left + width]
    return np.ascontiguousarray(cropped.transpose(2, 0, 1)[np.newaxis])
