"""torchvision's detectors in two parts find, at any split, the boxes that torchvision's own module finds."""

import asyncio
import json
import random

import pytest
import torch
from torch import nn

import split_model
from edge_service.output.verify import Expected, difference
from edge_service.sources import open_source
from models import detectors, torchvision_models, weights
from models.detectors import DETECTORS
from split_model.model import Model
from split_model.pytorch.module_model import model_of


def detector_of(name: str) -> nn.Module:
    """torchvision's module with seeded weights, and heads of which some scores are high."""
    tv = torchvision_models.torchvision_models()
    with weights.NoRandomInit():
        detector = tv.get_model(name, weights=None, weights_backbone=None)
    weights.seed(detector)
    return detector.eval()


def sharpen(source, pictures) -> None:
    """Draws the last layers of the heads anew, larger: fresh ones tell all places and classes alike."""
    heads = source.module.trunk.head
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        computed = [source.module.trunk(picture) for picture in pictures]
    if isinstance(computed[0], dict):
        spread = {key: torch.cat([one[key].flatten() for one in computed]).std() for key in computed[0]}
        parts = {"cls_logits": heads.classification_head, "bbox_regression": heads.regression_head}
        for key, part in parts.items():
            last = [layer for layer in part.modules() if isinstance(layer, nn.Conv2d) and is_last(layer, part)]
            for layer in last:
                draw(layer, generator, times=2 / float(spread[key]))
    else:
        spread = torch.cat([part.flatten() for _, outputs in computed for level in outputs for part in level]).std()
        for layer in (heads.cls_logits, heads.bbox_pred):
            draw(layer, generator, times=1 / float(spread))
        predictor = source.module.rest.detector.roi_heads.box_predictor
        draw(predictor.cls_score, generator, times=4)


def is_last(layer: nn.Conv2d, part: nn.Module) -> bool:
    """Whether a convolution makes the head's own output."""
    named = [getattr(part, name, None) for name in ("cls_logits", "bbox_reg")]
    stacks = [stack if isinstance(stack, nn.Conv2d) else stack[-1] for stack in getattr(part, "module_list", [])]
    return any(layer is one for one in (*named, *stacks))


def draw(layer: nn.Module, generator: torch.Generator, times: float) -> None:
    """New weights with the spread of the old ones, but for a factor."""
    with torch.no_grad():
        spread = float(layer.weight.std())
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * spread * times)


def passing(module, detector, computed) -> int:
    """Sets the threshold of scores so that 5 to 100 boxes pass; returns how many."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        for part in (detector, module.rest.detector):
            (part.roi_heads if hasattr(part, "roi_heads") else part).score_thresh = middle
        with torch.inference_mode():
            found = len(module.rest(computed)[0]["scores"])
        if 5 <= found <= 100 and found != getattr(detector, "detections_per_img", None):
            return found
        low, high = (low, middle) if found < 5 else (middle, high)
    raise AssertionError(f"no threshold lets 5 to 100 boxes pass; the last of {middle} lets {found}")


def pictures_of(example: torch.Tensor, count: int) -> list[torch.Tensor]:
    """Frames of real clips, a second apart."""
    height, width = example.shape[-2:]

    async def read() -> list[torch.Tensor]:
        found = []
        for clip in ("bikes", "bigbuckbunny", "carphone_pristine"):
            each = -(-count // 3)
            source = open_source(f"sample:{clip}", height=height, width=width, rate_hz=1, frames=each, paced=False)
            found += [torch.from_numpy(frame.image) async for frame in source]
        return found[:count]

    return asyncio.run(read())


def random_closed_set(model: Model, generator: random.Random) -> frozenset[str]:
    edge: set[str] = set()
    keep = generator.choice([0.9, 0.97, 0.99, 1.0])
    until = generator.randrange(1, len(model.graph.layers) + 1)
    for entry in model.graph.layers[:until]:
        if edge.issuperset(entry.inputs) and (not entry.inputs or generator.random() < keep):
            edge.add(entry.name)
    return frozenset(edge)


def through(model: Model, edge: frozenset[str], picture: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """The model's return value by a split, with what crosses as arrays on the way."""
    head, tail = model.split(edge)
    return tail(
        {
            name: split_model.value_of(split_model.arrays_of(value), model.layer_specs[name])
            for name, value in head(picture).items()
        }
    )


