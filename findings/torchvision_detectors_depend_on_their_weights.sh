#!/usr/bin/env bash
# torchvision's detectors built without weights are other networks than the trained ones, and loading says nothing.
#
# Expected: `fasterrcnn_resnet50_fpn(weights=None)` followed by `load_state_dict(trained)` is the trained detector, above
# all where it answers "All keys matched successfully": that is how weights from a file are used.
# What happens: the builder chooses the normalisation by whether weights were asked for. Without, the backbone has
# BatchNorm2d with eps 1e-5; with, FrozenBatchNorm2d, and in some detectors with eps 0. Both have the same keys, so a
# plain dictionary of the trained tensors loads strictly, and the loaded network answers otherwise: channels of small
# variance are scaled otherwise, and in training mode statistics move.
#
# Run by hand; installs torch and torchvision (some 250 MB). Nothing is downloaded beside them: the trained detector is
# built with its download replaced. The two schemas let torchvision be imported where torch is a CPU build. Exits 0
# while this is so, and 1 once it is not.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 pillow==12.3.0
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0

cat > "$folder/norms.py" <<'PYTHON'
import platform
import sys

import torch
from torch import nn

library = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision
from torchvision.models import detection
from torchvision.models._api import WeightsEnum


def norms(module):
    kinds = {"BatchNorm2d", "FrozenBatchNorm2d"}
    return {(type(part).__name__, part.eps) for part in module.modules() if type(part).__name__ in kinds}


def trained(build):
    """The detector as `weights="DEFAULT"` builds it, with the weights that it was initialised with."""
    load, WeightsEnum.get_state_dict = nn.Module.load_state_dict, lambda *_, **__: {}
    nn.Module.load_state_dict = lambda *_, **__: None
    try:
        return build(weights="DEFAULT")
    finally:
        nn.Module.load_state_dict = load


print(f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}")
found = []
for name in ("fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn", "fcos_resnet50_fpn"):
    build = getattr(detection, name)
    wanted, plain = trained(build).eval(), build(weights=None, weights_backbone=None).eval()
    torch.manual_seed(0)
    for part in wanted.backbone.modules():
        if hasattr(part, "running_var"):
            part.running_var.copy_(10 ** (-6 * torch.rand_like(part.running_var)))  # as small as in trained networks
    loaded = plain.load_state_dict(dict(wanted.state_dict()))
    with torch.no_grad():
        x = torch.rand(1, 64, 16, 16)
        one, two = wanted.backbone.body.layer1(x), plain.backbone.body.layer1(x)
    off = float((one - two).abs().max() / one.abs().max())
    print(f"{name}: trained {sorted(norms(wanted))}, untrained {sorted(norms(plain))}; {loaded}; off by {off:.1e}")
    found.append(norms(wanted) != norms(plain) and not loaded.missing_keys and not loaded.unexpected_keys)
sys.exit(0 if all(found) else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/norms.py"
