"""torchvision's SSDlite without box selection: backbone and raw heads, whose closed sets are too many to list."""

from typing import Any

import torch
from torch import Tensor, nn

from models import weights
from split_model.pytorch.torchvision_import import torchvision_models


class RawHeads(nn.Module):
    """Class logits and box regressions of every anchor; takes float32 [1, 3, 320, 320]."""

    def __init__(self, detector: Any) -> None:  # noqa: ANN401 # torchvision ships no annotations
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found: dict[str, Tensor] = self.head(list(self.backbone(image).values()))
        return found["cls_logits"], found["bbox_regression"]


def ssdlite() -> tuple[nn.Module, tuple[Tensor]]:
    """The module with seeded weights, and an example input."""
    torchvision_models()  # declares the operators that torchvision's detectors miss beside a CPU build of torch
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large  # noqa: PLC0415 # importable only now

    with weights.NoRandomInit():
        detector = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    weights.seed(detector)
    return RawHeads(detector).eval(), (torch.zeros(1, 3, 320, 320),)