class Pair:
    """A detector of torchvision's, and the same in two parts; they share their weights."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.detector = detector_of(name)
        preset = torchvision_models.torchvision_models().get_model_weights(name).DEFAULT
        self.source = detectors.source_of(name, self.detector, preset.meta)
        sharpen(self.source, [self.source.example_inputs[0]])

    def check_rest(self, picture: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        """The two return the same bits, and 5 to 100 boxes; returns what they return."""
        module = self.source.module
        with torch.inference_mode():
            computed = module.trunk(picture)
            count = passing(module, self.detector, computed)
            own = self.detector([picture[0].to(torch.float32) / 255])
            (rest,) = module.rest(computed)
        assert list(own[0]) == list(rest)
        assert all(torch.equal(own[0][key], rest[key]) for key in rest)
        described = self.source.postprocess(own)
        assert json.loads(json.dumps(described)) == described
        assert {len(described[key]) for key in ("boxes", "labels", "scores")} == {count}
        return own

    def check_splits(self, count: int) -> None:
        """At random splits the boxes are the detector's own; torchvision's rest is run on real pictures."""
        model = model_of(self.source.module, self.source.example_inputs, name=self.name)
        generator = random.Random(self.name)
        shown, same = [], 0
        for picture in pictures_of(self.source.example_inputs[0], count):
            own = model.flatten(self.check_rest(picture))
            expected = Expected(model, (picture,), 1e-4)
            found = model.flatten(through(model, random_closed_set(model, generator), picture))
            assert expected.difference(found) is None
            shown.append(len(own["0.scores"]))
            same += difference(own, found) is None
        if count > 1:  # it takes eight runs of the rest
            wrong = {path: tensor[1:] for path, tensor in found.items()}  # without the best box
            assert expected.difference(wrong) is not None
        print(f"{self.name}: boxes {min(shown)} to {max(shown)}; {same} of {count} without any close call")
        assert same >= 0.5 * count


def test_the_rest_is_the_detectors_own():
    pair = Pair("fasterrcnn_mobilenet_v3_large_320_fpn")
    pair.check_rest(pictures_of(pair.source.example_inputs[0], 1)[0])


def test_a_split_detector():
    Pair("ssdlite320_mobilenet_v3_large").check_splits(1)


@pytest.mark.slow
@pytest.mark.timeout(6000)
@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector(name):
    Pair(name).check_splits(20)


@pytest.mark.parametrize("name", DETECTORS)
def test_trained_weights_are_read_into_norms_like_torchvisions(name, monkeypatch):
    """Frozen batch norms, and their epsilon, as torchvision builds them for its trained weights."""
    tv = torchvision_models.torchvision_models()
    preset = tv.get_model_weights(name).DEFAULT
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda module, state: None)
    monkeypatch.setattr(type(preset), "get_state_dict", lambda *_, **__: {})
    with torch.device("meta"):
        theirs, ours = tv.get_model(name, weights=preset), tv.get_model(name, weights=None, weights_backbone=None)
        detectors.as_trained(name, ours, ())

    def norms(module: nn.Module) -> dict[str, tuple[str, float]]:
        return {path: (type(part).__name__, part.eps) for path, part in module.named_modules() if hasattr(part, "eps")}

    assert norms(ours) == norms(theirs)
    assert norms(theirs) or name == "ssd300_vgg16"


def test_norms_that_were_trained_stay_as_they_are():
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    with torch.device("meta"):
        tv = torchvision_models.torchvision_models()
        trained = tv.get_model(name, weights=None, weights_backbone=None)
    before = [type(part) for part in trained.modules()]
    detectors.as_trained(name, trained, trained.state_dict().keys())
    assert [type(part) for part in trained.modules()] == before
    assert nn.BatchNorm2d in before
