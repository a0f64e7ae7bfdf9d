"""Writes the graph of a real wide network with its measured times, as a file in `graphs/`.

    python -m bench.wide_graphs.describe yolov8n raft retinanet
    python -m bench.wide_graphs.describe rt_detr      # needs the package transformers, which is no dependency here

The files are committed, so the benchmark itself needs neither the networks nor their packages. Those of timm's HRNet
and TNT, and of FCOS and SSDlite, were measured in the same way before this program was written.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.wide_graphs.yolo_v8 import yolov8n
from bench.wide_live.model import RawHeads
from split_model import model_of, profile
from split_model.pytorch.torchvision_import import torchvision_models

FOLDER = Path(__file__).parent / "graphs"
Factory = Callable[[], tuple[nn.Module, tuple[Tensor, ...]]]


class LogitsAndBoxes(nn.Module):
    """A detector of transformers without its dictionary of outputs."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        found: Any = self.detector(pixel_values=image)
        return found.logits, found.pred_boxes


def rt_detr() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """RT-DETR with ResNet-50, seeded weights, for pictures of 640 by 640."""
    torchvision_models()  # transformers imports torchvision
    from transformers import RTDetrConfig, RTDetrResNetConfig  # type: ignore[import-not-found]  # noqa: PLC0415 # no dependency
    from transformers.models.rt_detr import modeling_rt_detr  # type: ignore[import-not-found]  # noqa: PLC0415 # no dependency

    backbone = RTDetrResNetConfig(out_features=["stage2", "stage3", "stage4"])
    config = RTDetrConfig(backbone_config=backbone, num_labels=80, anchor_image_size=[640, 640])
    torch.manual_seed(0)
    detector = modeling_rt_detr.RTDetrForObjectDetection(config)
    return LogitsAndBoxes(detector).eval(), (torch.zeros(1, 3, 640, 640),)


def raft() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Torchvision's small RAFT, seeded weights, for two pictures of 128 by 128."""
    torchvision_models()
    from torchvision.models.optical_flow import raft_small  # noqa: PLC0415 # importable only now

    torch.manual_seed(0)
    picture = torch.zeros(1, 3, 128, 128)
    return raft_small().eval(), (picture, picture)


def retinanet() -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Torchvision's RetinaNet without box selection, seeded weights, for pictures of 320 by 320."""
    torchvision_models()
    from torchvision.models.detection import retinanet_resnet50_fpn  # noqa: PLC0415 # importable only now

    torch.manual_seed(0)
    detector = retinanet_resnet50_fpn(weights=None, weights_backbone=None)
    return RawHeads(detector).eval(), (torch.zeros(1, 3, 320, 320),)


NETWORKS: dict[str, tuple[str, Factory]] = {
    "yolov8n": ("YOLOv8n, 640 x 640, decoded boxes and classes", yolov8n),
    "raft": ("torchvision raft_small, two pictures of 128x128, 12 updates", raft),
    "retinanet": ("torchvision retinanet_resnet50_fpn, raw heads, 320x320", retinanet),
    "rt_detr": ("RT-DETR of transformers, ResNet-50, 640 x 640", rt_detr),
}


def describe(name: str) -> dict[str, Any]:
    """The graph of a network: each layer's inputs, bytes and seconds on one core of this machine."""
    title, factory = NETWORKS[name]
    module, inputs = factory()
    torch.set_num_threads(1)
    model = model_of(module, inputs, name=name)
    seconds = profile(model).layer_s
    layers = [
        [layer.name, list(layer.inputs), layer.output_bytes, round(took_s, 9)]
        for layer, took_s in zip(model.graph.layers, seconds, strict=True)
    ]
    note = f"one core, torch {torch.__version__.split('+')[0]}, seconds; bytes of the layers' values"
    return {"model": title, "note": note, "outputs": list(model.graph.outputs), "layers": layers}


def main() -> None:
    """Writes the files of the networks that the command line names."""
    for name in sys.argv[1:]:
        text = json.dumps(describe(name), separators=(",", ":"))
        (FOLDER / f"{name}.json").write_text(text + "\n")
        print(FOLDER / f"{name}.json")


if __name__ == "__main__":
    main()
