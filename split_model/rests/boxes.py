"""Arithmetic of boxes as torchvision does it, in float32: decoding, clipping, scaling.

A box is x1, y1, x2, y2. Formulas and the order of operations are those of `torchvision.models.detection._utils`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "clipped", "decoded_distances", "decoded_offsets", "scaled"]

Floats = NDArray[np.floating[Any]]


def decoded_offsets(codes: Floats, anchors: Floats, weights: Sequence[float], largest: float) -> Floats:
    """Boxes from offsets of the centre and logarithms of the size (`BoxCoder`).

    Args:
        codes: [n, 4].
        anchors: [n, 4].
        weights: What each of the four codes is divided by.
        largest: The largest logarithm.
    """
    sizes = anchors[:, 2:] - anchors[:, :2]
    centres = anchors[:, :2] + 0.5 * sizes
    divisors = np.asarray(weights, codes.dtype)
    moved = codes[:, :2] / divisors[:2] * sizes + centres
    grown = np.exp(np.minimum(codes[:, 2:] / divisors[2:], codes.dtype.type(largest))) * sizes
    return np.concatenate([moved - 0.5 * grown, moved + 0.5 * grown], axis=1)


def decoded_distances(codes: Floats, anchors: Floats, *, by_size: bool) -> Floats:
    """Boxes from distances of the anchor's centre to the four sides (`BoxLinearCoder`).

    Args:
        codes: [n, 4].
        anchors: [n, 4].
        by_size: Whether the distances are in units of the anchor's sides.
    """
    centres = 0.5 * (anchors[:, :2] + anchors[:, 2:])
    if by_size:
        codes = codes * np.tile(anchors[:, 2:] - anchors[:, :2], 2)
    return np.concatenate([centres - codes[:, :2], centres + codes[:, 2:]], axis=1)


def clipped(boxes: Floats, size: Sequence[int]) -> Floats:
    """Boxes inside a picture of this height and width."""
    height, width = size
    return np.clip(boxes, 0, np.asarray([width, height, width, height], boxes.dtype))


def scaled(boxes: Floats, old: Sequence[int], new: Sequence[int]) -> Floats:
    """Boxes of a picture of height and width `old` in the pixels of one of `new`."""
    down, across = (np.float32(after) / np.float32(before) for before, after in zip(old, new, strict=True))
    return boxes * np.asarray([across, down, across, down], boxes.dtype)
