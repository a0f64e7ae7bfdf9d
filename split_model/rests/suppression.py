"""Non-maximum suppression for each class, which keeps the same boxes as torchvision's kernel for CPUs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from split_model.rests.boxes import Floats

__all__ = ["kept"]

Integers = NDArray[np.integer[Any]]

_SHIFTED_NUMBERS = 4000
"""Up to so many coordinates torchvision shifts each class away from the others, which rounds the overlaps."""


def kept(boxes: Floats, scores: Floats, labels: Integers, threshold: float) -> NDArray[np.intp]:
    """The boxes that overlap no better kept box of their class by more than a threshold (`batched_nms`).

    Takes O(n^2) time and memory, for the n boxes of one class.

    Args:
        boxes: [n, 4].
        scores: [n]; of equal ones the earlier counts as the better.
        labels: [n].
        threshold: Intersection over union from which on (exclusively) the worse box is dropped.

    Returns:
        Positions, by falling score.
    """
    if 0 < boxes.size <= _SHIFTED_NUMBERS:
        boxes = boxes + (labels.astype(boxes.dtype) * (boxes.max() + boxes.dtype.type(1)))[:, None]
    order = np.argsort(-scores, kind="stable")
    ranked = labels[order]
    positions = [order[ranked == label] for label in np.unique(ranked)]
    survivors = [rows[_survives(boxes[rows], threshold)] for rows in positions]
    found = np.sort(np.concatenate([np.empty(0, np.intp), *survivors]))
    return found[np.argsort(-scores[found], kind="stable")]


def _survives(boxes: Floats, threshold: float) -> NDArray[np.bool_]:
    """Which boxes of one class survive; they come by falling score."""
    alive = np.ones(len(boxes), np.bool_)
    over = _overlaps(boxes).astype(np.float64) > threshold  # the kernel compares in double precision too
    for row in range(len(boxes)):
        if alive[row]:
            alive[row + 1 :] &= ~over[row, row + 1 :]
    return alive


def _overlaps(boxes: Floats) -> Floats:
    """[n, n]: intersection over union; NaN for two boxes without area."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    sides = np.maximum(high - low, boxes.dtype.type(0))
    shared = sides[..., 0] * sides[..., 1]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = shared / (areas[:, None] + areas[None, :] - shared)
    return ratio
