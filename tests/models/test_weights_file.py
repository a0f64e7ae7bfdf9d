import re

import pytest
import torch
from torch import nn

from models.weights_file import fitted
from split_model import WeightsError


class Net(nn.Module):
    """Two layers, a norm with a counter, and a mask of infinities among the buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def state(net) -> dict[str, torch.Tensor]:
    return dict(net.state_dict())


def renamed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "module.model."])
def test_a_wrappers_prefix_is_left_out(net, state, prefix):
    found = fitted(renamed(state, prefix), net)
    assert found.keys() == state.keys()
    net.load_state_dict(found)


def test_a_prefix_that_the_module_has_itself_stays():
    outer = nn.Module()
    outer.model = Net()
    state = dict(outer.state_dict())
    assert fitted(state, outer).keys() == state.keys()
    assert fitted(renamed(state, "model."), outer).keys() == state.keys()


def test_ignored_names_are_ignored_behind_a_prefix_too(net, state):
    state["aux.weight"] = torch.ones(2)
    assert "aux.weight" not in fitted(renamed(state, "module."), net, ("aux.",))


def test_half_precision_is_a_number_for_a_weight(net, state):
    fitted({name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}, net)


def without(*names):
    return lambda state: [state.pop(name) for name in names]


def put(name, tensor):
    return lambda state: state.update({name: tensor})


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (without("last.bias"), "the file lacks last.bias"),
        (
            without("first.weight", "first.bias", "last.weight", "last.bias", "mask"),
            "the file lacks first.bias, first.weight, last.bias and 2 others",
        ),
        (lambda state: state.update(renamed(state, "else.")), "the model has no else.first.bias, .* and 7 others"),
        (put("last.bias", torch.ones(3)), "expected last.bias of shape [2], got [3]"),
        (put("last.bias", torch.ones(2, dtype=torch.int8)), "expected floating-point numbers, got int8, for last.bias"),
        (put("norm.num_batches_tracked", torch.tensor(1.0)), "expected whole numbers, got float32"),
        (put("last.bias", torch.tensor([1.0, torch.nan])), "found NaN or infinity in last.bias"),
        (put("first.bias", torch.full((4,), torch.inf)), "found NaN or infinity in first.bias"),
        (put("mask", torch.full((2,), torch.nan)), "found NaN or infinity in mask"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(net, state, spoil, expected):
    spoil(state)
    with pytest.raises(WeightsError) as refused:
        fitted(state, net)
    message = str(refused.value)
    assert re.search(expected if ".*" in expected else re.escape(expected), message)
    assert len(message) < 250
    assert "\n" not in message
