"""Non-maximum suppression for each class, which keeps the same boxes as torchvision's kernel for CPUs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from split_model.rests.boxes import Floats

__all__ = ["kept"]

Integers = NDArray[np.integer[Any]]

_SHIFTED_NUMBERS = 4000
"""Up to so many coordinates torchvision shifts each class away from the others, which rounds the overlaps."""

_ROWS = 256
"""Boxes whose overlaps with all later ones are computed at once."""


def kept(boxes: Floats, scores: Floats, labels: Integers, threshold: float) -> NDArray[np.intp]:
    """The boxes that overlap no better kept box of their class by more than a threshold (`batched_nms`).

    Takes O(n^2) time and O(n) memory, for the n boxes of one class.

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
    limit = np.float32(threshold)  # the kernel compares in double precision; this does the same in single
    limit = np.nextafter(limit, np.float32(-np.inf)) if limit > threshold else limit
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    areas = (right - left) * (bottom - top)
    alive = np.ones(len(boxes), np.bool_)
    for first in range(0, len(boxes), _ROWS):
        rows = first + np.nonzero(alive[first : first + _ROWS])[0]
        wide = np.minimum(right[rows, None], right[first:]) - np.maximum(left[rows, None], left[first:])
        high = np.minimum(bottom[rows, None], bottom[first:]) - np.maximum(top[rows, None], top[first:])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        with np.errstate(invalid="ignore"):  # boxes without area overlap nothing
            over = shared / (areas[rows, None] + areas[first:] - shared) > limit
        for row, hits in zip(rows.tolist(), over, strict=True):
            if alive[row]:
                alive[row + 1 :] &= ~hits[row + 1 - first :]
    return alive
