"""What changes a fingerprint, and what does not."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from split_model.trace.fingerprint import fingerprint


class Coder:
    def __init__(self, weights):
        self.weights = weights


class Select(nn.Module):
    def __init__(self, least=0.5, sizes=(1, 2), names=None, coder=None, scale=1.0):
        super().__init__()
        self.least, self.sizes, self.names = least, list(sizes), names or {"a": 1}
        self.coder = Coder((1.0, 2.0)) if coder is None else coder
        self.pool = nn.MaxPool2d(2)
        self.linear = nn.Linear(2, 2)
        self.register_buffer("grid", torch.full((2,), scale), persistent=False)
        nn.init.ones_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)


class Other(Select):
    pass


def changed(change) -> nn.Module:
    module = Select()
    change(module)
    return module


@dataclass(frozen=True, slots=True)
class Limits:
    least: float


OTHERS = {
    "number": Select(least=0.25),
    "list": Select(sizes=(2, 1)),
    "longer": Select(sizes=(1, 2, 2)),
    "key": Select(names={"b": 1}),
    "entry": Select(names={"a": 2}),
    "object": Select(coder=Coder((1.0, 3.0))),
    "function": Select(coder=torch.relu),
    "buffer": Select(scale=2.0),
    "class": Other(),
    "part": changed(lambda module: setattr(module, "pool", nn.AvgPool2d(2))),
    "part's number": changed(lambda module: setattr(module.pool, "stride", 1)),
    "weight": changed(lambda module: module.linear.weight.data[0].fill_(3.0)),
    "dtype": changed(lambda module: module.linear.half()),
}


def test_it_is_the_same_for_modules_that_are_made_alike():
    assert fingerprint(Select()) == fingerprint(Select())
    assert fingerprint(Select()).startswith("Select ")
    assert " at 0x" not in fingerprint(Select())


@pytest.mark.parametrize("other", list(OTHERS))
def test_it_tells_apart(other):
    assert fingerprint(OTHERS[other]) != fingerprint(Select())


def test_the_order_of_attributes_and_the_state_of_training_do_not_count():
    module = Select()
    first = vars(module).pop("least")
    module.least = first
    assert fingerprint(module.train(False)) == fingerprint(Select())


@pytest.mark.parametrize(("one", "other"), [(Limits(1.0), Limits(2.0)), (np.arange(3.0), np.arange(3.0)[::-1])])
def test_what_is_inside_counts(one, other):
    assert fingerprint(Select(coder=one)) != fingerprint(Select(coder=other))
    assert fingerprint(Select(coder=one)) == fingerprint(Select(coder=copy.copy(one)))


def test_circles_end():
    module = Select()
    module.coder.back = module.coder
    assert fingerprint(module) != fingerprint(Select())


def test_the_file_of_a_class_may_be_called_otherwise(monkeypatch):
    before = fingerprint(Select())
    monkeypatch.setattr(Select, "__module__", "net_on_another_machine")
    assert fingerprint(Select()) == before
