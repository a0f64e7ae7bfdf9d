"""What is overwritten, and that no one can tell."""

import threading

import pytest
import torch
from torch import nn

from split_model.engines.schedules.in_place import overwrites
from split_model.pytorch.module_model import model_of
from split_model.trace.capture import capture
from split_model.trace.folding import fold
from split_model.trace.pruning import prune

X = torch.linspace(-2, 2, 12).reshape(3, 4)


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def overwritten(function) -> dict[str, str]:
    """The node that may write, and the one that is written over."""
    trace = prune(fold(capture(Function(function), (X,)).trace, torch.device("cpu")))
    return {trace.nodes[at].name: trace.nodes[found.source].name for at, found in overwrites(trace).items()}


def two_readers(x):
    y = x * 2
    return torch.relu(y) + y


def view_kept(x):
    y = x * 2
    return torch.relu(y), y.t()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(lambda x: torch.relu(x * 2), {"relu": "mul"}, id="chain"),
        pytest.param(torch.relu, {}, id="an input"),
        pytest.param(lambda x: torch.relu(x.t()), {}, id="a view"),
        pytest.param(lambda x: torch.relu((x * 2).t()), {}, id="a view of a value"),
        pytest.param(view_kept, {}, id="a view beside it"),
        pytest.param(lambda x: (x[:1] * 2) + x, {}, id="of another shape"),
        pytest.param(lambda x: (x > 0) * x, {}, id="of another dtype"),
        pytest.param(lambda x: torch.exp(torch.exp(x)), {}, id="an operator not listed"),
        pytest.param(two_readers, {"relu": "mul", "add": "relu"}, id="the trace allows what the schedule may not"),
        pytest.param(
            lambda x: nn.functional.gelu(nn.functional.hardtanh(x + 1, 0, 6), approximate="tanh") - 1,
            {"hardtanh": "add", "gelu": "hardtanh", "sub": "gelu"},
            id="arguments",
        ),
    ],
)
def test_what_may_be_overwritten(function, expected):
    assert overwritten(function) == expected


FUNCTIONS = [
    two_readers,
    view_kept,
    lambda x: nn.functional.gelu(nn.functional.hardtanh(x + 1, 0, 6), approximate="tanh") - 1,
    lambda x: torch.relu(x * 2) / 3 + nn.functional.leaky_relu(x + x, 0.3),
    lambda x: (torch.relu(x * 2), nn.functional.silu(x + 1).clamp(0, 1)),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_without(function, closed_sets):
    model = model_of(Function(function), (X,), name="toy")
    expected = model.flatten(function(X))
    for edge in closed_sets(model.graph):
        head, tail = model.split(edge)
        sent = head(X)
        kept = {name: value.clone() for name, value in sent.items()}
        for _ in range(2):  # a second run must find what the first one found
            torch.testing.assert_close(model.flatten(tail(sent)), expected)
        assert all(torch.equal(sent[name], kept[name]) for name in kept)
    torch.testing.assert_close(X, torch.linspace(-2, 2, 12).reshape(3, 4))


def test_constants_stay():
    offset = torch.ones(3, 4)
    model = model_of(Function(lambda x: torch.relu(offset * 2) + torch.relu(offset + x)), (X,), name="toy")
    head, tail = model.split(frozenset({"x"}))
    first = tail(head(X)).clone()
    assert torch.equal(tail(head(X)), first)
    assert torch.equal(offset, torch.ones(3, 4))


def test_memory_is_reused():
    """A chain of element-wise operators holds one tensor of its own."""
    model = model_of(Function(lambda x: torch.relu(torch.sigmoid(torch.tanh(x * 2)) - 0.5)), (X,), name="toy")
    made = set()

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            made.add(result.data_ptr())
            return result

    schedule, nodes = model.tail({"x"}).part.schedule, model.engine.node_of
    with Watch():
        schedule.run({nodes["x"]: X})
    assert len(made) == 1


def test_several_threads_at_once():
    function = FUNCTIONS[3]
    model = model_of(Function(function), (X,), name="toy")
    tail = model.tail({"x"})
    inputs = [X + number for number in range(4)]
    found: dict[int, bool] = {}

    def work(number: int) -> None:
        expected = function(inputs[number])
        found[number] = all(torch.allclose(tail({"x": inputs[number]}), expected) for _ in range(200))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), True)
