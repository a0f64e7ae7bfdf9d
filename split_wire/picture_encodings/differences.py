"""Two-dimensional differences of a picture: small numbers in place of samples, from which every bit comes back.

Green is subtracted from red and blue, since the three mostly change together. Then each sample gets what its left and
its upper neighbour foretell, left + above - above left, subtracted; samples outside of the picture are 0. All of it is
modulo 256, so that a difference takes a byte too, and two running sums undo it. Of the sample clips' frames, zstd makes
half as many bytes of the differences as of the samples.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]


def differences(picture: Samples) -> Samples:
    """Return the differences, uint8 [3, H, W]: of red - green, green, and blue - green.

    Args:
        picture: uint8 [1, 3, H, W].
    """
    planes: Samples = picture[0].copy()
    planes[0] -= planes[1]
    planes[2] -= planes[1]
    across = planes.copy()
    across[:, :, 1:] -= planes[:, :, :-1]
    planes[...] = across
    planes[:, 1:] -= across[:, :-1]
    return planes


def picture_of(found: Samples) -> Samples:
    """Return the picture, uint8 [1, 3, H, W], of differences in uint8 [3, H, W]."""
    planes = np.add.accumulate(np.add.accumulate(found, axis=1, dtype=np.uint8), axis=2, dtype=np.uint8)
    planes[0] += planes[1]
    planes[2] += planes[1]
    picture: Samples = planes[np.newaxis]
    return picture
