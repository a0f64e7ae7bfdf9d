"""Resizes a decoded picture to a model's input."""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from edge_service.source_picture import SourcePicture


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
    placed = SourcePicture.covering(picture.width, picture.height, input_width=width, input_height=height)
    # Not the picture's own reformatter: other threads may scale the same picture, to draw it.
    scaled = (
        VideoReformatter()
        .reformat(
            picture,
            width=placed.scaled_width,
            height=placed.scaled_height,
            format="rgb24",
            interpolation=Interpolation.BICUBIC,
        )
        .to_ndarray()
    )
    cropped = scaled[placed.top : placed.top + height, placed.left : placed.left + width]
    return np.ascontiguousarray(cropped.transpose(2, 0, 1)[np.newaxis])
