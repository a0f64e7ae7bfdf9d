from dataclasses import replace

import numpy as np
import torch
from torch import nn

import split_model
from split_model.choosing.onnx_side import onnx_engine
from split_model.choosing.wanted import Wanted
from split_model.engines.engine import Preparation
from split_model.model_file import open_model_file
from split_model.rests.form import RestForm
from split_model.rests.named import named_rest
from split_model.specs import ValueSpec

IMAGE = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
ANCHORS = np.array([[5 * (place % 4), 5 * (place // 4), 5 * (place % 4) + 6, 20] for place in range(16)], np.float32)
NUMBERS = {"levels": [16], "least_score": 0.1, "overlap": 0.5, "candidates": 10, "most": 8, "by_size": True}
FORM = RestForm("torchvision-fcos", {**NUMBERS, "resized": [20, 20], "picture": [40, 20]}, {"anchors": ANCHORS})


class Trunk(nn.Module):
    def forward(self, image):
        rows = (image * 2).flatten(2).transpose(1, 2)
        boxes = rows.relu().repeat(1, 1, 2)[..., :4]
        return {"cls_logits": rows.sigmoid(), "bbox_regression": boxes, "bbox_ctrness": rows[..., :1]}


class Rest(nn.Module):
    def plain_form(self):
        return FORM

    def forward(self, heads):
        takes = tuple(ValueSpec(name, name, "float32", ()) for name in heads)
        compute = named_rest(replace(FORM, numbers={**FORM.numbers, "heads": list(heads)}, takes=takes))
        found = compute([head.numpy() for head in heads.values()])
        return dict(zip(("boxes", "scores", "labels"), map(torch.from_numpy, found), strict=True))


def never(spec):
    raise AssertionError(f"torch was asked for {spec}")


def test_a_model_with_a_rest_waits_for_its_sessions(tmp_path):
    """The engine below knows the trunk alone: torch has no part with the trunk's outputs."""
    whole = split_model.model_of(split_model.TrunkAndRest(Trunk(), Rest()), (IMAGE,), name="whole")
    split_model.export_model(whole, tmp_path / "net.dads")
    file = open_model_file(tmp_path / "net.dads")
    wanted = Wanted("file", "net.dads", "whole", None, "cpu", "onnx", 1, bridged=False, on_step=lambda _: None)
    engine = onnx_engine(file, wanted, None, never)
    assert engine.preparation is Preparation.AWAITED
    model = split_model.Model(file.definition, engine, name="file", example_inputs=file.example_inputs)
    head, tail = model.split(frozenset(entry.name for entry in model.graph.layers if not entry.inputs))
    found, right = tail.run(head.run(model.example_inputs)), whole.flatten(whole(IMAGE))
    engine.close()
    assert len(right["scores"]) > 1
    for path, array in right.items():
        np.testing.assert_allclose(found[path], array, rtol=1e-4, err_msg=path)
