"""A number drawn into a picture as light and dark squares, which survive lossy coding, scaling and a centre crop.

A grid of 5 by 5 squares covers the middle of the picture: its side is 0.8 of the picture's shorter side. The first
square is white, the second black; 16 squares are the number's bits and 7 a checksum. So a reader knows which picture it
has, and refuses one that is half decoded or mixed from two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["CELLS", "LARGEST", "cell_bounds", "draw", "number_of", "picture_number"]

CELLS = 5
LARGEST = 0xFFFF
_SHARE = 0.8
_WHITE, _BLACK = 235, 16
# Prime, so that one wrong bit of the number always changes the checksum.
_MODULUS = 101
# The light and dark reference differ at least so much, and each square is at least so far from the middle.
_LEAST_CONTRAST = 60.0
_LEAST_CLEAR = 0.15


def cell_bounds(height: int, width: int, *, margin: float = 0.0) -> list[tuple[int, int, int, int]]:
    """Return the squares' top, bottom, left and right, row by row.

    Args:
        height: Rows of the picture.
        width: Columns of the picture.
        margin: The part of a square that is left out on each side; coding blurs borders.
    """
    side = _SHARE * min(height, width) / CELLS
    top, left = (height - CELLS * side) / 2, (width - CELLS * side) / 2

    def bounds(start: float, place: int) -> tuple[int, int]:
        return round(start + (place + margin) * side), round(start + (place + 1 - margin) * side)

    return [(*bounds(top, row), *bounds(left, column)) for row in range(CELLS) for column in range(CELLS)]


def draw(luma: NDArray[np.uint8], number: int) -> None:
    """Draw a number into a plane of brightness, uint8 [H, W].

    Raises:
        ValueError: The number is not between 0 and `LARGEST`.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"a picture's number is from 0 to {LARGEST}, not {number}")
    for (top, bottom, left, right), bit in zip(cell_bounds(*luma.shape), _bits(number), strict=True):
        luma[top:bottom, left:right] = _WHITE if bit else _BLACK


def picture_number(rgb: NDArray[np.uint8]) -> int:
    """Read the number in a picture.

    Args:
        rgb: uint8 [H, W, 3], of any size whose squares have a few pixels; or a model's input, uint8 [1, 3, H, W].

    Raises:
        ValueError: No number can be read, or its checksum is wrong.
    """
    planes = np.moveaxis(rgb, 2, 0) if rgb.ndim == 3 else rgb[0]
    grey = planes.astype(np.float32).mean(axis=0)
    inner = cell_bounds(*grey.shape, margin=0.25)
    return number_of([float(grey[top:bottom, left:right].mean()) for top, bottom, left, right in inner])


def number_of(brightness: Sequence[float]) -> int:
    """Return the number whose squares have this mean brightness, row by row.

    Raises:
        ValueError: No number can be read, or its checksum is wrong.
    """
    white, black, *rest = brightness
    if white - black < _LEAST_CONTRAST:
        raise ValueError(
            f"no number in the picture: its references are {white:.0f} and {black:.0f}, expected 235 and 16"
        )
    shares = [(value - black) / (white - black) for value in rest]
    if min(abs(share - 0.5) for share in shares) < _LEAST_CLEAR:
        raise ValueError(
            f"no number in the picture: a square is neither light nor dark: {[round(s, 2) for s in shares]}"
        )
    number = int("".join("1" if share > 0.5 else "0" for share in shares[:16]), 2)
    if [share > 0.5 for share in shares] != _bits(number)[2:]:
        raise ValueError(f"the number in the picture, {number}, has a wrong checksum: it is damaged or mixed from two")
    return number


def _bits(number: int) -> list[bool]:
    text = f"10{number:016b}{number % _MODULUS:07b}"
    return [bit == "1" for bit in text]
