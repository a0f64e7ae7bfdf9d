"""Finding a model by name and digest."""

import dataclasses

import pytest

from cloud_service.errors import ConfigurationError, DigestMismatchError, StartingError, UnknownModelError
from cloud_service.registry import Registry


def warm(measure, *candidates):
    registry = Registry(candidates)
    registry.warm_up(lambda model: measure(model, repeats=1), lambda model: {})
    return registry


def test_found_by_name_with_its_own_digest_or_none(model, measure):
    registry = warm(measure, model)
    assert registry.find("fake", model.digest).model is model
    assert registry.find("fake", "").model is model
    assert [served.model for served in registry.all()] == [model]


@pytest.mark.parametrize("digest", ["x", "AB" * 32, "ab" * 31])
def test_another_digest_is_refused_with_both(model, measure, digest):
    with pytest.raises(DigestMismatchError, match=f"digest {model.digest}, not {digest!r}"):
        warm(measure, model).find("fake", digest)


@pytest.mark.parametrize("name", ["", "Fake", "fake ", "torchvision:alexnet"])
def test_another_name_is_refused_with_those_there_are(model, measure, name):
    with pytest.raises(UnknownModelError, match="is not served; expected one of: fake"):
        warm(measure, model).find(name, "")


def test_another_name_of_the_same_model_is_found_by_its_digest(model, measure):
    registry = warm(measure, model)
    assert registry.find("file:/elsewhere/model.pt2", model.digest).model is model
    with pytest.raises(UnknownModelError, match=r"expected one of: fake, or one of their digests$"):
        registry.find("file:/elsewhere/model.pt2", "cd" * 32)


@pytest.mark.parametrize(("served", "asked"), [("b/net.py:build", "./net.py:build"), ("own:build", "own:build")])
def test_a_factory_with_another_digest_is_told_to_seed(model, measure, served, asked):
    model.name = served
    with pytest.raises(
        (UnknownModelError, DigestMismatchError), match=r"; a factory must seed its weights or load them$"
    ):
        warm(measure, model).find(asked, "cd" * 32)


def test_nothing_is_known_before_it_is_warm(model):
    registry = Registry([model])
    for ask in (registry.all, lambda: registry.find("fake", ""), lambda: registry.find("other", "")):
        with pytest.raises(StartingError, match="being warmed up"):
            ask()


def test_there_must_be_something_to_serve():
    with pytest.raises(ConfigurationError, match="expected at least one"):
        Registry([])


def test_names_are_distinct(model):
    with pytest.raises(ConfigurationError, match="two models are named 'fake'"):
        Registry([model, model])


def test_outputs_must_have_a_place_on_the_wire(model):
    (path, spec), *others = model.definition.outputs.leaves
    leaves = ((path, dataclasses.replace(spec, dtype="uint16")), *others)
    outputs = dataclasses.replace(model.definition.outputs, leaves=leaves)
    model.definition = dataclasses.replace(model.definition, outputs=outputs)
    with pytest.raises(ConfigurationError, match="output 'out' is uint16, which cannot be sent; expected one of bool"):
        Registry([model])


@pytest.mark.parametrize(
    ("feeds", "outputs", "expected_s"),
    [
        (["x"], [], 0.007),
        (["x"], ["out"], 0.003),
        (["x"], ["parts.0"], 0.004),
        (["pair"], ["out"], 0.002),
        (["pair", "half"], [], 0.002),
        (["total"], ["out"], 0.0),
    ],
)
def test_the_prediction_walks_back_from_the_outputs_to_the_feeds(model, measure, feeds, outputs, expected_s):
    served = warm(measure, model).find("fake", "")
    assert served.predicted_s(feeds, outputs) == pytest.approx(expected_s)
