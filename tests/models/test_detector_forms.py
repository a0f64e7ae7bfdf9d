"""The numpy forms of detectors' rests find the boxes that torchvision's own code finds."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from models.detector_parts import divide
from models.torchvision_models import torchvision_models
from split_model.exporting.rest_forms import rest_form
from split_model.pytorch.module_model import model_of
from split_model.rests.form import RestForm
from split_model.rests.named import named_rest
from split_model.trace.layering import layer

CLASSES = 4
PICTURE = torch.arange(3 * 32 * 40).remainder(251).to(torch.uint8).reshape(1, 3, 32, 40)


class Backbone(nn.Module):
    """Two levels of features."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, stride=4), nn.Conv2d(32, 32, 3, stride=2)

    def forward(self, image):
        near = self.first(image).relu()
        return OrderedDict([("0", near), ("1", self.second(near))])


def detector(kind: str) -> nn.Module:
    """A detector of torchvision's code, small, with random weights and many boxes of all scores."""
    detection = torchvision_models().detection
    torch.manual_seed(3)
    anchors = detection.anchor_utils
    several = anchors.AnchorGenerator(((8, 12), (16, 24)), ((0.5, 1.0, 2.0),) * 2)
    single = anchors.AnchorGenerator(((8,), (16,)), ((1.0,),) * 2)
    limits = {"detections_per_img": 60, "topk_candidates": 50}
    size = {"min_size": 24, "max_size": 64}
    if kind == "SSD":
        ssd = detection.ssd
        boxes = anchors.DefaultBoxGenerator([[2], [2, 3]])
        head = ssd.SSDHead([32, 32], boxes.num_anchors_per_location(), CLASSES)
        made = ssd.SSD(Backbone(), boxes, (24, 30), CLASSES, head=head, **limits)
    elif kind == "RetinaNet":
        made = detection.RetinaNet(Backbone(), CLASSES, anchor_generator=several, **size, **limits)
    else:
        made = detection.FCOS(Backbone(), CLASSES, anchor_generator=single, **size, **limits)
    for parameter in made.head.parameters():
        nn.init.normal_(parameter, std=0.05)
    return made.eval()


@pytest.mark.parametrize("kind", ["SSD", "RetinaNet", "FCOS"])
def test_boxes_are_those_of_torchvision(kind):
    divided = divide(detector(kind), PICTURE).eval()
    model = model_of(divided, (PICTURE,), name=kind)
    trace = model.engine.plain_trace()
    form = rest_form(trace, layer(trace))
    assert form is not None
    compute = named_rest(RestForm.from_bytes(form.to_bytes()))
    generator = torch.Generator().manual_seed(4)
    counts = set()
    for shift in (0, -2, -100):  # many boxes, some, none
        with torch.inference_mode():
            heads = divided.trunk(PICTURE)
            heads = {name: head + torch.randn(head.shape, generator=generator) for name, head in heads.items()}
            heads["cls_logits"] += shift
            if kind == "SSD":
                heads["cls_logits"][..., 0] -= 2 * shift  # the background's
            (wanted,) = divided.rest(heads)
        boxes, scores, labels = compute([head.numpy() for head in heads.values()])
        assert labels.tolist() == wanted["labels"].tolist()
        np.testing.assert_allclose(boxes, wanted["boxes"].numpy(), atol=1e-4)
        np.testing.assert_allclose(scores, wanted["scores"].numpy(), atol=1e-6)
        assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int64)
        counts.add(len(labels))
    assert len(counts) >= 2
    assert min(counts) == 0


def test_the_form_says_which_layers_it_takes():
    model = model_of(divide(detector("SSD"), PICTURE).eval(), (PICTURE,), name="ssd")
    trace = model.engine.plain_trace()
    form = rest_form(trace, layer(trace))
    assert form is not None
    rest = next(entry for entry in model.graph.layers if entry.name == model.rest)
    assert tuple(spec.layer for spec in form.takes) == rest.inputs
    assert [spec.path for spec in form.takes] == ["rest:0", "rest:1"]
