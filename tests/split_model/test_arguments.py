"""Keyword arguments, dictionaries, dataclasses and values that are no tensors, in and out."""

import collections
import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import split_model
from split_model.pytorch.module_model import model_of

X = torch.arange(6.0).reshape(2, 3)
Y = torch.ones(2, 3)


class Keywords(nn.Module):
    def forward(self, x, *, y, scale=1.0, kind=None):
        return x * scale - y if kind is None else x


def split_at_inputs(model):
    return model.split(frozenset(entry.name for entry in model.graph.layers if not entry.inputs))


@pytest.mark.parametrize("mapping", [dict, collections.UserDict])
def test_keyword_arguments(mapping):
    model = model_of(Keywords(), mapping({"y": Y, "x": X, "scale": 2.0}), name="toy")
    assert [spec.path for spec in model.inputs] == ["y", "x"]
    head, tail = split_at_inputs(model)
    expected = X * 2 - Y
    assert torch.equal(model(x=X, y=Y, scale=2.0), expected)
    assert torch.equal(model(*model.example_inputs), expected)
    assert torch.equal(tail(head(x=X, scale=2.0, y=Y)), expected)
    assert torch.equal(tail(head(*model.example_inputs)), expected)
    assert torch.equal(tail(head(Y, X, scale=2.0)), expected)
    *_, (name, _) = model.walk(Y, scale=2.0, x=X)
    assert name == model.graph.layers[-1].name


@pytest.mark.parametrize("call", [{"x": X}, {"x": X, "y": Y, "scale": 2.0, "more": 1}, {}])
def test_wrong_names_are_named(call):
    model = model_of(Keywords(), {"x": X, "y": Y, "scale": 2.0}, name="toy")
    with pytest.raises(split_model.InputError, match="expected the inputs x, y, scale"):
        split_at_inputs(model)[0](**call)
    with pytest.raises(split_model.InputError, match="expected the inputs x, y, scale"):
        model(**call)


def test_inputs_are_checked_before_a_call():
    model = model_of(Keywords(), {"x": X, "y": Y, "scale": 2.0}, name="toy")
    in_order = model.in_order((X,), {"scale": 2.0, "y": Y})
    assert [torch.equal(X, in_order[0]), torch.equal(Y, in_order[1]), in_order[2]] == [True, True, 2.0]
    model.check_inputs(in_order)
    for wrong in [(X, Y, 3.0), (X, Y), (X, Y[:1], 2.0), (X, [Y], 2.0)]:
        with pytest.raises(split_model.InputError):
            model.check_inputs(wrong)


def test_positional_arguments_by_name():
    model = model_of(Keywords(), (X, Y, 2.0), name="toy", keywords=("y", "scale"))
    head, tail = split_at_inputs(model)
    assert torch.equal(tail(head(scale=2.0, y=Y, x=X)), X * 2 - Y)


def test_a_dictionary_that_is_no_keyword_arguments():
    class Batch(nn.Module):
        def forward(self, batch):
            return batch["x"] * 2

    with pytest.raises(split_model.UnsupportedModelError, match=r"for one dictionary, return \({...},\)"):
        model_of(Batch(), {"x": X}, name="toy")
    with pytest.raises(split_model.UnsupportedModelError, match="the keys must be their names"):
        model_of(Batch(), {1: X}, name="toy")
    assert [spec.path for spec in model_of(Batch(), ({"x": X},), name="toy").inputs] == ["batch.x"]


@pytest.mark.parametrize(
    ("fixed", "others"),
    [(2.0, [3.0, 2, "2", None, Y]), ("sum", ["mean", None]), (True, [False, 1]), (None, [0, Y]), (float("nan"), [0.0])],
)
def test_what_is_no_tensor_is_fixed(fixed, others):
    class Mode(nn.Module):
        def forward(self, x, mode):
            return x * mode if isinstance(mode, float) else x + (mode is None) + (mode == "sum")

    model = model_of(Mode(), (X, fixed), name="toy")
    head, tail = split_at_inputs(model)
    tail(head(X, fixed))
    for other in others:
        with pytest.raises(split_model.InputError, match=r"input 'mode' is fixed to .*got"):
            head(X, other)


@dataclasses.dataclass
class Boxes:
    xy: Tensor
    score: Tensor | None
    names: list[Tensor]

    def __post_init__(self):
        assert isinstance(self.xy, Tensor)


def test_dataclasses_in_and_out():
    @dataclasses.dataclass
    class Result:
        boxes: Boxes
        count: int

    class Moves(nn.Module):
        def forward(self, boxes):
            return Result(Boxes(boxes.xy + 1, None, [boxes.names[0] * 2]), 3)

    model = model_of(Moves(), (Boxes(X, None, [Y]),), name="toy")
    assert [spec.path for spec in model.inputs] == ["boxes.xy", "boxes.names.0"]
    assert [spec.path for spec in model.outputs] == ["boxes.xy", "boxes.names.0"]
    head, tail = split_at_inputs(model)
    result = tail(head(Boxes(Y, None, [X])))
    assert type(result) is Result
    assert result.count == 3
    assert result.boxes.score is None
    assert torch.equal(result.boxes.xy, Y + 1)
    assert torch.equal(result.boxes.names[0], X * 2)


class DynamicCache:
    """As that of transformers: not known to torch."""


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (DynamicCache(), "returns a DynamicCache, which grows from call to call; load it with use_cache=False"),
        (np.ones(2), "returns a numpy ndarray; make it a tensor"),
        (range(2), "returns a value of type range; expected tensors, numbers and None"),
    ],
)
def test_other_outputs_are_refused(made, message):
    class Returns(nn.Module):
        def forward(self, x):
            return x * 2, made

    with pytest.raises(split_model.UnsupportedModelError, match=message):
        model_of(Returns(), (X,), name="toy")


def test_other_inputs_are_refused():
    with pytest.raises(split_model.UnsupportedModelError, match="takes a numpy ndarray; make it a tensor"):
        model_of(nn.Identity(), (np.ones(2),), name="toy")


def test_example_inputs_are_copies():
    example = X.clone()
    model = model_of(nn.ReLU(), example, name="toy")
    example.zero_()
    assert torch.equal(model.example_inputs[0], X)
