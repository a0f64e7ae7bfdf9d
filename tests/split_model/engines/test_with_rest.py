from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from split_model.engines.engine import PartSpec
from split_model.engines.with_rest import WithRest, trunk_definition
from split_model.errors import ExecutionError
from split_model.exporting.rest_forms import rest_form
from split_model.model import Model
from split_model.pytorch.module_model import model_of
from split_model.pytorch.trunk_and_rest import TrunkAndRest
from split_model.rests.form import RestForm
from split_model.rests.named import named_rest
from split_model.specs import ValueSpec
from split_model.trace.layering import layer

HEADS = ("cls_logits", "bbox_regression", "bbox_ctrness")
IMAGE = torch.linspace(-1, 1, 48).reshape(1, 3, 4, 4)
NUMBERS = {
    "levels": [16],
    "least_score": 0.1,
    "overlap": 0.5,
    "candidates": 10,
    "most": 8,
    "resized": [20, 20],
    "picture": [40, 20],
    "by_size": True,
}
ANCHORS = np.array([[5 * (place % 4), 5 * (place // 4), 5 * (place % 4) + 6, 20] for place in range(16)], np.float32)


class Trunk(nn.Module):
    """Raw heads of a detector with a row for each pixel."""

    def __init__(self, names: Sequence[str] = HEADS) -> None:
        super().__init__()
        self.names = names

    def forward(self, image):
        rows = (image * 2).flatten(2).transpose(1, 2)
        heads = (rows.sigmoid(), rows.relu().repeat(1, 1, 2)[..., :4], rows[..., :1])
        return dict(zip(self.names, heads, strict=True))


class Rest(nn.Module):
    """In torch, what numpy does."""

    def plain_form(self):
        return RestForm("torchvision-fcos", NUMBERS, {"anchors": ANCHORS})

    def forward(self, heads):
        takes = tuple(ValueSpec(name, name, "float32", ()) for name in heads)
        compute = named_rest(replace(self.plain_form(), numbers={**NUMBERS, "heads": list(heads)}, takes=takes))
        found = compute([head.numpy() for head in heads.values()])
        return dict(zip(("boxes", "scores", "labels"), map(torch.from_numpy, found), strict=True))


@pytest.fixture(scope="module")
def whole() -> Model:
    return model_of(TrunkAndRest(Trunk(), Rest()), (IMAGE,), name="whole")


@pytest.fixture(scope="module")
def form(whole) -> RestForm:
    trace = whole.engine.plain_trace()
    found = rest_form(trace, layer(trace))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def trunk() -> Model:
    """The trunk as a model of its own, whose outputs have the paths of what a rest takes."""
    return model_of(Trunk(("rest:0", "rest:1", "rest:2")), (IMAGE,), name="trunk")


@pytest.fixture(scope="module")
def model(whole, form, trunk) -> Model:
    engine = WithRest(whole.definition, form, trunk.engine)
    return Model(whole.definition, engine, name="both", example_inputs=(IMAGE.numpy(),))


def test_the_trunks_definition_is_that_of_a_model_of_its_own(whole, form, trunk):
    made, own = trunk_definition(whole.definition, form), trunk.definition
    assert made.graph == own.graph
    assert made.layer_specs == own.layer_specs
    assert made.outputs.specs == own.outputs.specs
    assert made.rest is None


def test_every_split_finds_the_boxes_of_the_whole(whole, model, closed_sets):
    image = IMAGE.numpy()
    wanted = whole.flatten(whole(IMAGE))
    assert len(wanted["scores"]) > 1
    for edge in closed_sets(model.graph):
        head, tail = model.split(edge)
        found = model.flatten(tail(head(image)))
        assert all(np.array_equal(found[path], wanted[path]) for path in wanted), edge


def test_each_layer_and_a_recorder_see_the_rest(whole, model, trunk):
    feeds = dict(model.definition.inputs.feed((IMAGE.numpy(),)))
    walked = dict(model.engine.walk(feeds))
    assert list(walked) == [entry.name for entry in model.graph.layers if entry.inputs]
    wanted = dict(whole.engine.walk(feeds))[model.rest]
    assert all(np.array_equal(one, two) for one, two in zip(walked[model.rest], wanted, strict=True))
    seen: dict[str, float] = {}
    part = model.engine.part(PartSpec(tuple(feeds), (model.rest,), ("labels",)))
    results = part.run(feeds, lambda name, seconds: seen.update({name: seconds}))
    assert model.rest in seen
    assert results.outputs["labels"] is results.layers[model.rest][2]
    assert model.engine.is_ready(PartSpec((model.rest,), (), ("labels",)))


def test_it_is_measured_like_the_layers_of_the_trunk(model):
    profile = model.engine.measure(
        model.definition.inputs.feed((IMAGE.numpy(),)), repeats=2, warmup=1, on_progress=None
    )
    assert len(profile.layer_s) == len(model.graph)
    assert profile.whole_s == pytest.approx(sum(profile.layer_s))


def test_a_failure_names_the_layer(model):
    feeds = dict(model.definition.inputs.feed((IMAGE.numpy(),)))
    part = model.engine.part(PartSpec(tuple(feeds), (model.rest,)))
    with pytest.raises(ExecutionError, match="'rest' failed"):
        replace(part, takes=part.takes[:2]).run(feeds)  # the rest takes three
