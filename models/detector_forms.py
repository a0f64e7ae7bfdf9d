"""What numpy needs in place of the rest of one of torchvision's detectors of one stage: anchors and settings."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from torch import Tensor

from split_model.rests.form import RestForm

__all__ = ["form_of"]

_NAMES = {"FCOS": "torchvision-fcos", "RetinaNet": "torchvision-retinanet", "SSD": "torchvision-ssd"}


def form_of(
    detector: Any,  # noqa: ANN401  # torchvision ships no annotations
    anchors: Tensor,
    levels: Sequence[Sequence[int]],
    *,
    picture: Sequence[int],
    resized: Sequence[int],
) -> RestForm | None:
    """The form of a detector's rest; `None` for those of two stages, whose rest holds a network of its own.

    Args:
        detector: torchvision's module.
        anchors: [n, 4].
        levels: Shapes of the feature maps.
        picture: Height and width of the model's input.
        resized: Height and width after the transform, without padding.
    """
    name = _NAMES.get(type(detector).__name__)
    if name is None:
        return None
    cells = [prod(shape[-2:]) for shape in levels]
    per_cell = detector.anchor_generator.num_anchors_per_location()
    numbers: dict[str, Any] = {
        "levels": [count * each for count, each in zip(cells, per_cell, strict=True)],
        "least_score": detector.score_thresh,
        "overlap": detector.nms_thresh,
        "candidates": detector.topk_candidates,
        "most": detector.detections_per_img,
        "picture": list(picture),
        "resized": list(resized),
        **_coding(detector.box_coder),
    }
    return RestForm(name, numbers, {"anchors": anchors.numpy().astype(np.float32)})


def _coding(coder: Any) -> Mapping[str, Any]:  # noqa: ANN401  # likewise
    if hasattr(coder, "normalize_by_size"):
        return {"by_size": coder.normalize_by_size}
    return {"weights": list(coder.weights), "largest": coder.bbox_xform_clip}
