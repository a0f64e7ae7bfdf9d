"""The rests of torchvision's detectors of one stage: SSD, RetinaNet and FCOS, from raw heads to boxes.

They follow `postprocess_detections` of `torchvision.models.detection` step by step, for one picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from split_model.rests.boxes import Floats, clipped, decoded_distances, decoded_offsets, scaled
from split_model.rests.suppression import kept
from split_model.values import Array

__all__ = ["Found", "Settings", "fcos", "retinanet", "ssd"]

Found = tuple[Array, ...]
"""Boxes [n, 4] in pixels of the model's input, scores [n], and labels [n], int64."""

_Indices = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a detector of one stage was made with.

    Attributes:
        anchors: float32 [n, 4].
        levels: Number of anchors of each level.
        least_score: Boxes up to this score are dropped.
        overlap: The threshold of suppression.
        candidates: How many boxes of a class (SSD) or level go to suppression at most.
        most: How many boxes are returned at most.
        resized: Height and width of the picture that the anchors are for.
        picture: Height and width of the model's input.
        weights: What the four codes are divided by (SSD and RetinaNet).
        largest: The largest logarithm of a size (likewise).
        by_size: Whether distances are in units of the anchor's sides (FCOS).
    """

    anchors: Floats
    levels: Sequence[int]
    least_score: float
    overlap: float
    candidates: int
    most: int
    resized: Sequence[int]
    picture: Sequence[int]
    weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
    largest: float = 0.0
    by_size: bool = True


def ssd(heads: Mapping[str, Floats], settings: Settings) -> Found:
    """The best boxes of each class; class 0 is the background.

    Args:
        heads: `bbox_regression` [1, n, 4] and `cls_logits` [1, n, classes].
        settings: The detector's.
    """
    logits = heads["cls_logits"][0]
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores = (powers / powers.sum(axis=-1, keepdims=True))[:, 1:]
    labels, rows = np.nonzero((scores > settings.least_score).T)
    found = scores[rows, labels]
    order = np.lexsort((-found, labels))  # by class, and by falling score
    labels, rows, found = labels[order], rows[order], found[order]
    best = np.arange(len(labels)) - np.searchsorted(labels, labels) < settings.candidates
    labels, rows, found = labels[best], rows[best], found[best]
    codes = heads["bbox_regression"][0]
    boxes = decoded_offsets(codes[rows], settings.anchors[rows], settings.weights, settings.largest)
    return _selected(clipped(boxes, settings.resized), found, labels + 1, settings)


def retinanet(heads: Mapping[str, Floats], settings: Settings) -> Found:
    """The best boxes of each level.

    Args:
        heads: `bbox_regression` [1, n, 4] and `cls_logits` [1, n, classes].
        settings: The detector's.
    """

    def decoded(codes: Floats, anchors: Floats) -> Floats:
        return decoded_offsets(codes, anchors, settings.weights, settings.largest)

    return _by_level(heads, _sigmoid(heads["cls_logits"][0]), decoded, settings)


def fcos(heads: Mapping[str, Floats], settings: Settings) -> Found:
    """The best boxes of each level, scored by class and by how central they are.

    Args:
        heads: `bbox_regression` [1, n, 4], `cls_logits` [1, n, classes] and `bbox_ctrness` [1, n, 1].
        settings: The detector's.
    """

    def decoded(codes: Floats, anchors: Floats) -> Floats:
        return decoded_distances(codes, anchors, by_size=settings.by_size)

    scores = np.sqrt(_sigmoid(heads["cls_logits"][0]) * _sigmoid(heads["bbox_ctrness"][0]))
    return _by_level(heads, scores, decoded, settings)


def _by_level(
    heads: Mapping[str, Floats], scores: Floats, decoded: Callable[[Floats, Floats], Floats], settings: Settings
) -> Found:
    classes = scores.shape[-1]
    places: list[_Indices] = []  # in the flattened scores
    first = 0
    for count in settings.levels:
        of_level = scores[first : first + count].reshape(-1)
        good = np.nonzero(of_level > settings.least_score)[0]
        places.append(good[_best(of_level[good], settings.candidates)] + first * classes)
        first += count
    chosen = np.concatenate([np.empty(0, np.intp), *places])
    rows, labels = np.divmod(chosen, classes)
    boxes = decoded(heads["bbox_regression"][0][rows], settings.anchors[rows])
    return _selected(clipped(boxes, settings.resized), scores.reshape(-1)[chosen], labels, settings)


def _best(scores: Floats, count: int) -> _Indices:
    """Positions of the best scores, the best one first; of equal ones the earlier first."""
    if len(scores) <= count:
        return np.argsort(-scores, kind="stable")
    limit = np.partition(scores, len(scores) - count)[len(scores) - count]
    good = np.nonzero(scores >= limit)[0]
    return good[np.argsort(-scores[good], kind="stable")][:count]


def _selected(boxes: Floats, scores: Floats, labels: _Indices, settings: Settings) -> Found:
    best = kept(boxes, scores, labels, settings.overlap)[: settings.most]
    return scaled(boxes[best], settings.resized, settings.picture), scores[best], labels[best].astype(np.int64)


def _sigmoid(values: Floats) -> Floats:
    with np.errstate(over="ignore"):  # far below 0 the power is infinite, and the result 0
        result: Floats = 1 / (1 + np.exp(-values))
    return result
