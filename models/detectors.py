"""torchvision's detectors by name: what they see, in the pixels of the model's input picture."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from models.detector_parts import divide
from models.preprocessing import example_image
from pictures import Preprocess
from split_model.pytorch.source import Source
from split_model.rests.boxes_for_json import BoxesForJson

__all__ = ["DETECTORS", "as_trained", "describe", "source_of"]

_FIXED_SIZES = {"ssd300_vgg16": (300, 300), "ssdlite320_mobilenet_v3_large": (320, 320)}
_OTHER_SIZE = (480, 640)  # that of many cameras; torchvision resizes it again inside the model

_FROZEN_NORM_EPSILONS = {
    "fasterrcnn_mobilenet_v3_large_320_fpn": 1e-5,
    "fasterrcnn_mobilenet_v3_large_fpn": 1e-5,
    "fasterrcnn_resnet50_fpn": 0.0,
    "fcos_resnet50_fpn": 1e-5,
    "keypointrcnn_resnet50_fpn": 0.0,
    "retinanet_resnet50_fpn": 0.0,
}
"""The epsilon of the frozen batch norms in the backbones of those that were trained with such."""

DETECTORS = (*_FROZEN_NORM_EPSILONS, *_FIXED_SIZES, "fasterrcnn_resnet50_fpn_v2", "retinanet_resnet50_fpn_v2")
"""Names of the detectors. Mask R-CNN is none of them: its masks of whole pictures, up to 123 MB, are no message."""


def source_of(name: str, detector: nn.Module, meta: Mapping[str, Any]) -> Source:
    """A detector that takes one uint8 picture.

    Args:
        name: One of `DETECTORS`.
        detector: torchvision's module of that name, in evaluation mode, with its weights.
        meta: The metadata of its trained weights, which name the categories.
    """
    example = example_image(*_size(name))
    # The first two scale each side to a fixed size themselves. The others keep the picture's shape, and so does this.
    preprocess = Preprocess("stretch" if name in _FIXED_SIZES else "pad")
    boxes = BoxesForJson(tuple(meta["categories"]))
    return Source(divide(detector, example).eval(), (example,), postprocess=boxes, preprocess=preprocess)


def describe(name: str) -> str:
    """A description of the detector, in a few words."""
    height, width = _size(name)
    what = "COCO detector of persons and their key points" if name.startswith("keypoint") else "COCO detector"
    only = "; no ONNX form" if "rcnn" in name else ""  # its rest holds a network of its own
    return f"{what}, for pictures of {width}x{height}{only}"


def as_trained(name: str, module: nn.Module, state: Collection[str]) -> None:
    """Replaces batch norms by frozen ones, as torchvision does before it loads trained weights.

    Args:
        name: The detector's name.
        module: It is changed.
        state: Names of the weights. Those of a detector that was trained with its own batch norms count batches.
    """
    from torchvision.ops import FrozenBatchNorm2d  # noqa: PLC0415  # once torchvision can be imported

    epsilon = _FROZEN_NORM_EPSILONS.get(name)
    if epsilon is None or any("backbone." in each and each.endswith(".num_batches_tracked") for each in state):
        return
    for parent in list(module.get_submodule("backbone").modules()):
        for child, part in parent.named_children():
            if isinstance(part, nn.BatchNorm2d):
                setattr(parent, child, FrozenBatchNorm2d(part.num_features, eps=epsilon))


def _size(name: str) -> tuple[int, int]:
    return _FIXED_SIZES.get(name, _OTHER_SIZE)
