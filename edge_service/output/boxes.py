"""Boxes, labels and scores as a model's `postprocess` gives them, and their place in the source's picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pictures import Placement

__all__ = ["LEAST_SHOWN", "Box", "boxes_of", "counted", "in_picture", "shown"]

LEAST_SHOWN = 0.2
"""The least score of a box that people are shown. Detectors return boxes down to a score of 0.001, hundreds of them."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its label and score; pixels from the left and from the top."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str
    score: float | None


def boxes_of(value: object) -> tuple[Box, ...] | None:
    """The boxes in a value, the highest score first; None if the value does not hold boxes.

    Args:
        value: values of JSON. Boxes are a dictionary, or a list of one, with the lists `boxes` ([x1, y1, x2, y2] each),
            `labels` and `scores`, all of one length. A box with a corner that is null (NaN) is left out.
    """
    found = _detections(value)
    if found is None:
        return None
    each = zip(found["boxes"], found["labels"], found["scores"], strict=True)
    boxes = [
        Box(x1, y1, x2, y2, str(label), score)
        for (x1, y1, x2, y2), label, score in each
        if None not in (x1, y1, x2, y2)
    ]
    return tuple(sorted(boxes, key=lambda box: -1.0 if box.score is None else box.score, reverse=True))


def in_picture(value: Any, picture: Placement) -> Any:  # noqa: ANN401 # JSON has no type of its own
    """The same value with its boxes, and key points of boxes, in pixels of the picture instead of the model's input."""
    found = _detections(value)
    if found is None:
        return value

    def moved(point: Sequence[float | None]) -> list[float | None]:
        x, y, *others = point
        return [_moved(x, picture.x_of), _moved(y, picture.y_of), *others]

    def inside(point: Sequence[float | None]) -> list[float | None]:
        """Of a box that begins or ends in the input's border."""
        x, y = moved(point)
        return [_clipped(x, picture.width), _clipped(y, picture.height)]

    scaled = dict(found) | {"boxes": [[*inside(box[:2]), *inside(box[2:])] for box in found["boxes"]]}
    keypoints = found.get("keypoints")
    if isinstance(keypoints, list) and all(map(_are_points, keypoints)):
        scaled["keypoints"] = [[moved(point) for point in points] for points in keypoints]
    return [scaled] if isinstance(value, list) else scaled


def shown(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes that people are shown: those with a score of at least `LEAST_SHOWN`, and those without a score."""
    return tuple(box for box in boxes if box.score is None or box.score >= LEAST_SHOWN)


def counted(boxes: Sequence[Box]) -> str:
    """How many of the boxes that are shown have each label, in the order of the best scores.

    >>> counted([Box(0, 0, 1, 1, "dog", 0.9), Box(0, 0, 1, 1, "cat", 0.8), Box(0, 0, 1, 1, "dog", 0.7)])
    '2 dog, 1 cat'
    >>> counted([Box(0, 0, 1, 1, "dog", 0.1)])
    'nothing found (1 below 0.2)'
    """
    counts = Counter(box.label for box in shown(boxes))
    if counts:
        return ", ".join(f"{count} {label}" for label, count in counts.items())
    return f"nothing found ({len(boxes)} below {LEAST_SHOWN})" if boxes else "nothing found"


def _detections(value: object) -> Mapping[str, Any] | None:
    found = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(found, dict):
        return None
    lists = [found.get(name) for name in ("boxes", "labels", "scores")]
    if not all(isinstance(each, list) for each in lists):
        return None
    boxes, labels, scores = lists
    if not len(boxes) == len(labels) == len(scores):  # type: ignore[arg-type] # lists, as checked above
        return None
    if not all(isinstance(box, list) and len(box) == 4 and all(map(_is_number, box)) for box in boxes):  # type: ignore[union-attr] # see above
        return None
    if not all(map(_is_number, scores)):  # type: ignore[arg-type] # see above
        return None
    return found


def _are_points(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(point, list) and len(point) >= 2 and all(map(_is_number, point[:2])) for point in value
    )


def _is_number(value: object) -> bool:
    """Or null, which stands for NaN."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _clipped(number: float | None, most: int) -> float | None:
    return None if number is None else min(max(number, 0.0), float(most))


def _moved(number: float | None, move: Callable[[float], float]) -> float | None:
    return None if number is None else round(move(number), 2)
