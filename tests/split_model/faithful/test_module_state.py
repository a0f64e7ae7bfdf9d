import collections
import types

import numpy as np
import torch
from torch import nn

from split_model.faithful.module_state import ModuleState


class Plain:
    limit = 1

    def __init__(self):
        self.values = {"a": [1, 2], "b": {3}}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("mean", torch.zeros(2))
        self.plain, self.space = Plain(), types.SimpleNamespace(count=0)
        self.order, self.tensor, self.pair = collections.deque([1]), torch.ones(2), (torch.zeros(1), 5)
        self.array, self.number = np.zeros(2), float("nan")


def changed(module, change):
    state = ModuleState.of(module)
    assert state.changes() == ()
    change(module)
    places = state.changes()
    state.restore()
    return places, state.changes()


def test_each_change_is_seen_and_undone():
    def assign(owner, name, value):
        setattr(owner, name, value)

    cases = {
        "mean": lambda m: m.mean.add_(1),
        "tensor": lambda m: assign(m, "tensor", torch.zeros(2)),
        "pair": lambda m: m.pair[0].add_(1),
        "order.1": lambda m: m.order.append(2),
        "plain.values.a.0": lambda m: m.plain.values["a"].pop(0),
        "plain.values.b.4": lambda m: m.plain.values["b"].add(4),
        "plain.values.c": lambda m: m.plain.values.update(c=1),
        "plain.more": lambda m: assign(m.plain, "more", 1),
        "space.count": lambda m: assign(m.space, "count", 1),
        "number": lambda m: assign(m, "number", 1.0),
        "array": lambda m: assign(m, "array", np.ones(2)),
        "Plain.limit": lambda m: assign(Plain, "limit", 2),
        "training": lambda m: assign(m, "training", False),
        "linear.bias": lambda m: assign(m.linear, "bias", None),
        "extra": lambda m: m.register_buffer("extra", torch.ones(1)),
        "linear": lambda m: m.__delattr__("linear"),
    }
    for place, change in cases.items():
        module = Net()
        places, after = changed(module, change)
        assert place in places, place
        assert after == (), place


def test_equal_values_are_no_change():
    def remake(module):
        module.tensor = module.tensor.clone()
        module.pair = (torch.zeros(1), 5)
        module.number = float("nan")
        module.plain = Plain()

    assert changed(Net(), remake) == ((), ())


def test_gradients_are_asked_for_as_before():
    module = Net()
    state = ModuleState.of(module)
    module.linear.weight.requires_grad_(False)
    module.mean.requires_grad_()
    state.restore()
    assert module.linear.weight.requires_grad
    assert not module.mean.requires_grad


def test_a_module_in_a_circle():
    module = Net()
    module.plain.owner = module
    assert changed(module, lambda m: m.order.append(m)) == (("order.1",), ())
