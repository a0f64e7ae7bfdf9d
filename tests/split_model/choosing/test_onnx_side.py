import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from split_model.choosing.onnx_side import onnx_engine
from split_model.choosing.wanted import Wanted
from split_model.engines.engine import Preparation
from split_model.engines.onnx.sessions import Sessions
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


@pytest.fixture(scope="module")
def whole():
    return split_model.model_of(split_model.TrunkAndRest(Trunk(), Rest()), (IMAGE,), name="whole")


@pytest.fixture
def from_file(whole, tmp_path):
    """Makes the model of a file with a rest, with or without a fallback."""
    split_model.export_model(whole, tmp_path / "net.dads")
    file = open_model_file(tmp_path / "net.dads")
    wanted = Wanted("file", "net.dads", "whole", None, "cpu", "onnx", 1, bridged=False, on_step=lambda _: None)
    with contextlib.ExitStack() as engines:

        def make(fallback):
            engine = onnx_engine(file, wanted, None, fallback)
            engines.callback(engine.close)
            return split_model.Model(file.definition, engine, name="file", example_inputs=file.example_inputs)

        yield make


def check_boxes(model, whole, edge):
    head, tail = model.split(edge)
    values = head.run(model.example_inputs)
    found, right = model.flatten(model.assemble(values, tail.run(values))), whole.flatten(whole(IMAGE))
    assert len(right["scores"]) > 1
    for path, array in right.items():
        np.testing.assert_allclose(found[path], array, rtol=1e-4, err_msg=path)


def test_without_torch_a_model_with_a_rest_waits_for_its_sessions(from_file, whole):
    model = from_file(None)
    assert model.engine.preparation is Preparation.AWAITED
    check_boxes(model, whole, frozenset(entry.name for entry in model.graph.layers if not entry.inputs))


def test_with_torch_every_split_of_a_model_with_a_rest_runs_before_its_sessions_are_there(
    from_file, whole, closed_sets, monkeypatch
):
    monkeypatch.setattr(Sessions, "get", lambda *_: None)  # none is ever there, and none is waited for
    monkeypatch.delattr(Sessions, "wait")
    model = from_file(whole.engine.part)
    assert model.engine.preparation is Preparation.BRIDGED
    for edge in closed_sets(model.graph):
        check_boxes(model, whole, edge)
