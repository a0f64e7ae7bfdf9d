from math import inf

import numpy as np
import pytest
import torch
from torch import nn

import split_model
from split_model.choosing.agreement import deviation, whole_parts
from split_model.engines.engine import Results


class Trunk(nn.Module):
    def forward(self, x, unread):
        return {"a": x * 2, "b": x + 1}


class Rest(nn.Module):
    def forward(self, taken):
        return taken["a"][taken["b"] > 1.5]


class Plain(nn.Module):
    def forward(self, x, unread):
        return x * 2, (x > 0).long(), unread


X = (torch.tensor([0.0, 1.0, -4.0]), torch.ones(2))


def changed(part_of, change):
    """An engine whose values are changed on their way out."""

    class Part:
        def __init__(self, part):
            self.part = part

        def run(self, feeds):
            found = self.part.run(feeds)
            return Results(
                {name: change(name, value) for name, value in found.layers.items()},
                {path: change(path, value) for path, value in found.outputs.items()},
            )

    return lambda spec: Part(part_of(spec))


def off(model, change):
    feeds = model.definition.inputs.feed(model.example_inputs)
    part = model.engine.part
    return deviation(model.definition, feeds, part, changed(part, change))


@pytest.fixture(scope="module")
def plain():
    return split_model.model_of(Plain().eval(), X, name="plain")


@pytest.fixture(scope="module")
def with_rest():
    return split_model.model_of(split_model.TrunkAndRest(Trunk(), Rest()).eval(), X, name="rest")


def test_the_deviation_is_relative_to_the_largest_element(plain):
    assert off(plain, lambda _, value: value) == 0
    found = off(plain, lambda path, value: value + np.float32(0.008) if path == "0" else value)
    assert found == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda path, value: value + 1 if path == "1" else value,
        lambda path, value: value[:-1] if path == "0" else value,
        lambda path, value: value.astype(np.float64) if path == "0" else value,
        lambda path, value: np.full_like(value, np.nan) if path == "0" else value,
    ],
)
def test_another_integer_shape_dtype_or_nan_is_another_answer(plain, change):
    assert off(plain, change) == inf


def test_a_rest_is_compared_on_the_same_values(with_rest):
    trunk, rest = whole_parts(with_rest.definition)
    assert trunk.outputs == ()
    assert rest.feeds == trunk.layers
    nudged = off(with_rest, lambda name, value: value * np.float32(1 + 1e-6) if name in trunk.layers else value)
    assert 0 < nudged < 1e-5  # though the rest would keep other elements of values that are a little larger
